// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.wan.WanControl;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/**
 * Both ends of the sessions move in one moment, and neither can tell the other: the VM goes to another site, a stock host with {@code sojourn ilnp-host} loses the uplink that it was known by, and from its other uplink
 * the VM's old site cannot be reached. The host finds the VM by its name (RFC 6741 section 13.1), says who it is by the nonce, and everything goes on.
 *
 * <pre>
 *   peer ─┬ wan0  fd66:8:0::/64   fails when the VM runs at hiroshima
 *         └ wan1  fd66:18:0::/64  hiroshima and the name server, but not st-andrews
 * </pre>
 */
final class IlnpBothMove extends Scenario {
    private static final String PEER = "peer";
    private static final int NUMBER = 8;
    private static final Uplink SECOND = new Uplink("peer-2", new Topology.Site(PEER, NUMBER), 18);
    private static final double RTT_MS = 40;
    private static final int RATE_HZ = 100;
    private static final int STREAMS = 10;
    private static final int ECHO_PORT = 7;
    private static final String INSIDE = "fd6f::99";
    private static final Duration BOUND = Duration.ofSeconds(30);
    private static final Duration MOVED = Duration.ofSeconds(60);

    IlnpBothMove() {
        super(
                "ilnp-both-move",
                "VM and correspondent move at once, out of each other's reach: rediscovered through DNS",
                1,
                1);
    }

    @Override
    String mechanism(ScenarioOptions options) {
        return Lab.ILNP;
    }

    @Override
    Topology topology() {
        Topology topology = Topology.threeContinents();
        for (String end : List.of(PEER, SECOND.name())) {
            topology = topology.withOutsider(end, RTT_MS).withLink(end, Topology.CONTROLLER, RTT_MS);
        }
        return topology;
    }

    @Override
    Map<String, Integer> outsiders() {
        return Map.of(PEER, NUMBER);
    }

    @Override
    List<Uplink> uplinks() {
        return List.of(SECOND);
    }

    @Override
    List<String> speakingByIlnp() {
        return List.of("fd64:" + NUMBER + "::/64", Topology.locators(NUMBER), Topology.locators(SECOND.number()));
    }

    @Override
    Map<String, Object> controllerExtras() {
        return Map.of(
                "dns",
                Map.of("listen", Topology.wanAddress4(Topology.CONTROLLER_NUMBER) + ":" + Dig.PORT, "zone", Dig.ZONE));
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        count(options);
        String destination = topology.sites().get(1).name();
        return (stage, findings) -> {
            Lab lab = stage.lab();
            Place place = lab.place(PEER);
            speakIlnp(stage);
            InetSocketAddress vm = new InetSocketAddress(
                    stage.mover().plan().home().locator(0).replace("/64", Dig.node(stage)), ECHO_PORT);
            try (TcpStreams streams = new TcpStreams(place, List.of(vm), STREAMS, options.seed());
                    UdpProbe probe = new UdpProbe(place, vm, RATE_HZ)) {
                streams.awaitConnected(Duration.ofSeconds(20));
                stage.calmDown(Duration.ofSeconds(2));
                NetFilter.deafToUpdates(place); // the VM's are on their way to where the peer just was
                long[] movedNs = new long[1];
                Thread moves = Thread.ofPlatform().daemon().start(() -> movedNs[0] = moveToo(stage, destination));
                stage.step(destination, 1, findings);
                join(moves);
                long first = probe.next();
                judge(stage, streams, probe, first, movedNs[0], findings);
            }
            judgeLog(lab, findings);
            return false;
        };
    }

    private static void join(Thread thread) {
        try {
            thread.join(MOVED);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    /** When the VM runs there. */
    private static long moveToo(Stage stage, String destination) {
        Lab lab = stage.lab();
        long deadlineNs = System.nanoTime() + MOVED.toNanos();
        while (!isAt(stage, destination) && System.nanoTime() < deadlineNs) {
            LockSupport.parkNanos(5_000_000);
        }
        try (WanControl wan = lab.wan()) {
            String old = stage.mover().plan().home().name();
            for (String end : List.of(PEER, SECOND.name())) {
                wan.link(end, old, Map.of("loss", 1.0));
                wan.link(old, end, Map.of("loss", 1.0));
            }
        }
        lab.place(PEER).ip(List.of("link set " + Lab.WAN_DEVICE + " down"));
        return System.nanoTime();
    }

    private static boolean isAt(Stage stage, String site) {
        return stage.lab()
                .rest()
                .get("/v1/vms/" + stage.mover().plan().name())
                .path("gateway")
                .asString("")
                .equals(site);
    }

    private static void judge(
            Stage stage, TcpStreams streams, UdpProbe probe, long first, long movedNs, Findings findings) {
        long deadlineNs = System.nanoTime() + BOUND.toNanos();
        while (!probe.answeredSince(first) && System.nanoTime() < deadlineNs) {
            LockSupport.parkNanos(5_000_000);
        }
        double silentS = (System.nanoTime() - movedNs) / 1e9;
        if (!probe.answeredSince(first)) {
            findings.problems.add("the peer has not found the VM within " + BOUND.toSeconds() + " s");
            return;
        }
        streams.wakeSilent();
        for (EchoStream stream : streams.streams()) {
            while (stream.isOpen() && !stream.caughtUpSince(movedNs) && System.nanoTime() < deadlineNs) {
                LockSupport.parkNanos(20_000_000);
            }
        }
        stage.calmDown(Duration.ofSeconds(2));
        long last = probe.next();
        ProbeFigures after = probe.figures(last - 2 * RATE_HZ, last - RATE_HZ);
        long broken = streams.streams().stream()
                .filter(stream -> !stream.isOpen() || !stream.caughtUpSince(movedNs))
                .count();
        stage.say(String.format(
                Locale.ROOT,
                "the peer found the VM again within %.1f s; %d of %d streams do not go on; RTT %.1f ms (direct %.1f), %d of %d probes lost since",
                silentS,
                broken,
                STREAMS,
                after.medianRttMs(),
                RTT_MS,
                after.lost(),
                after.sent()));
        if (broken + after.lost() > 0 || after.medianRttMs() > RTT_MS + 5) {
            findings.problems.add("after both have moved: " + broken + " streams do not go on, " + after.lost()
                    + " probes lost, RTT " + after.medianRttMs() + " ms");
        }
    }

    /** As an operator would; see {@code sojourn ilnp-host --help}. */
    private static void speakIlnp(Stage stage) {
        Lab lab = stage.lab();
        Place place = lab.place(PEER);
        place.sysctl("net/ipv6/conf/all/forwarding=1");
        lab.startBeside(
                place,
                "ilnp-host",
                "ilnp-host",
                "--inside",
                INSIDE,
                "--locator",
                Topology.locator(NUMBER, 0) + "@" + Lab.WAN_DEVICE,
                "--locator",
                Topology.locator(SECOND.number(), 0) + "@" + Uplink.DEVICE,
                "--dns",
                Topology.wanAddress4(Topology.CONTROLLER_NUMBER) + ":" + Dig.PORT,
                "--peer",
                Dig.vm(stage));
        place.ip(List.of(
                "addr add " + INSIDE + "/128 dev ilnp0 nodad",
                "route add fd66::/16 dev ilnp0 src " + INSIDE,
                "route add ::/0 dev " + Lab.WAN_DEVICE + " table 77",
                "route add ::/0 dev " + Uplink.DEVICE + " table 78",
                "route add " + Topology.locator(NUMBER, 0) + " dev ilnp0",
                "route add " + Topology.locator(SECOND.number(), 0) + " dev ilnp0"));
        place.run("ip", "-6", "rule", "add", "iif", "ilnp0", "from", Topology.locators(NUMBER), "lookup", "77");
        place.run(
                "ip", "-6", "rule", "add", "iif", "ilnp0", "from", Topology.locators(SECOND.number()), "lookup", "78");
    }

    private static void judgeLog(Lab lab, Findings findings) {
        Path log = lab.run().folder().resolve("ilnp-host.log");
        try {
            boolean asked =
                    Files.readAllLines(log).stream().anyMatch(line -> line.contains("its name says that it is at"));
            if (!asked) {
                findings.problems.add("the peer did not need the VM's name: nothing is shown");
            }
        } catch (IOException e) {
            throw new LabException("cannot read " + log + ": " + e.getMessage(), e);
        }
    }
}

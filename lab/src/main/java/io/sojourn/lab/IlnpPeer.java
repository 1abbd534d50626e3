// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * A host out on the WAN without a gateway talks to the VM, by UDP and TCP, while the VM moves. It calls the VM by the address that it has at home, and each of the three is shown by tshark at the
 * host's end of the WAN.
 *
 * <pre>
 *   peer fd64:8::2, or by ILNP fd66:8:0::/64 ── WAN ── st-andrews fd66:1:0::/64, home of the VM ══ where the VM is
 * </pre>
 */
final class IlnpPeer extends Scenario {
    private static final String PEER = "peer";
    private static final int NUMBER = 8;
    private static final double RTT_MS = 40;
    private static final int RATE_HZ = 100;
    private static final int STREAMS = 10;
    private static final int ECHO_PORT = 7;
    private static final String INSIDE = "fd6f::99";
    private static final Duration REPLIES = Duration.ofSeconds(2);
    /** The first three of the schedule are lost: at 0, 1 and 3 s; the fourth goes at 6 s. */
    private static final Duration DEAF = Duration.ofMillis(4500);

    private static final Duration MOVED = Duration.ofSeconds(60);

    /** What the peer is like. */
    enum Kind {
        /** Stock Linux. */
        PLAIN,
        /** Stock Linux with {@code sojourn ilnp-host}. */
        ILNP,
        /** The same, and the gateway where the VM is is killed before it moves on. */
        RESTARTED,
        /** The same as the second, and the first Locator Updates of each move are lost. */
        DEAF
    }

    private final Kind kind;

    private IlnpPeer(Kind kind, String id, String description, int moves) {
        super(id, description, moves, 3);
        this.kind = kind;
    }

    static IlnpPeer plain() {
        return new IlnpPeer(
                Kind.PLAIN,
                "ilnp-plain-peer",
                "a stock host without ILNP or gateway never notices that the VM moves",
                3);
    }

    static IlnpPeer host() {
        return new IlnpPeer(
                Kind.ILNP,
                "ilnp-host",
                "a stock host with 'sojourn ilnp-host' is told of moves, and takes the direct way",
                3);
    }

    static IlnpPeer restarted() {
        return new IlnpPeer(
                Kind.RESTARTED,
                "ilnp-restart",
                "the VM's gateway is killed and started again: its correspondents go on believing it, and are told of the next move",
                2);
    }

    static IlnpPeer deaf() {
        return new IlnpPeer(
                Kind.DEAF,
                "ilnp-lost-updates",
                "the first three Locator Updates are lost: they are sent again on schedule, and nothing else is lost",
                1);
    }

    @Override
    String mechanism(ScenarioOptions options) {
        return Lab.ILNP;
    }

    @Override
    Topology topology() {
        return Topology.threeContinents().withOutsider(PEER, RTT_MS);
    }

    @Override
    Map<String, Integer> outsiders() {
        return Map.of(PEER, NUMBER);
    }

    @Override
    List<String> speakingByIlnp() {
        return List.of("fd64:" + NUMBER + "::/64", Topology.locators(NUMBER));
    }

    @Override
    Map<String, Object> controllerExtras() {
        return Dig.CONTROLLER;
    }

    /** An independent resolver finds the VM where it is, by UDP and by TCP. */
    private static void judgeNames(Stage stage, String site, Findings findings) {
        GuestPlan plan = stage.mover().plan();
        String locator =
                Topology.locator(stage.lab().topology().site(site).number(), 0).replace("::/64", "");
        String node = Dig.node(stage);
        String place = site + "." + Lab.NETWORK + ".networks." + Dig.ZONE + ".";
        Map<String, String> wanted = Map.of(
                "AAAA", locator.replace(":0", "") + "::" + node,
                "TYPE104", "10 0:0:0:" + node,
                "TYPE105", "10 " + plan.home().lan4(0),
                "TYPE106", "10 " + locator + ":0",
                "TYPE107", "20 " + place);
        for (String transport : List.of("+notcp", "+tcp")) {
            wanted.forEach((type, answer) -> {
                List<String> found = Dig.answers(stage, transport, Dig.vm(stage), type);
                if (!found.contains(answer)) {
                    findings.problems.add(
                            "dig " + transport + " " + Dig.vm(stage) + " " + type + ": " + found + ", not " + answer);
                }
            });
        }
        stage.say("  dig, by UDP and TCP: " + Dig.vm(stage) + " is " + wanted.get("AAAA"));
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    private static String outside(GuestPlan plan) {
        String node = plan.address6().substring(plan.address6().lastIndexOf(':') + 1);
        return Topology.locator(plan.home().number(), 0).replace("/64", node);
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = Tour.destinations(topology, count(options));
        return (stage, findings) -> {
            if (kind != Kind.PLAIN) {
                speakIlnp(stage.lab());
            }
            Place place = stage.lab().place(PEER);
            InetSocketAddress vm = new InetSocketAddress(outside(stage.mover().plan()), ECHO_PORT);
            try (TcpStreams streams = new TcpStreams(place, List.of(vm), STREAMS, options.seed());
                    UdpProbe probe = new UdpProbe(place, vm, RATE_HZ)) {
                streams.awaitConnected(Duration.ofSeconds(20));
                stage.calmDown(Duration.ofSeconds(2));
                judgeNames(stage, stage.mover().at(), findings);
                long first = probe.next();
                for (String destination : destinations) {
                    if (kind == Kind.RESTARTED && !destination.equals(destinations.getFirst())) {
                        restart(stage, findings);
                        first = probe.next();
                    }
                    move(stage, destination, findings);
                    stage.calmDown(Duration.ofSeconds(1));
                    long last = probe.next();
                    probe.awaitReplies(first, last, System.nanoTime() + REPLIES.toNanos());
                    judge(
                            stage,
                            destination,
                            streams,
                            probe.figures(first, last),
                            probe.figures(last - RATE_HZ, last),
                            findings);
                    judgeNames(stage, destination, findings);
                    first = last;
                }
            }
            return false;
        };
    }

    /** SIGKILL, and again as its supervisor would. What is lost meanwhile is not what this is about. */
    private static void restart(Stage stage, Findings findings) {
        Lab lab = stage.lab();
        String gateway = Lab.gatewayProcess(stage.mover().at());
        long refused = wrongNonces(lab);
        lab.kill(gateway);
        lab.startAgain(gateway);
        lab.awaitReady(gateway);
        lab.awaitGateways();
        stage.calmDown(Duration.ofSeconds(8));
        stage.mover().traffic().outageEnds();
        findings.problems.addAll(stage.mover().traffic().recovered(Duration.ofSeconds(30)));
        stage.mover().traffic().begin();
        long more = wrongNonces(lab) - refused;
        stage.say(gateway + " was killed and is back; " + more + " packets and messages with a wrong nonce since");
        if (more > 0) {
            findings.problems.add(more + " packets had a wrong nonce after " + gateway + " was started again");
        }
    }

    private static long wrongNonces(Lab lab) {
        return lab.rest()
                .get("/v1/gateways")
                .path("items")
                .valueStream()
                .mapToLong(gateway ->
                        gateway.path("counters").path("drop-wrong-nonce").asLong(0))
                .sum();
    }

    private void move(Stage stage, String destination, Findings findings) {
        if (kind != Kind.DEAF) {
            stage.tour(List.of(destination), findings);
            return;
        }
        Place place = stage.lab().place(PEER);
        NetFilter.deafToUpdates(place);
        Thread hears = Thread.ofPlatform().daemon().start(() -> {
            long deadlineNs = System.nanoTime() + MOVED.toNanos();
            while (!NetFilter.hasMissedUpdates(place) && System.nanoTime() < deadlineNs) {
                java.util.concurrent.locks.LockSupport.parkNanos(100_000_000);
            }
            stage.calmDown(DEAF);
            NetFilter.hearsAgain(place);
        });
        stage.tour(List.of(destination), findings);
        try {
            hears.join(MOVED.plus(DEAF));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        stage.calmDown(Duration.ofSeconds(4));
    }

    /** As an operator would; see {@code sojourn ilnp-host --help}. */
    private static void speakIlnp(Lab lab) {
        Place place = lab.place(PEER);
        place.sysctl("net/ipv6/conf/all/forwarding=1");
        lab.startBeside(place, "ilnp-host", "ilnp-host", "--inside", INSIDE, "--locator", Topology.locator(NUMBER, 0));
        place.ip(List.of(
                "addr add " + INSIDE + "/128 dev ilnp0 nodad",
                "route add fd66::/16 dev ilnp0 src " + INSIDE,
                "route add ::/0 dev " + Lab.WAN_DEVICE + " table 77",
                "route add " + Topology.locator(NUMBER, 0) + " dev ilnp0"));
        place.run("ip", "-6", "rule", "add", "iif", "ilnp0", "lookup", "77");
    }

    private void judge(
            Stage stage, String site, TcpStreams streams, ProbeFigures figures, ProbeFigures after, Findings findings) {
        long broken =
                streams.streams().stream().filter(stream -> !stream.isOpen()).count();
        boolean home = stage.mover().plan().home().name().equals(site);
        stage.say(String.format(
                Locale.ROOT,
                "  peer, VM at %s: %d probes, %d lost, %d twice, %d late, %d of %d streams broken, RTT %.1f ms (direct %.1f)",
                site,
                figures.sent(),
                figures.lost(),
                figures.duplicated(),
                figures.reordered(),
                broken,
                STREAMS,
                after.medianRttMs(),
                RTT_MS));
        if (figures.lost() + figures.duplicated() + broken > 0) {
            findings.problems.add("the peer noticed the move to " + site + ": " + figures.lost() + " lost, "
                    + figures.duplicated() + " twice, " + broken + " streams broken");
        }
        if (kind != Kind.PLAIN && after.medianRttMs() > RTT_MS + 5) {
            findings.problems.add("the peer was told, and its packets do not take the direct way to " + site);
        }
        if (kind == Kind.PLAIN && !home && after.medianRttMs() < RTT_MS + 5) {
            findings.problems.add("a peer that was told nothing reaches " + site + " the direct way");
        }
    }

    @Override
    void judgeWire(IlnpWire wire, Stage stage, Findings findings) {
        Set<String> locators = wire.sourcesOf(PEER, stage.mover().plan());
        List<IlnpWire.Update> updates = wire.updates(PEER);
        stage.say("at the peer's end of the WAN the VM came from " + locators + "; " + updates.size()
                + " Locator Updates and acknowledgements");
        if (kind == Kind.PLAIN && (locators.size() != 1 || !updates.isEmpty())) {
            findings.problems.add("a host without ILNP was to see one address and no Locator Update");
        }
        if (kind != Kind.PLAIN && updates.stream().noneMatch(IlnpWire.Update::isAnswer)) {
            findings.problems.add("the peer has confirmed no Locator Update");
        }
        if (kind == Kind.DEAF) {
            judgeSchedule(stage, updates, findings);
        }
    }

    /** RFC 6743 leaves it open; ours is 0, 1, 3, 6 s. */
    private static void judgeSchedule(Stage stage, List<IlnpWire.Update> updates, Findings findings) {
        List<Double> sent = updates.stream()
                .filter(update -> !update.isAnswer())
                .map(IlnpWire.Update::atS)
                .toList();
        List<String> after = sent.stream()
                .map(at -> String.format(Locale.ROOT, "%.2f", at - sent.getFirst()))
                .toList();
        stage.say("Locator Updates to the peer, in seconds after the first: " + after);
        double[] wanted = {0, 1, 3, 6};
        boolean right = sent.size() == wanted.length;
        for (int i = 0; right && i < wanted.length; i++) {
            right = Math.abs(sent.get(i) - sent.getFirst() - wanted[i]) < 0.25;
        }
        if (!right) {
            findings.problems.add("Locator Updates were to be sent at 0, 1, 3 and 6 s, and came at " + after);
        }
    }
}

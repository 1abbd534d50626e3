// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Security rules go ahead of the VM. A host outside and one in the network ask, all the time and from ever new ports, for what is forbidden: a UDP port of the guest's at which nobody listens, and
 * its web server. The guest's own kernel counts what reaches it ({@code NoPorts}, {@code PassiveOpens}; RFC 4113, 4022). Sessions that began when it was allowed go on.
 */
final class PolicyFirst extends Scenario {
    private static final int FORBIDDEN = 7_777;
    /** Of what is sent while it is allowed: no later one comes from there by chance, and belongs to what has begun. */
    private static final int FIRST_PORT = 10_001;

    private static final int ANY_PORT = 0;
    private static final int STREAMS = 20;
    private static final int TRIALS = 10;
    private static final long PACE_NS = 5_000_000;
    private static final List<String> BEFORE = List.of(
            "in allow tcp port 7",
            "in allow udp port 7",
            "in allow tcp port 22",
            "in allow icmp",
            "in allow icmp6",
            "in allow udp port " + FORBIDDEN);
    /** What neighbours of the VM have begun went by their bridge: no gateway has seen it, so it must be allowed when the VM has moved on. */
    private static final List<String> AFTER = List.of(
            "in allow udp port 7",
            "in allow tcp port 22",
            "in allow icmp",
            "in allow icmp6",
            "in allow tcp from 10.10.0.0/16 port 7",
            "in allow tcp from fd10:10::/32 port 7",
            "in deny any");

    PolicyFirst() {
        super(
                "policy-first",
                "no forbidden packet reaches a guest, before, while and after it moves; what had begun goes on",
                3,
                100);
    }

    @Override
    Topology topology() {
        return Outsiders.world(Topology.threeContinents());
    }

    @Override
    Map<String, Integer> outsiders() {
        return Map.of(Outsiders.WORLD, Outsiders.NUMBER);
    }

    @Override
    List<String> routedTo(Topology.Site site) {
        return new Outsiders().routedTo(site);
    }

    @Override
    Map<String, Object> gatewayExtras(Topology.Site site) {
        return Outsiders.egress(site);
    }

    @Override
    void furnish(Lab lab) {
        Outsiders.forward(lab);
    }

    @Override
    void prepare(Lab lab) {
        lab.rest()
                .patch(
                        "/v1/vms/web1/policy",
                        Map.of(
                                "rules",
                                BEFORE,
                                "floating",
                                List.of(
                                        Map.of("address", Outsiders.FLOATING4),
                                        Map.of("address", Outsiders.FLOATING6))));
        LockSupport.parkNanos(1_000_000_000);
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    /** Asks for what is forbidden, each time from another port. */
    private static final class Knocker implements AutoCloseable {
        private final AtomicLong knocks = new AtomicLong();
        private final AtomicBoolean closed = new AtomicBoolean();

        Knocker(Place place, String vm) {
            place.start("knocks", () -> {
                while (!closed.get()) {
                    knock(vm, ANY_PORT);
                    knocks.incrementAndGet();
                    LockSupport.parkNanos(PACE_NS);
                }
            });
        }

        @Override
        public void close() {
            closed.set(true);
        }
    }

    private static void knock(String vm, int from) {
        try (DatagramChannel channel = DatagramChannel.open().bind(new InetSocketAddress(from))) {
            channel.send(ByteBuffer.allocate(16), new InetSocketAddress(vm, FORBIDDEN));
        } catch (java.io.IOException e) {
            // what the guest's kernel has counted is what matters
        }
    }

    private static long noPorts(Stage stage) {
        GuestPlan plan = stage.mover().plan();
        Lab lab = stage.lab();
        String counted = Command.run(SshSession.command(
                lab.run(),
                lab.place(plan.home().name() + "-c"),
                lab.image(),
                plan.address4(),
                "grep ^Udp: /proc/net/snmp | tail -1; grep Udp6NoPorts /proc/net/snmp6"));
        List<String> lines = counted.lines().toList();
        return Long.parseLong(lines.get(0).split("\\s+")[2])
                + Long.parseLong(lines.get(1).split("\\s+")[1]);
    }

    /** Whether somebody there gets a connection. */
    private static boolean connects(Place place, String vm, int port) {
        return Command.attempt(
                                place.command(
                                        List.of("busybox", "nc", "-w", "2", vm, Integer.toString(port), "-e", "true")),
                                Map.of(),
                                null)
                        .status()
                == 0;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = Tour.destinations(topology, count(options));
        return (stage, findings) -> {
            Lab lab = stage.lab();
            GuestPlan plan = stage.mover().plan();
            Place world = lab.place(Outsiders.WORLD);
            Place inside = lab.correspondents().get(1);
            List<InetSocketAddress> echo = List.of(
                    new InetSocketAddress(Outsiders.FLOATING4, 7), new InetSocketAddress(Outsiders.FLOATING6, 7));
            try (TcpStreams streams = new TcpStreams(world, echo, STREAMS, options.seed())) {
                streams.awaitConnected(Duration.ofSeconds(30));
                long before = noPorts(stage);
                for (int i = 0; i < TRIALS; i++) {
                    knock(world, Outsiders.FLOATING4, FIRST_PORT + i);
                    knock(inside, plan.address6(), FIRST_PORT + i);
                }
                stage.calmDown(Duration.ofSeconds(1));
                long reached = noPorts(stage) - before;
                stage.say("allowed: of " + 2 * TRIALS + " datagrams " + reached + " have reached the guest");
                if (reached != 2 * TRIALS) {
                    findings.problems.add("what is allowed was to reach the guest, and the guest to count it");
                }
                lab.rest().patch("/v1/vms/web1/policy", Map.of("rules", AFTER));
                stage.calmDown(Duration.ofSeconds(1));
                forbidden(stage, destinations, List.of(world, inside), streams, findings);
            }
            return false;
        };
    }

    private static void knock(Place place, String vm, int from) {
        place.call(() -> {
            knock(vm, from);
            return vm;
        });
    }

    private static void forbidden(
            Stage stage, List<String> destinations, List<Place> from, TcpStreams streams, Findings findings) {
        GuestPlan plan = stage.mover().plan();
        long before = noPorts(stage);
        try (Knocker out = new Knocker(from.get(0), Outsiders.FLOATING4);
                Knocker out6 = new Knocker(from.get(0), Outsiders.FLOATING6);
                Knocker in = new Knocker(from.get(1), plan.address4())) {
            for (String destination : destinations) {
                stage.tour(List.of(destination), findings);
                boolean opened = connects(from.get(0), Outsiders.FLOATING4, 80)
                        || connects(from.get(0), Outsiders.FLOATING4, 7)
                        || connects(from.get(1), plan.address4(), 80);
                boolean ssh = connects(from.get(0), Outsiders.FLOATING4, 22);
                long reached = noPorts(stage) - before;
                List<String> broken = streams.streams().stream()
                        .map(EchoStream::broken)
                        .filter(line -> !line.isEmpty())
                        .toList();
                long knocks = out.knocks.get() + out6.knocks.get() + in.knocks.get();
                stage.say("  rules, VM at " + destination + ": of " + knocks + " forbidden datagrams " + reached
                        + " have reached the guest; new TCP " + (opened ? "GETS THROUGH" : "is kept out")
                        + ", allowed TCP " + (ssh ? "gets through" : "IS KEPT OUT") + "; " + broken.size() + " of "
                        + STREAMS + " sessions broken");
                if (reached > 0 || opened || !ssh || !broken.isEmpty()) {
                    findings.problems.add("rules, VM at " + destination + ": " + reached
                            + " forbidden datagrams reached the guest; " + (opened ? "new TCP got through; " : "")
                            + (ssh ? "" : "allowed TCP did not; ") + broken);
                }
            }
            streams.wakeSilent();
            stage.calmDown(Duration.ofSeconds(3));
            long behind = streams.streams().stream()
                    .filter(stream -> !stream.isOpen() || !stream.broken().isEmpty())
                    .count();
            if (behind > 0) {
                findings.problems.add(behind + " sessions that had begun are broken at the end");
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;

/**
 * Two networks with the same subnets at every site, and in each a VM with the same MAC and the same addresses. Both VMs move, at the same
 * time and crosswise; whoever asks for the address in a network gets that network's VM, and a host of one is not to be reached from the other.
 */
final class Isolation extends Scenario {
    private static final String OTHER = "red";
    private static final int HIDDEN_HOST = 30;
    private static final int PORT = 7_777;
    private static final int DATAGRAMS = 100;

    Isolation() {
        super(
                "isolation",
                "two networks with the same addresses at every site, two VMs with the same address move",
                2,
                3);
    }

    @Override
    List<String> networks() {
        return List.of(Lab.NETWORK, OTHER);
    }

    @Override
    List<GuestPlan> guests(Topology topology, ScenarioOptions options) {
        GuestPlan web1 = GuestPlan.web1(topology);
        return List.of(web1, web1.twin("red1", OTHER));
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        String a = topology.sites().get(0).name();
        String b = topology.sites().get(1).name();
        String c = topology.sites().get(2).name();
        // From (a, a): apart, crosswise, and both home again.
        List<List<String>> rounds =
                List.of(List.of(b, c), List.of(c, b), List.of(a, a)).subList(0, count(options));
        return (stage, findings) -> {
            identities(stage, findings);
            for (List<String> to : rounds) {
                Mover.together(stage.movers(), to).forEach(move -> stage.note(move, 2 * rounds.size(), findings));
                identities(stage, findings);
            }
            hidden(stage, topology.sites().get(1), findings);
            return false;
        };
    }

    /** In each network, at each site, the VM that answers under the address is that network's own. */
    private static void identities(Stage stage, Findings findings) {
        for (Mover mover : stage.movers()) {
            GuestPlan plan = mover.plan();
            for (Place place : stage.lab().correspondents(plan.network())) {
                Command.Outcome outcome = Command.attempt(
                        SshSession.command(
                                stage.lab().run(), place, stage.lab().image(), plan.address4(), "cat /proc/cmdline"),
                        Map.of(),
                        null);
                if (!outcome.out().contains("sojourn.name=" + plan.name() + " ")) {
                    findings.problems.add("at " + place.name() + ", " + plan.address4() + " is not " + plan.name()
                            + ": " + outcome.out().strip() + outcome.err().strip());
                }
            }
        }
    }

    /** A host that is in the other network only hears what is sent there, and nothing of what is sent to its address here. */
    private static void hidden(Stage stage, Topology.Site site, Findings findings) {
        Lab lab = stage.lab();
        int at = lab.topology().sites().indexOf(site);
        Place host = lab.correspondents(OTHER).get(at);
        host.ip(List.of("addr add " + site.lan4(HIDDEN_HOST) + "/24 dev eth0"));
        InetSocketAddress address = new InetSocketAddress(site.lan4(HIDDEN_HOST), PORT);
        LongAdder heard = new LongAdder();
        try (DatagramChannel ear = host.call(() -> DatagramChannel.open()
                .setOption(StandardSocketOptions.SO_RCVBUF, 1 << 20)
                .bind(address))) {
            host.start("ear", () -> listen(ear, heard));
            for (Place place : lab.correspondents(Lab.NETWORK)) {
                speak(place, address);
            }
            stage.calmDown(Duration.ofSeconds(1));
            long wrongly = heard.sumThenReset();
            int others = 0;
            for (Place place : lab.correspondents(OTHER)) {
                if (place != host) {
                    speak(place, address);
                    others++;
                }
            }
            stage.calmDown(Duration.ofSeconds(1));
            long rightly = heard.sum();
            stage.say("a host of network " + OTHER + " heard " + rightly + " of " + others * DATAGRAMS
                    + " datagrams of its own network, and " + wrongly + " of "
                    + lab.correspondents().size() * DATAGRAMS
                    + " that were sent to its address in network " + Lab.NETWORK);
            if (wrongly > 0) {
                findings.problems.add(
                        wrongly + " datagrams of network " + Lab.NETWORK + " came to a host of network " + OTHER);
            }
            if (rightly != (long) others * DATAGRAMS) {
                findings.problems.add("only " + rightly + " of " + others * DATAGRAMS
                        + " datagrams came to a host of their own network: what it did not hear proves nothing");
            }
        } catch (IOException e) {
            throw new LabException("cannot listen at " + host.name() + ": " + e.getMessage(), e);
        }
    }

    private static void listen(DatagramChannel ear, LongAdder heard) {
        ByteBuffer datagram = ByteBuffer.allocate(64);
        try {
            while (true) {
                datagram.clear();
                ear.receive(datagram);
                heard.increment();
            }
        } catch (IOException closed) {
            // the test is over
        }
    }

    private static void speak(Place place, InetSocketAddress to) {
        place.call(() -> {
            try (DatagramChannel mouth = DatagramChannel.open()) {
                for (int i = 0; i < DATAGRAMS; i++) {
                    mouth.send(ByteBuffer.wrap(new byte[] {'w', 'h', 'o', '?'}), to);
                    LockSupport.parkNanos(2_000_000);
                }
            }
            return true;
        });
    }
}

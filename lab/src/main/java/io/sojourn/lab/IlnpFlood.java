// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Somebody floods the VM by the locator that the world knows, and fills the uplink that it leads by. The operator withdraws that locator: correspondents are told the other one, which the flood does not know, and
 * sessions live on while it goes on.
 */
final class IlnpFlood extends IlnpUplinks {
    private static final String ATTACKER = "mallory";
    private static final int NUMBER = 8;
    private static final double RTT_MS = 40;
    private static final int UPLINK_PACKETS_PER_S = 1_500;
    private static final int DATAGRAM_BYTES = 1_200;
    private static final long INTERVAL_NS = 250_000;

    IlnpFlood() {
        super("ilnp-ddos", "a flood fills an uplink until its locator is withdrawn; sessions live on by the other");
    }

    @Override
    Map<String, Integer> outsiders() {
        return Map.of(ATTACKER, NUMBER);
    }

    @Override
    Topology topology() {
        return super.topology().withOutsider(ATTACKER, RTT_MS).withLink(ATTACKER, SECOND.name(), RTT_MS);
    }

    @Override
    Map<String, Object> controllerExtras() {
        return Dig.CONTROLLER;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        count(options);
        return (stage, findings) -> {
            Lab lab = stage.lab();
            Traffic traffic = stage.mover().traffic();
            NetFilter.narrow(lab.place(home().name()), Lab.WAN_DEVICE, UPLINK_PACKETS_PER_S);
            awaitAllBy(stage, true, findings);
            judge(stage, "before the flood", false, findings);
            AtomicLong sent = new AtomicLong();
            String victim = first().replace("/64", Dig.node(stage));
            try (DatagramChannel mouth = lab.place(ATTACKER).call(DatagramChannel::open)) {
                lab.place(ATTACKER).start("flood", () -> flood(mouth, new InetSocketAddress(victim, 7), sent));
                stage.calmDown(WATCHED);
                Traffic.Window hurt = judge(stage, "in the flood", true, findings);
                if (hurt.lost() == 0) {
                    findings.problems.add("the flood has not hurt: nothing is shown");
                }
                traffic.moveStarts();
                policy(stage, Map.of("withdrawn", List.of(first())));
                stage.calmDown(WATCHED);
                recovered(stage, findings);
                Dig.judge(stage, Dig.vm(stage), "TYPE106", List.of(Dig.locator(second())), findings);
                long before = sent.get();
                stage.calmDown(WATCHED);
                judge(stage, "withdrawn; the flood goes on", false, findings);
                stage.say(String.format(
                        Locale.ROOT,
                        "meanwhile the attacker sent %d datagrams, %.0f Mbit/s",
                        sent.get() - before,
                        (sent.get() - before) * DATAGRAM_BYTES * 8.0 / WATCHED.toNanos() * 1e3));
                if (sent.get() == before) {
                    findings.problems.add("the flood did not go on: nothing is shown");
                }
            } catch (IOException e) {
                throw new LabException("the flood broke off: " + e.getMessage(), e);
            }
            traffic.moveStarts();
            policy(stage, Map.of("withdrawn", List.of()));
            awaitAllBy(stage, true, findings);
            stage.calmDown(WATCHED);
            judge(stage, "the flood is over, and both locators are in use", false, findings);
            return false;
        };
    }

    private static void flood(DatagramChannel mouth, InetSocketAddress victim, AtomicLong sent) {
        ByteBuffer payload = ByteBuffer.allocateDirect(DATAGRAM_BYTES);
        long dueNs = System.nanoTime();
        try {
            while (mouth.isOpen()) {
                mouth.send(payload.clear(), victim);
                sent.incrementAndGet();
                dueNs = Math.max(dueNs + INTERVAL_NS, System.nanoTime() - 20 * INTERVAL_NS);
                LockSupport.parkNanos(Math.max(0, dueNs - System.nanoTime()));
            }
        } catch (IOException over) {
            // closed, as enough has been seen
        }
    }
}

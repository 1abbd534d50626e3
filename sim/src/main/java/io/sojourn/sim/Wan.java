// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import java.util.SplittableRandom;

/**
 * The wide-area network. Data and what is sent in order share one first-in-first-out path for each pair; other signals
 * take their chance. The last party is the controller.
 */
final class Wan {
    /** Where datagrams come out. */
    interface Receiver {
        void data(int to, int from, Packet packet, long epoch, boolean relayed);

        void signal(int to, int from, byte[] datagram, boolean inOrder);

        /** By ILNP. */
        void located(int to, int from, Located located);

        boolean isUp(int gateway);
    }

    private final Scenario scenario;
    private final Timeline timeline;
    private final SplittableRandom random;
    private final Monitor monitor;
    private final Receiver receiver;
    private final long[][] lastNs;
    private final int[][] cuts;

    Wan(Scenario scenario, Timeline timeline, SplittableRandom random, Monitor monitor, Receiver receiver) {
        this.scenario = scenario;
        this.timeline = timeline;
        this.random = random;
        this.monitor = monitor;
        this.receiver = receiver;
        int parties = scenario.gateways() + 1 + World.OUTSIDERS;
        lastNs = new long[parties][parties];
        cuts = new int[parties][parties];
    }

    void cut(int a, int b) {
        cuts[a][b]++;
        cuts[b][a]++;
    }

    void heal(int a, int b) {
        cuts[a][b]--;
        cuts[b][a]--;
    }

    boolean isCut(int a, int b) {
        return cuts[a][b] > 0;
    }

    /** An outsider is near a gateway. */
    long delayNs(int a, int b) {
        return scenario.oneWayNs()[place(a)][place(b)] + (isOutsider(a) || isOutsider(b) ? Scenario.MS : 0);
    }

    private boolean isOutsider(int party) {
        return party > scenario.gateways();
    }

    private int place(int party) {
        return isOutsider(party) ? (party - scenario.gateways() - 1) % scenario.gateways() : party;
    }

    /** Data share the path with all other data; what speaks of locators takes its chance, as signals do. */
    void located(int from, int to, Located located) {
        Packet packet = located.packet();
        boolean lost = random.nextDouble() < (packet == null ? scenario.signalLoss() : scenario.dataLoss());
        if (isCut(from, to) || lost) {
            if (packet != null) {
                monitor.lost(packet, isCut(from, to) ? Loss.CUT : Loss.WAN, from);
            }
            monitor.mix(4, from, to);
            return;
        }
        boolean doubled = random.nextDouble() < (packet == null ? scenario.signalDup() : scenario.dataDup());
        if (packet != null && doubled) {
            packet.doubledByWan = true;
        }
        for (int i = 0; i < (doubled ? 2 : 1); i++) {
            long atNs = packet != null
                    ? inOrderNs(from, to)
                    : timeline.nowNs() + delayNs(from, to) + random.nextLong(delayNs(from, to) + 1_000_000);
            timeline.at(atNs, () -> receiver.located(to, from, located));
        }
    }

    /** What goes ahead of a VM, or the word that it has come: once, if at all. */
    void state(int from, int to, Runnable arrives) {
        if (!isCut(from, to) && random.nextDouble() >= scenario.signalLoss()) {
            timeline.in(delayNs(from, to) + jitterNs(), () -> {
                if (receiver.isUp(to)) {
                    arrives.run();
                }
            });
        }
    }

    void data(int from, int to, Packet packet, long epoch, boolean relayed) {
        if (isCut(from, to)) {
            monitor.lost(packet, Loss.CUT, from);
            return;
        }
        if (scenario.dataLoss() > 0 && random.nextDouble() < scenario.dataLoss()) {
            monitor.lost(packet, Loss.WAN, from);
            return;
        }
        timeline.at(inOrderNs(from, to), () -> receiver.data(to, from, packet, epoch, relayed));
        if (scenario.dataDup() > 0 && random.nextDouble() < scenario.dataDup()) {
            packet.doubledByWan = true;
            timeline.at(inOrderNs(from, to), () -> receiver.data(to, from, packet, epoch, relayed));
        }
    }

    void signal(int from, int to, byte[] datagram, boolean inOrder) {
        if (isCut(from, to) || random.nextDouble() < scenario.signalLoss()) {
            monitor.mix(3, from, to);
            if (monitor.logging()) {
                monitor.say("  lost signal " + from + ">" + to);
            }
            return;
        }
        int copies = random.nextDouble() < scenario.signalDup() ? 2 : 1;
        for (int i = 0; i < copies; i++) {
            long atNs;
            if (inOrder) {
                atNs = inOrderNs(from, to);
            } else {
                long delayNs = delayNs(from, to);
                boolean late = random.nextDouble() < scenario.signalReorder();
                atNs = timeline.nowNs() + delayNs + (late ? random.nextLong(2 * delayNs + 1_000_000) : jitterNs());
            }
            timeline.at(atNs, () -> receiver.signal(to, from, datagram, inOrder));
        }
    }

    private long jitterNs() {
        return random.nextLong(20_000);
    }

    private long inOrderNs(int from, int to) {
        long atNs = Math.max(
                lastNs[from][to] + 1, timeline.nowNs() + delayNs(from, to) + random.nextLong(scenario.queueNs()));
        lastNs[from][to] = atNs;
        return atNs;
    }
}

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
        int parties = scenario.gateways() + 1;
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

    long delayNs(int a, int b) {
        return scenario.oneWayNs()[a][b];
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

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import io.sojourn.transfer.SimulatedPath.Link;

/** Prints how the sender fares on a few paths; for the eye, not a test. */
final class PathReport {
    private static long lateNs;

    private PathReport() {}

    public static void main(String[] args) {
        double gigabit = 125e6;
        for (long lateMs = 1; lateMs <= 20; lateMs = lateMs * 3) {
            lateNs = lateMs * 1_000_000;
            show("1 Gbit/s 250 ms late " + lateMs, Link.clean(gigabit, 125), 600);
            show("1 Gbit/s 20 ms late " + lateMs, Link.clean(gigabit, 10), 600);
        }
        lateNs = 0;
        show("1 Gbit/s 250 ms", Link.clean(gigabit, 125), 600);
        show("1 Gbit/s 250 ms 1 % loss", Link.clean(gigabit, 125).loss(0.01), 600);
        show("1 Gbit/s 250 ms 5 % loss", Link.clean(gigabit, 125).loss(0.05), 300);
        show("1 Gbit/s 300 ms jitter 2 ms", Link.clean(gigabit, 150).jitter(2_000_000), 600);
        show("100 Mbit/s 110 ms queue 20 ms", Link.clean(12.5e6, 55).queue(250_000), 100);
        show(
                "100 Mbit/s 250 ms queue 20 ms 1 %",
                Link.clean(12.5e6, 125).queue(250_000).loss(0.01), 100);
        show("1 Gbit/s 1 ms", Link.clean(gigabit, 1).queue(2_000_000), 600);
        show("20 Mbit/s 40 ms", Link.clean(2.5e6, 20), 40);
    }

    private static void show(String name, Link link, long megabytes) {
        SimulatedPath path = new SimulatedPath(
                1,
                StreamParameters.defaults(),
                link,
                Link.clean(link.bytesPerS(), link.delayNs() / 1_000_000).loss(link.loss()));
        path.latenessNs = lateNs;
        path.produceTo(megabytes * 1_000_000);
        long started = path.nowNs;
        long wall = System.nanoTime();
        System.out.println("== " + name);
        long before = 0;
        for (int i = 0; i < 80 && !path.sender.done(); i++) {
            path.maxQueueNs = 0;
            path.run(SimulatedPath.S / 2);
            SenderStats s = path.sender.stats();
            if (i % 4 == 3 || path.sender.done()) {
                System.out.printf(
                        "%5.1f s read %6.1f MB/s pace %6.1f inflight %5.1f MB rtt %d q %d us maxq %4.1f ms lost %d spur %d rtx %.1f MB qdrop %d pto %d%n",
                        (path.nowNs - started) / 1e9,
                        (path.checkedBytes - before) / 0.5e6,
                        s.rateBytesPerS() / 1e6,
                        s.inFlightBytes() / 1e6,
                        s.rttUs(),
                        s.queueUs(),
                        path.maxQueueNs / 1e6,
                        s.lostDatagrams(),
                        s.spuriousDatagrams(),
                        s.retransmittedBytes() / 1e6,
                        path.queueDrops,
                        s.probeTimeouts());
            }
            before = path.checkedBytes;
        }
        System.out.printf(
                "   total %.2f s, %.1f %% of link, wall %.1f s %s%n",
                (path.nowNs - started) / 1e9,
                path.checkedBytes * 100.0 / ((path.nowNs - started) / 1e9) / link.bytesPerS(),
                (System.nanoTime() - wall) / 1e9,
                path.sender.failure());
        path.close();
    }
}

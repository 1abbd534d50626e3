// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * All that goes to and from the guest while it moves: from the last site's correspondent a 1 kHz IPv4 probe, from the others' one of 100 Hz, and from a
 * correspondent in each site a 100 Hz IPv6 probe, ping and ping -6 and its share of 50 TCP streams; and one SSH session. A guest without KVM answers no more.
 * What is seen is cut into windows, one a move, that follow each other without a hole.
 */
final class Traffic implements AutoCloseable {
    private static final int ECHO_PORT = 7;

    /**
     * How much of it.
     *
     * @param fastHz of the last site's IPv4 probe
     * @param slowHz of all others
     * @param streams TCP connections, shared among the sites
     * @param replyBound a reply that takes longer is lost
     */
    record Load(int fastHz, int slowHz, int streams, Duration replyBound) {
        static final Load FULL = new Load(1000, 100, 50, Duration.ofSeconds(5));
        /** For several guests on one machine, and for matrices, in which a cell says whether, not how fast. */
        static final Load LIGHT = new Load(100, 20, 12, Duration.ofSeconds(2));
        /** For four guests or more that are all under way, where emulated processors have no more to give. */
        static final Load SPARSE = new Load(50, 10, 8, Duration.ofSeconds(2));
    }

    /** Over how long a round trip is taken before and after a move. */
    private static final int RTT_SECONDS = 1;

    /** A probe of one correspondent in one window; {@code family} 4 or 6. */
    record Path(
            String correspondent,
            int family,
            int rateHz,
            ProbeFigures figures,
            double rttBeforeMs,
            double rttAfterMs) {}

    /** A window: each probe by itself, and the sum of everything. */
    record Window(
            List<Path> paths,
            long lost,
            long duplicated,
            long reordered,
            int tcpOpen,
            int tcpBroken,
            long bytesMismatched,
            List<String> faults) {
        /** For a person. */
        String counts() {
            return "lost " + lost + ", duplicated " + duplicated + ", reordered " + reordered + ", sessions " + tcpOpen
                    + " open " + tcpBroken + " broken";
        }
    }

    private record Mark(long begin, long moveStart) {}

    private final Load load;
    private final List<UdpProbe> probes = new ArrayList<>();
    private final List<PingProbe> pings = new ArrayList<>();
    private final List<TcpStreams> streams = new ArrayList<>();
    private final SshSession ssh;
    private final List<Mark> marks = new ArrayList<>();
    private final List<Integer> pingMarks = new ArrayList<>();
    private final List<String> brokenBefore = new ArrayList<>();
    private long mismatchedBefore;
    private long moveStartNs;
    private long outageEndsNs;

    private Traffic(
            Run run,
            List<Place> correspondents,
            GuestImage image,
            String address4,
            String address6,
            Load load,
            long seed) {
        this.load = load;
        List<InetSocketAddress> targets = List.of(socket(address4), socket(address6));
        int site = 0;
        for (Place place : correspondents) {
            int share =
                    load.streams() / correspondents.size() + (site < load.streams() % correspondents.size() ? 1 : 0);
            streams.add(new TcpStreams(place, targets, share, seed + site));
            site++;
        }
        ssh = new SshSession(run, correspondents.getLast(), image, address4);
    }

    /** Starts everything and returns once every stream is connected and SSH has answered. */
    static Traffic start(
            Run run,
            List<Place> correspondents,
            GuestImage image,
            String address4,
            String address6,
            Load load,
            long seed) {
        Traffic traffic = new Traffic(run, correspondents, image, address4, address6, load, seed);
        try {
            traffic.streams.forEach(group -> group.awaitConnected(Duration.ofSeconds(40)));
            traffic.ssh.awaitFirstEcho(Duration.ofSeconds(40));
            traffic.startProbes(run, correspondents, address4, address6);
            return traffic;
        } catch (RuntimeException e) {
            traffic.close();
            throw e;
        }
    }

    private void startProbes(Run run, List<Place> correspondents, String address4, String address6) {
        for (Place place : correspondents) {
            boolean fast = place == correspondents.getLast();
            probes.add(new UdpProbe(place, socket(address4), fast ? load.fastHz() : load.slowHz()));
            probes.add(new UdpProbe(place, socket(address6), load.slowHz()));
            pings.add(new PingProbe(run, place, address4));
            pings.add(new PingProbe(run, place, address6));
        }
    }

    /** Lets TCP find its windows before anything is counted. */
    void calmDown(Duration time) {
        java.util.concurrent.locks.LockSupport.parkNanos(time.toNanos());
    }

    /** The first window begins here, later ones where the one before ended; called again, what lies between belongs to no window. */
    void begin() {
        marks.clear();
        pingMarks.clear();
        probes.forEach(probe -> marks.add(new Mark(probe.next(), probe.next())));
        pings.forEach(ping -> {
            pingMarks.add(ping.mark());
            ping.figures(ping.mark(), ping.mark()); // what came twice or late until now belongs to no window
        });
    }

    /** The move starts now: round trips up to here are 'before'. */
    void moveStarts() {
        moveStartNs = System.nanoTime();
        for (int i = 0; i < probes.size(); i++) {
            marks.set(i, new Mark(marks.get(i).begin(), probes.get(i).next()));
        }
    }

    /**
     * After an outage: until every stream has its echo again and every probe an answer, each within what is left of the bound.
     *
     * @return one line for each that has not
     */
    List<String> recovered(Duration bound) {
        long deadlineNs = System.nanoTime() + bound.toNanos();
        streams.forEach(TcpStreams::wakeSilent);
        List<String> still = new ArrayList<>();
        for (TcpStreams group : streams) {
            for (EchoStream stream : group.streams()) {
                while (stream.isOpen() && !stream.caughtUpSince(outageEndsNs) && System.nanoTime() < deadlineNs) {
                    java.util.concurrent.locks.LockSupport.parkNanos(20_000_000);
                }
                if (stream.isOpen() && !stream.caughtUpSince(outageEndsNs)) {
                    still.add(group.place().name() + ": a TCP stream does not go on");
                }
            }
        }
        for (UdpProbe probe : probes) {
            long first = probe.next();
            while (!probe.answeredSince(first) && System.nanoTime() < deadlineNs) {
                java.util.concurrent.locks.LockSupport.parkNanos(20_000_000);
            }
            if (!probe.answeredSince(first)) {
                still.add(probe.place().name() + ": a probe gets no answer");
            }
        }
        while (!ssh.caughtUpSince(outageEndsNs) && System.nanoTime() < deadlineNs) {
            java.util.concurrent.locks.LockSupport.parkNanos(20_000_000);
        }
        if (!ssh.caughtUpSince(outageEndsNs)) {
            still.add(ssh.place().name() + ": the SSH session does not go on");
        }
        return still;
    }

    /** What was cut is whole again from now on: the mark that {@link #recovered} asks about. */
    void outageEnds() {
        outageEndsNs = System.nanoTime();
    }

    /** The move is over and things have calmed down: closes the window, after waiting for replies that are still under way. */
    Window end() {
        streams.forEach(TcpStreams::wakeSilent);
        List<Path> paths = new ArrayList<>();
        List<String> faults = new ArrayList<>();
        long lost = 0;
        long duplicated = 0;
        long reordered = 0;
        List<Long> ends = probes.stream().map(UdpProbe::next).toList();
        List<Integer> pingEnds = pings.stream().map(PingProbe::mark).toList();
        long deadlineNs = System.nanoTime() + load.replyBound().toNanos();
        for (int i = 0; i < probes.size(); i++) {
            UdpProbe probe = probes.get(i);
            Mark mark = marks.get(i);
            long end = ends.get(i);
            probe.awaitReplies(mark.begin(), end, deadlineNs);
            ProbeFigures figures = probe.figures(mark.begin(), end);
            long span = (long) RTT_SECONDS * probe.rateHz();
            double before = probe.figures(Math.max(0, mark.moveStart() - span), mark.moveStart())
                    .medianRttMs();
            double after =
                    probe.figures(Math.max(mark.begin(), end - span), end).medianRttMs();
            String name = probe.place().name();
            int family = i % 2 == 0 ? 4 : 6;
            paths.add(new Path(name, family, probe.rateHz(), figures, before, after));
            lost += figures.lost();
            duplicated += figures.duplicated();
            reordered += figures.reordered();
            if (figures.lost() + figures.duplicated() + figures.reordered() > 0) {
                faults.add("IPv" + family + " probe from " + name + ": " + figures.lost() + " lost, "
                        + figures.duplicated() + " duplicated, " + figures.reordered() + " reordered of "
                        + figures.sent()
                        + (figures.lost() > 0
                                ? "; lost " + probe.lostStretches(mark.begin(), end, moveStartNs, 8)
                                        + " after the move began"
                                : "")
                        + (figures.reordered() > 0
                                ? "; the first late one was sent at " + probe.firstLate(mark.begin(), end, moveStartNs)
                                : ""));
            }
            marks.set(i, new Mark(end, end));
            probe.forgetBefore(end - span);
        }
        for (int i = 0; i < pings.size(); i++) {
            PingProbe ping = pings.get(i);
            int end = pingEnds.get(i);
            ping.awaitAfter(end, deadlineNs);
            PingProbe.Figures figures = ping.figures(pingMarks.get(i), end);
            lost += figures.lost();
            duplicated += figures.duplicated();
            reordered += figures.reordered();
            if (figures.lost() + figures.duplicated() + figures.reordered() > 0) {
                faults.add("ping " + (i % 2 == 0 ? 4 : 6) + " from "
                        + probes.get(i).place().name() + ": "
                        + figures.lost() + " lost, " + figures.duplicated() + " duplicated, " + figures.reordered()
                        + " reordered");
            }
            pingMarks.set(i, end);
        }
        return sessions(paths, lost, duplicated, reordered, faults);
    }

    private Window sessions(List<Path> paths, long lost, long duplicated, long reordered, List<String> faults) {
        int open = 0;
        int broken = 0;
        long mismatched =
                ssh.mismatched() + probes.stream().mapToLong(UdpProbe::damaged).sum();
        for (TcpStreams group : streams) {
            for (EchoStream stream : group.streams()) {
                mismatched += stream.mismatched();
                String reason = stream.broken();
                String key = group.place().name() + " " + System.identityHashCode(stream);
                if (reason.isEmpty()) {
                    open++;
                } else if (!brokenBefore.contains(key)) {
                    brokenBefore.add(key);
                    broken++;
                    faults.add(group.place().name() + ": " + reason);
                }
            }
        }
        if (!ssh.isBroken()) {
            open++;
        } else if (!brokenBefore.contains("ssh")) {
            brokenBefore.add("ssh");
            broken++;
            faults.add(ssh.place().name() + ": SSH session ended");
        }
        long newMismatches = mismatched - mismatchedBefore;
        mismatchedBefore = mismatched;
        if (newMismatches > 0) {
            faults.add(newMismatches + " bytes came back different");
        }
        return new Window(paths, lost, duplicated, reordered, open, broken, newMismatches, faults);
    }

    /** Bytes that have come back over TCP so far. */
    long bytesEchoed() {
        return streams.stream()
                .flatMap(group -> group.streams().stream())
                .mapToLong(EchoStream::received)
                .sum();
    }

    @Override
    public void close() {
        probes.forEach(UdpProbe::close);
        pings.forEach(PingProbe::close);
        streams.forEach(TcpStreams::close);
        ssh.close();
    }

    private static InetSocketAddress socket(String address) {
        try {
            return new InetSocketAddress(InetAddress.getByName(address), ECHO_PORT);
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException("no address: " + address, e);
        }
    }
}

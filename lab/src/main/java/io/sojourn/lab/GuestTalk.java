// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * One guest talks to another, and what it hears is judged outside of both: through SSH into the first, a TCP connection to the echo service of the second, checked
 * line by line, and ten pings a second, by IPv6: the socket of busybox's ping holds six packets, and by IPv4 the kernel puts into it all that it hears of ICMP, other hosts'
 * requests too, ten within 60 ms after a pause. What is refused there is lost in no network, and counted by nobody but the guest's kernel. The first guest is reached from its home's correspondent.
 */
final class GuestTalk implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(40);
    private static final Duration ANSWER_BOUND = Duration.ofSeconds(5);

    private final String name;
    private final SshSession lines;
    private final PingProbe pings;
    private final List<String> rawSockets;
    private int pingMark;
    private boolean toldBroken;
    private long toldMismatched;

    private GuestTalk(String name, SshSession lines, PingProbe pings, List<String> rawSockets) {
        this.name = name;
        this.lines = lines;
        this.pings = pings;
        this.rawSockets = rawSockets;
    }

    /** Returns when both have had a first answer. */
    static GuestTalk start(Lab lab, GuestPlan from, GuestPlan to) {
        Place place = lab.place(from.home().name() + "-c");
        String name = from.name() + " to " + to.name();
        SshSession lines = new SshSession(
                lab.run(), place, lab.image(), from.address4(), "nc " + to.address4() + " 7", Duration.ofMillis(50));
        PingProbe pings = PingProbe.within(
                lab.run(),
                SshSession.command(
                        lab.run(),
                        place,
                        lab.image(),
                        from.address4(),
                        "chrt -f 1 ping -i 0.1 -s 56 " + to.address6()));
        List<String> rawSockets =
                SshSession.command(lab.run(), place, lab.image(), from.address4(), "cat /proc/net/raw6");
        GuestTalk talk = new GuestTalk(name, lines, pings, rawSockets);
        try {
            lines.awaitFirstEcho(PATIENCE);
            pings.awaitAfter(0, System.nanoTime() + PATIENCE.toNanos());
            if (pings.mark() == 0) {
                throw new LabException("no ping from " + name);
            }
            talk.pingMark = pings.mark();
            return talk;
        } catch (RuntimeException e) {
            talk.close();
            throw e;
        }
    }

    /** What has gone wrong since the last call, one line each. */
    List<String> faults() {
        List<String> faults = new ArrayList<>();
        int end = pings.mark();
        pings.awaitAfter(end, System.nanoTime() + ANSWER_BOUND.toNanos());
        PingProbe.Figures figures = pings.figures(pingMark, end);
        if (end == pingMark || figures.lost() + figures.duplicated() + figures.reordered() > 0) {
            faults.add(name + ": of pings " + (pingMark + 1) + " to " + end + " " + figures.lost() + " lost, "
                    + figures.duplicated() + " duplicated, " + figures.reordered() + " reordered"
                    + (figures.lost() == 0 ? "" : ": " + pings.unanswered(pingMark, end)));
        }
        pingMark = end;
        if (lines.isBroken() && !toldBroken) {
            toldBroken = true;
            faults.add(name + ": the TCP connection between the guests broke");
        }
        if (lines.mismatched() > toldMismatched) {
            toldMismatched = lines.mismatched();
            faults.add(name + ": " + toldMismatched + " lines came back different");
        }
        return faults;
    }

    String said() {
        return name + " " + lines.echoed() + " lines and " + pings.mark() + " pings answered, " + refused()
                + " packets refused by the first one's ping";
    }

    /** ICMP packets that have reached the first guest's kernel and found its ping's socket full (last column of /proc/net/raw6). */
    private long refused() {
        return Command.run(rawSockets)
                .lines()
                .skip(1)
                .map(line -> line.strip().split("\\s+", -1))
                .mapToLong(columns -> Long.parseLong(columns[columns.length - 1]))
                .sum();
    }

    @Override
    public void close() {
        lines.close();
        pings.close();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * One guest talks to another, and what it hears is judged outside of both: through SSH into the first, a TCP connection to the echo service of the second, checked
 * line by line, and ten pings a second. The first guest is reached from its home's correspondent.
 */
final class GuestTalk implements AutoCloseable {
    private static final Duration PATIENCE = Duration.ofSeconds(40);
    private static final Duration ANSWER_BOUND = Duration.ofSeconds(5);

    private final String name;
    private final SshSession lines;
    private final PingProbe pings;
    private int pingMark;
    private boolean toldBroken;
    private long toldMismatched;

    private GuestTalk(String name, SshSession lines, PingProbe pings) {
        this.name = name;
        this.lines = lines;
        this.pings = pings;
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
                        lab.run(), place, lab.image(), from.address4(), "ping -i 0.1 -s 56 " + to.address4()));
        GuestTalk talk = new GuestTalk(name, lines, pings);
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
                    + figures.duplicated() + " duplicated, " + figures.reordered() + " reordered");
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
        return name + " " + lines.echoed() + " lines and " + pings.mark() + " pings answered";
    }

    @Override
    public void close() {
        lines.close();
        pings.close();
    }
}

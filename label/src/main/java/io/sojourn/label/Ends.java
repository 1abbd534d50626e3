// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

/** Two ends of a connection as a key: ours, then the other. One that is used for looking up may be set; one that is in a table never is. */
final class Ends {
    private boolean v6;
    private long ourHigh;
    private long ourLow;
    private long otherHigh;
    private long otherLow;
    private int ports;

    static Ends of(Place ours, Place other) {
        Ends ends = new Ends();
        ends.v6 = ours.address().isV6();
        ends.ourHigh = ours.address().high();
        ends.ourLow = ours.address().low();
        ends.otherHigh = other.address().high();
        ends.otherLow = other.address().low();
        ends.ports = ours.port() << 16 | other.port();
        return ends;
    }

    Ends outbound(Segment s) {
        v6 = s.v6;
        ourHigh = s.sourceHigh;
        ourLow = s.sourceLow;
        otherHigh = s.destinationHigh;
        otherLow = s.destinationLow;
        ports = s.sourcePort << 16 | s.destinationPort;
        return this;
    }

    Ends inbound(Segment s) {
        v6 = s.v6;
        ourHigh = s.destinationHigh;
        ourLow = s.destinationLow;
        otherHigh = s.sourceHigh;
        otherLow = s.sourceLow;
        ports = s.destinationPort << 16 | s.sourcePort;
        return this;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Ends e
                && ports == e.ports
                && ourLow == e.ourLow
                && otherLow == e.otherLow
                && ourHigh == e.ourHigh
                && otherHigh == e.otherHigh
                && v6 == e.v6;
    }

    @Override
    public int hashCode() {
        long mixed = ((ourHigh * 31 + ourLow) * 31 + otherHigh) * 31 + otherLow;
        mixed = (mixed * 31 + ports) * 0x9E37_79B9_7F4A_7C15L;
        return (int) (mixed >>> 32);
    }
}

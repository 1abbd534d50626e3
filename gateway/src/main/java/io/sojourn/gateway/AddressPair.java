// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.ParsedFrame;
import java.lang.foreign.MemorySegment;

/** Whom a packet is from, and for. IPv4: high halves 0. */
record AddressPair(boolean v6, long sourceHigh, long sourceLow, long destinationHigh, long destinationLow) {
    /** Octets of {@link #put}. */
    static final int BYTES = 32;

    static AddressPair of(ParsedFrame f) {
        return new AddressPair(f.isV6(), f.sourceHigh(), f.sourceLow(), f.destinationHigh(), f.destinationLow());
    }

    static AddressPair read(MemorySegment s, long ipAt) {
        return Ipv4.version(s, ipAt) == 4
                ? new AddressPair(false, 0, Ipv4.source(s, ipAt), 0, Ipv4.destination(s, ipAt))
                : new AddressPair(
                        true,
                        Ipv6.sourceHigh(s, ipAt),
                        Ipv6.sourceLow(s, ipAt),
                        Ipv6.destinationHigh(s, ipAt),
                        Ipv6.destinationLow(s, ipAt));
    }

    /** u8 source[16] | u8 destination[16]; an IPv4 address is the last four octets. */
    void put(MemorySegment s, long at) {
        BigEndian.putU64(s, at, sourceHigh);
        BigEndian.putU64(s, at + 8, sourceLow);
        BigEndian.putU64(s, at + 16, destinationHigh);
        BigEndian.putU64(s, at + 24, destinationLow);
    }
}

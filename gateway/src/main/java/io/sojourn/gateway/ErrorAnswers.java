// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.wire.Icmp4;
import io.sojourn.wire.Icmp6;
import io.sojourn.wire.IcmpErrors;
import io.sojourn.wire.ParsedFrame;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** ICMP errors to stations on a LAN (RFC 792, 1812, 4443), from the anycast address of their subnet, rate-limited. */
final class ErrorAnswers {
    private final MemorySegment out = Arena.ofAuto().allocate(IcmpErrors.MAX_BYTES + 64);
    /** RFC 4443 section 2.4 f asks for a limit; path MTU discovery needs it generous. */
    private final TokenBucket allowed = new TokenBucket(2_000, 500);

    private final Counters counters;

    ErrorAnswers(Counters counters) {
        this.counters = counters;
    }

    void timeExceeded(LanPort port, MemorySegment frame, ParsedFrame f, long nowNs) {
        IpAddress from = speaker(port, f, nowNs);
        if (from != null) {
            send(
                    port,
                    f.isV6()
                            ? IcmpErrors.timeExceeded6(out, 0, frame, f, LanPort.ANYCAST_MAC, from.high(), from.low())
                            : IcmpErrors.timeExceeded4(out, 0, frame, f, LanPort.ANYCAST_MAC, from.low()));
        }
    }

    void tooBig(LanPort port, MemorySegment frame, ParsedFrame f, int mtuBytes, long nowNs) {
        IpAddress from = speaker(port, f, nowNs);
        if (from != null) {
            counters.add(Kind.TOO_BIG_ANSWERED);
            send(
                    port,
                    f.isV6()
                            ? IcmpErrors.packetTooBig6(
                                    out, 0, frame, f, LanPort.ANYCAST_MAC, from.high(), from.low(), mtuBytes)
                            : IcmpErrors.fragmentationNeeded4(
                                    out, 0, frame, f, LanPort.ANYCAST_MAC, from.low(), mtuBytes));
        }
    }

    void unreachable(LanPort port, MemorySegment frame, ParsedFrame f, long nowNs) {
        IpAddress from = speaker(port, f, nowNs);
        if (from != null) {
            send(
                    port,
                    f.isV6()
                            ? IcmpErrors.destinationUnreachable6(
                                    out, 0, frame, f, LanPort.ANYCAST_MAC, from.high(), from.low(), Icmp6.CODE_NO_ROUTE)
                            : IcmpErrors.destinationUnreachable4(
                                    out, 0, frame, f, LanPort.ANYCAST_MAC, from.low(), Icmp4.CODE_HOST_UNREACHABLE));
        }
    }

    private @Nullable IpAddress speaker(LanPort port, ParsedFrame f, long nowNs) {
        return allowed.take(nowNs) ? port.network.speakingAddress(f.isV6(), f.sourceHigh(), f.sourceLow()) : null;
    }

    private void send(LanPort port, int length) {
        if (length > 0) {
            port.write(out, 0, length);
        }
    }
}

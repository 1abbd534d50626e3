// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.Udp;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.Executor;

/**
 * A name server for guests at the gateway's address in each subnet, the same at every site: it passes questions on to the site's resolvers, by UDP as they came by UDP, and by TCP as they came by TCP. Who moves while he waits
 * asks again, as he would of any server that does not answer. Forwarder's thread.
 */
final class GuestNames {
    /** What resolvers agree that a datagram may have on any path (EDNS, flag day of 2020). */
    private static final int DATAGRAM_MOST_BYTES = 1_232;

    private final Counters counters;
    private final Resolvers resolvers;
    private final Executor forwarder;
    private final GuestStreams streams;
    private final MemorySegment frame = Arena.ofAuto().allocate(GuestFrame.payloadAt(true) + DATAGRAM_MOST_BYTES, 64);

    /** @param forwarder has its thread do something */
    GuestNames(Resolvers resolvers, Timers timers, Counters counters, Executor forwarder) {
        this.counters = counters;
        this.resolvers = resolvers;
        this.forwarder = forwarder;
        this.streams = new GuestStreams(timers, counters, this::asked);
    }

    /** A packet to one of the gateway's addresses. @return false: it is no VM's question */
    boolean take(LanPort port, MemorySegment s, ParsedFrame f, VmEntry sender) {
        if (f.isFragment() || f.destinationPort() != Resolvers.PORT || !sender.local) {
            return false;
        }
        IpAddress guest = new IpAddress(f.isV6(), f.sourceHigh(), f.sourceLow());
        if (port.network.vmByAddress.get(guest.isV6(), guest.high(), guest.low()) != sender) {
            return false;
        }
        IpAddress own = new IpAddress(f.isV6(), f.destinationHigh(), f.destinationLow());
        if (f.protocol() == IpProtocol.TCP) {
            streams.segment(new GuestStreams.Ends(port, guest, f.sourcePort(), own), f.sourceMac(), s, f);
            return true;
        }
        int bytes = f.l4Length() - Udp.HEADER_BYTES;
        if (f.protocol() != IpProtocol.UDP || bytes <= 0) {
            return false;
        }
        byte[] question = s.asSlice(f.l4At() + Udp.HEADER_BYTES, bytes).toArray(ValueLayout.JAVA_BYTE);
        int guestPort = f.sourcePort();
        long mac = f.sourceMac();
        if (!Resolvers.isQuestion(question)) {
            counters.drop(DropReason.MALFORMED_CONTROL);
        } else if (!resolvers.ask(
                question,
                false,
                answer -> forwarder.execute(() -> answered(port, sender, mac, own, guest, guestPort, answer)))) {
            counters.drop(DropReason.RATE_LIMITED);
        } else {
            counters.add(Kind.NAMES_ASKED);
        }
        return true;
    }

    private void answered(
            LanPort port, VmEntry vm, long mac, IpAddress own, IpAddress guest, int guestPort, byte[] whole) {
        if (!vm.local) {
            return; // it asks again where it is
        }
        byte[] answer = whole.length > DATAGRAM_MOST_BYTES ? Resolvers.truncated(whole) : whole;
        MemorySegment.copy(answer, 0, frame, ValueLayout.JAVA_BYTE, GuestFrame.payloadAt(own.isV6()), answer.length);
        port.write(frame, 0, GuestFrame.udp(frame, mac, own, Resolvers.PORT, guest, guestPort, answer.length));
        counters.add(Kind.NAMES_ANSWERED);
    }

    /** A question by a stream. */
    private boolean asked(GuestStreams.Ends ends, byte[] question) {
        boolean asked = Resolvers.isQuestion(question)
                && resolvers.ask(
                        question,
                        true,
                        answer -> forwarder.execute(() -> {
                            streams.answered(ends, answer);
                            counters.add(Kind.NAMES_ANSWERED);
                        }));
        if (asked) {
            counters.add(Kind.NAMES_ASKED);
        }
        return asked;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.transfer.StreamEnd;
import io.sojourn.transfer.StreamFormat;
import io.sojourn.transfer.StreamVerdict;
import io.sojourn.wire.DropReason;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** The ends of memory streams that run through this gateway, driven after guests' packets. Forwarder's thread only. */
final class Streams {
    /** Datagrams that one stream may send in one turn: guests' packets are looked at again after so many. */
    private static final int TURN = 32;

    private record Attached(StreamEnd end, Peer peer) {}

    private final WanPort wan;
    private final Counters counters;
    private final List<Attached> attached = new ArrayList<>();

    Streams(WanPort wan, Counters counters) {
        this.wan = wan;
        this.counters = counters;
    }

    /**
     * From now on the stream sends to and receives from this peer, until {@link #detach}: one that is done may still be asked
     * for its last acknowledgement, and its hypervisor may still be reading.
     */
    void attach(StreamEnd end, Peer peer) {
        attached.add(new Attached(end, peer));
    }

    void detach(StreamEnd end) {
        if (attached.removeIf(a -> a.end == end)) {
            end.close();
        }
    }

    void receive(Peer from, MemorySegment s, long at, int length, long nowNs) {
        long token = StreamFormat.isStream(s, at, length) ? StreamFormat.tokenBits(s, at) : 0;
        for (int i = 0; i < attached.size(); i++) {
            Attached a = attached.get(i);
            if (a.peer == from && a.end.token().bits() == token) {
                if (a.end.onDatagram(s, at, length, nowNs) != StreamVerdict.ACCEPTED) {
                    counters.drop(DropReason.MALFORMED_CONTROL);
                }
                return;
            }
        }
        counters.drop(DropReason.UNAUTHENTICATED);
    }

    /** Sends what is due, a bounded turn for each stream; the number of datagrams. */
    int poll(long nowNs) {
        int sent = 0;
        for (int i = attached.size() - 1; i >= 0; i--) {
            Attached a = attached.get(i);
            for (int n = 0; n < TURN; n++) {
                int length = a.end.poll(nowNs, wan.frames(), wan.frameAt());
                if (length == 0) {
                    break;
                }
                wan.sendBuilt(a.peer, length);
                sent++;
            }
        }
        return sent;
    }

    long nextDueNs(long nowNs) {
        long next = Long.MAX_VALUE;
        for (int i = 0; i < attached.size(); i++) {
            next = Math.min(next, attached.get(i).end.nextDueNs(nowNs));
        }
        return next;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import io.sojourn.handoff.Signal;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/** What one gateway's packet path knows of one VM. */
final class VmPath {
    /** @param relayed the gateway that it came from has only passed it on */
    record Item(@Nullable Packet packet, @Nullable Signal signal, int from, long epoch, boolean relayed) {}

    static final class Queue {
        final long epoch;
        final int from;
        final ArrayDeque<Item> items = new ArrayDeque<>();
        boolean started;
        boolean active;
        int returnTo = -1;
        long sinceNs;

        Queue(long epoch, int from) {
            this.epoch = epoch;
            this.from = from;
        }

        Queue copy() {
            Queue copy = new Queue(epoch, from);
            copy.items.addAll(items);
            copy.started = started;
            copy.active = active;
            copy.returnTo = returnTo;
            copy.sinceNs = sinceNs;
            return copy;
        }
    }

    int routeTo = -1;
    long routeEpoch;
    int redirectTo = -1;
    long redirectEpoch;

    @Nullable
    Queue takenBack;

    long returnedEpoch = -1;
    final List<Queue> buffers = new ArrayList<>();
    final List<Queue> holds = new ArrayList<>();
    final List<Queue> outboundHolds = new ArrayList<>();
    boolean tombstone;
    long lastForwardedNs;
    /** Where it was bound before, and since when it is no more. */
    int cameFrom = -1;

    long movedNs;

    VmPath copy() {
        VmPath copy = new VmPath();
        copy.routeTo = routeTo;
        copy.routeEpoch = routeEpoch;
        copy.redirectTo = redirectTo;
        copy.redirectEpoch = redirectEpoch;
        copy.takenBack = takenBack == null ? null : takenBack.copy();
        copy.returnedEpoch = returnedEpoch;
        buffers.forEach(q -> copy.buffers.add(q.copy()));
        holds.forEach(q -> copy.holds.add(q.copy()));
        outboundHolds.forEach(q -> copy.outboundHolds.add(q.copy()));
        copy.tombstone = tombstone;
        copy.cameFrom = cameFrom;
        copy.movedNs = movedNs;
        return copy;
    }

    /** All that tells this state from another one, as numbers. */
    void encode(LongConsumer to, ToIntFunction<Signal> signals) {
        to.accept(routeTo);
        to.accept(routeEpoch);
        to.accept(redirectTo);
        to.accept(redirectEpoch);
        to.accept(returnedEpoch);
        to.accept(tombstone ? 1 : 0);
        encode(takenBack == null ? List.of() : List.of(takenBack), to, signals);
        encode(buffers, to, signals);
        encode(holds, to, signals);
        encode(outboundHolds, to, signals);
    }

    private static void encode(List<Queue> queues, LongConsumer to, ToIntFunction<Signal> signals) {
        to.accept(queues.size());
        for (Queue queue : queues) {
            to.accept(queue.epoch * 64 + queue.from + 1);
            to.accept((queue.started ? 1 : 0) + (queue.active ? 2 : 0) + 4L * (queue.returnTo + 1));
            to.accept(queue.items.size());
            for (Item item : queue.items) {
                to.accept(item.epoch * 64 + item.from + 1);
                to.accept(
                        item.packet != null
                                ? item.packet.flow.index * 1000L + item.packet.number
                                : item.signal != null ? -1L - signals.applyAsInt(item.signal) : 0);
            }
        }
    }
}

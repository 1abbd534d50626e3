// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.Fragmenter;
import io.sojourn.wire.IcmpErrors;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.TtlDecrement;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The WAN between places, as a router with a line to each: read, route, decrement, fit to the MTU, give to the link, and when it
 * is due, deliver. It has no thread and no clock; the time is handed in.
 *
 * <p><i>Order</i>: first in, first out per link, unless the link reorders. <i>Ownership</i>: a slot of the pool belongs to the
 * queue from admission to delivery. <i>Locking</i>: none, one thread. Nothing is allocated per packet.
 */
final class Forwarder implements AutoCloseable {
    private static final long ROUTER_MAC = 0x0200_0000_0001L;
    private static final long HOST_MAC = 0x0200_0000_0002L;

    private record Route(Prefix prefix, int place) {}

    private final Place[] places;
    private final @Nullable Link[][] links;
    private final Route[] routes;
    private final PacketPool pool;
    private final DueQueue due;
    private final int[] lengths;
    private final Link[] slotLink;
    private final ParsedFrame parsed = new ParsedFrame();
    private final Fragmenter fragmenter = new Fragmenter();
    private final Arena arena = Arena.ofShared();
    private final MemorySegment scratch = arena.allocate(PacketPool.SLOT_BYTES, 64);
    private long worstLateNs;
    private long lateOver200Us;

    /** @param links by index of the place from and to; null where there is no link */
    Forwarder(List<Place> places, @Nullable Link[][] links, long maxBytes) {
        this.places = places.toArray(Place[]::new);
        this.links = links;
        List<Route> all = new ArrayList<>();
        for (int i = 0; i < this.places.length; i++) {
            for (Prefix prefix : this.places[i].prefixes) {
                all.add(new Route(prefix, i));
            }
        }
        all.sort(Comparator.comparingInt((Route route) -> -route.prefix().bits()));
        routes = all.toArray(Route[]::new);
        pool = new PacketPool(maxBytes);
        due = new DueQueue(pool.capacity());
        lengths = new int[pool.capacity()];
        slotLink = new Link[pool.capacity()];
    }

    /** Reads and forwards up to {@code burst} packets of a place; returns how many there were. */
    int receive(int placeIndex, int burst, NanoClock clock) {
        Place place = places[placeIndex];
        for (int count = 0; count < burst; count++) {
            int slot = pool.take();
            MemorySegment segment = slot == PacketPool.NONE ? scratch : pool.segment(slot);
            long at = slot == PacketPool.NONE ? 0 : pool.offset(slot);
            int bytes = place.device.read(segment, at + PacketPool.PACKET_AT, PacketPool.PACKET_MAX_BYTES + 1);
            if (bytes < 0) {
                giveBack(slot);
                return count;
            }
            if (slot == PacketPool.NONE) {
                place.memoryExhausted++;
            } else if (bytes > PacketPool.PACKET_MAX_BYTES) {
                place.tooLong++;
                pool.give(slot);
            } else if (!forward(placeIndex, slot, bytes, clock.nanoTime())) {
                pool.give(slot);
            }
        }
        return burst;
    }

    private void giveBack(int slot) {
        if (slot != PacketPool.NONE) {
            pool.give(slot);
        }
    }

    /** True if the slot is now the queue's. */
    private boolean forward(int placeIndex, int slot, int bytes, long nowNs) {
        Place place = places[placeIndex];
        MemorySegment segment = pool.segment(slot);
        long frameAt = pool.offset(slot) + PacketPool.FRAME_AT;
        if (place.capture != null) {
            place.capture.write(segment, frameAt + Ethernet.HEADER_BYTES, bytes);
        }
        // 1 parse
        int version = bytes == 0 ? 0 : segment.get(JAVA_BYTE, frameAt + Ethernet.HEADER_BYTES) >>> 4 & 0xf;
        Ethernet.write(segment, frameAt, ROUTER_MAC, HOST_MAC, version == 6 ? EtherType.IPV6 : EtherType.IPV4);
        if (parsed.parse(segment, frameAt, Ethernet.HEADER_BYTES + bytes).isDrop()) {
            place.malformed++;
            return false;
        }
        if (parsed.isMulticastDestination()) {
            place.notUnicast++;
            return false;
        }
        // 2 route
        int to = route();
        Link link = to < 0 ? null : links[placeIndex][to];
        if (link == null) {
            place.noRoute++;
            if (to != placeIndex) {
                sendUnreachable(place, segment);
            }
            return false;
        }
        // 3 one hop less
        boolean alive =
                parsed.isV6() ? TtlDecrement.ipv6(segment, parsed.l3At()) : TtlDecrement.ipv4(segment, parsed.l3At());
        if (!alive) {
            place.ttlExpired++;
            sendTimeExceeded(place, segment);
            return false;
        }
        // 4 fit to the MTU, 5 give to the link
        if (parsed.l3Length() <= link.profile().mtu()) {
            return admit(link, slot, parsed.l3Length(), parsed.l3HeaderLength(), nowNs);
        }
        if (parsed.dontFragment()) {
            link.counters.droppedTooBig++;
            sendTooBig(place, segment, link.profile().mtu());
        } else {
            fragment(link, segment, nowNs);
        }
        return false;
    }

    private int route() {
        long high = parsed.destinationHigh();
        long low = parsed.isV6() ? parsed.destinationLow() : Prefix.MAPPED | parsed.destinationLow();
        for (Route route : routes) {
            if (route.prefix().contains(high, low)) {
                return route.place();
            }
        }
        return -1;
    }

    private boolean admit(Link link, int slot, int bytes, int headerBytes, long nowNs) {
        long dueNs = link.admit(nowNs, bytes);
        if (dueNs == Link.DROPPED) {
            return false;
        }
        if (link.corruptAt() >= 0 && bytes > headerBytes) {
            flipBit(slot, headerBytes, bytes, link.corruptAt());
            link.counters.corrupted++;
        }
        if (link.corruptSegmentAt() >= 0) {
            long at = pool.offset(slot) + PacketPool.PACKET_AT;
            if (SegmentDamage.inflict(pool.segment(slot), at, headerBytes, bytes, link.corruptSegmentAt())) {
                link.counters.corrupted++;
            }
        }
        if (link.duplicated()) {
            duplicate(link, slot, bytes, dueNs);
        }
        enqueue(link, slot, bytes, dueNs);
        return true;
    }

    private void duplicate(Link link, int slot, int bytes, long dueNs) {
        int copy = pool.take();
        if (copy == PacketPool.NONE) {
            link.counters.droppedMemory++;
            return;
        }
        MemorySegment.copy(
                pool.segment(slot),
                pool.offset(slot) + PacketPool.PACKET_AT,
                pool.segment(copy),
                pool.offset(copy) + PacketPool.PACKET_AT,
                bytes);
        link.counters.duplicated++;
        enqueue(link, copy, bytes, dueNs);
    }

    private void enqueue(Link link, int slot, int bytes, long dueNs) {
        lengths[slot] = bytes;
        slotLink[slot] = link;
        due.add(slot, dueNs);
    }

    private void flipBit(int slot, int headerBytes, int bytes, double where) {
        long bits = (bytes - headerBytes) * 8L;
        long bit = Math.min(bits - 1, (long) (bits * where));
        long at = pool.offset(slot) + PacketPool.PACKET_AT + headerBytes + bit / 8;
        MemorySegment segment = pool.segment(slot);
        segment.set(JAVA_BYTE, at, (byte) (segment.get(JAVA_BYTE, at) ^ 1 << (bit % 8)));
    }

    private void fragment(Link link, MemorySegment source, long nowNs) {
        if (!fragmenter.begin(source, parsed, link.profile().mtu())) {
            link.counters.droppedTooBig++;
            return;
        }
        while (true) {
            int slot = pool.take();
            if (slot == PacketPool.NONE) {
                link.counters.droppedMemory++;
                return;
            }
            int frameBytes = fragmenter.next(pool.segment(slot), pool.offset(slot) + PacketPool.FRAME_AT);
            int bytes = frameBytes == 0 ? 0 : packetLength(slot);
            boolean taken = frameBytes > 0 && admit(link, slot, bytes, parsed.l3HeaderLength(), nowNs);
            if (!taken) {
                pool.give(slot);
            }
            if (frameBytes == 0) {
                return;
            }
        }
    }

    private int packetLength(int slot) {
        return Ipv4.totalLength(pool.segment(slot), pool.offset(slot) + PacketPool.PACKET_AT);
    }

    /** Delivers what is due; returns how many packets were. */
    int deliver(NanoClock clock) {
        int count = 0;
        long nowNs = clock.nanoTime();
        while (!due.isEmpty() && due.firstDueNs() <= nowNs) {
            noteLateness(nowNs - due.firstDueNs());
            deliver(due.remove());
            // A long run of writes takes time itself, in which more becomes due.
            if ((++count & 15) == 0) {
                nowNs = clock.nanoTime();
            }
        }
        return count;
    }

    private void deliver(int slot) {
        Link link = slotLink[slot];
        int bytes = lengths[slot];
        if (link.isDown()) {
            link.counters.droppedDown++;
        } else {
            long at = pool.offset(slot) + PacketPool.PACKET_AT;
            if (link.to.capture != null) {
                link.to.capture.write(pool.segment(slot), at, bytes);
            }
            if (link.to.device.write(pool.segment(slot), at, bytes) == bytes) {
                link.counters.delivered++;
                link.counters.deliveredBytes += bytes;
            } else {
                link.counters.droppedDevice++;
            }
        }
        pool.give(slot);
    }

    private void noteLateness(long lateNs) {
        worstLateNs = Math.max(worstLateNs, lateNs);
        if (lateNs > 200_000) {
            lateOver200Us++;
        }
    }

    /** When the next packet is due, or {@link Long#MAX_VALUE} when none is under way. */
    long nextDueNs() {
        return due.isEmpty() ? Long.MAX_VALUE : due.firstDueNs();
    }

    private void sendUnreachable(Place place, MemorySegment offending) {
        if (!parsed.isV6()) {
            answer(
                    place,
                    IcmpErrors.destinationUnreachable4(scratch, 0, offending, parsed, ROUTER_MAC, place.router4, 0));
        } else if (place.hasRouter6) {
            answer(
                    place,
                    IcmpErrors.destinationUnreachable6(
                            scratch, 0, offending, parsed, ROUTER_MAC, place.router6High, place.router6Low, 0));
        }
    }

    private void sendTimeExceeded(Place place, MemorySegment offending) {
        if (!parsed.isV6()) {
            answer(place, IcmpErrors.timeExceeded4(scratch, 0, offending, parsed, ROUTER_MAC, place.router4));
        } else if (place.hasRouter6) {
            answer(
                    place,
                    IcmpErrors.timeExceeded6(
                            scratch, 0, offending, parsed, ROUTER_MAC, place.router6High, place.router6Low));
        }
    }

    private void sendTooBig(Place place, MemorySegment offending, int mtuBytes) {
        if (!parsed.isV6()) {
            answer(
                    place,
                    IcmpErrors.fragmentationNeeded4(
                            scratch, 0, offending, parsed, ROUTER_MAC, place.router4, mtuBytes));
        } else if (place.hasRouter6) {
            answer(
                    place,
                    IcmpErrors.packetTooBig6(
                            scratch, 0, offending, parsed, ROUTER_MAC, place.router6High, place.router6Low, mtuBytes));
        }
    }

    /** The first hop answers at once: it stands at the place's door. */
    private void answer(Place place, int frameBytes) {
        if (frameBytes > 0) {
            int bytes = parsed.isV6()
                    ? frameBytes - Ethernet.HEADER_BYTES
                    : Ipv4.totalLength(scratch, Ethernet.HEADER_BYTES);
            if (place.capture != null) {
                place.capture.write(scratch, Ethernet.HEADER_BYTES, bytes);
            }
            place.device.write(scratch, Ethernet.HEADER_BYTES, bytes);
            place.icmpSent++;
        }
    }

    Place[] places() {
        return places;
    }

    @Nullable
    Link[][] links() {
        return links;
    }

    int inFlight() {
        return due.size();
    }

    int poolUsed() {
        return pool.used();
    }

    int poolCapacity() {
        return pool.capacity();
    }

    long worstLateNs() {
        return worstLateNs;
    }

    long lateOver200Us() {
        return lateOver200Us;
    }

    @Override
    public void close() {
        pool.close();
        arena.close();
    }
}

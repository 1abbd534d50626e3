// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Ethernet;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.jspecify.annotations.Nullable;

/**
 * The last frames of a VM that passed this gateway, the beginning of each: {@value #SLOTS} slots of {@value #SLOT_BYTES} octets, so that
 * what it costs is known. The newest take the place of the oldest until the flip; after it what was before is kept, and the ring fills
 * up once.
 *
 * <pre>
 *   slot   | time ns | epoch | way, frames | length | kept | frame ...
 *          0         8       16            24       28     32
 * </pre>
 *
 * <p>Ownership: copies. Locking: none, forwarder's thread, until {@link #close}; then whoever writes it down. Allocates nothing once made.
 */
final class PacketRing {
    /** Where a frame was seen; its ordinal is the number of the interface in a file. */
    enum Way {
        FROM_WAN("from-wan"),
        TO_WAN("to-wan"),
        TO_GUEST("to-guest");

        private final String text;

        Way(String text) {
            this.text = text;
        }

        @Override
        public String toString() {
            return text;
        }
    }

    static final int SLOTS = 16_384;
    static final int SLOT_BYTES = 488;
    private static final int FRAME_AT = 32;
    /** What is kept of a frame at most. */
    static final int SNAP_BYTES = SLOT_BYTES - FRAME_AT;
    /** What the flip leaves of the ring to what comes after it. */
    private static final int AFTER_FLIP = SLOTS / 2;

    private static final int IPV4 = 0x0800;
    private static final int IPV6 = 0x86DD;
    private static final int IPV4_LEAST_BYTES = Ethernet.HEADER_BYTES + 20;
    private static final int IPV6_LEAST_BYTES = Ethernet.HEADER_BYTES + 40;

    private static final ValueLayout.OfLong LONG = ValueLayout.JAVA_LONG;
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;

    private final VmEntry vm;
    private final MemorySegment slots = Arena.ofAuto().allocate((long) SLOTS * SLOT_BYTES, 8);
    private final @Nullable Peer[] peers = new @Nullable Peer[SLOTS];
    private long written;
    private long bound = Long.MAX_VALUE;

    PacketRing(VmEntry vm) {
        this.vm = vm;
    }

    /** From now on nothing that is kept is overwritten beyond half of the ring. Only the first flip counts. */
    void flipped() {
        bound = Math.min(bound, written + AFTER_FLIP);
    }

    /** Nothing is added any more. */
    void close() {
        bound = written;
    }

    /** Frames so far, overwritten ones included. */
    long written() {
        return written;
    }

    int size() {
        return (int) Math.min(written, SLOTS);
    }

    void add(Way way, @Nullable Peer peer, int vni, long epoch, MemorySegment s, long at, int length, int frames) {
        if (written >= bound || !isOfVm(vni, s, at, length)) {
            return;
        }
        int slot = (int) (written++ % SLOTS);
        long to = (long) slot * SLOT_BYTES;
        int kept = Math.min(length, SNAP_BYTES);
        slots.set(LONG, to, System.nanoTime());
        slots.set(LONG, to + 8, epoch);
        slots.set(INT, to + 16, way.ordinal());
        slots.set(INT, to + 20, frames);
        slots.set(INT, to + 24, length);
        slots.set(INT, to + 28, kept);
        MemorySegment.copy(s, at, slots, to + FRAME_AT, kept);
        peers[slot] = peer;
    }

    /** By its addresses: outside of the VM's own LAN its MAC says nothing. */
    private boolean isOfVm(int vni, MemorySegment s, long at, int length) {
        if (length < IPV4_LEAST_BYTES) {
            return false;
        }
        int type = Ethernet.type(s, at);
        long l3 = at + Ethernet.HEADER_BYTES;
        if (type == IPV4) {
            return owns(vni, false, 0, BigEndian.u32(s, l3 + 12)) || owns(vni, false, 0, BigEndian.u32(s, l3 + 16));
        }
        return type == IPV6
                && length >= IPV6_LEAST_BYTES
                && (owns(vni, true, BigEndian.u64(s, l3 + 8), BigEndian.u64(s, l3 + 16))
                        || owns(vni, true, BigEndian.u64(s, l3 + 24), BigEndian.u64(s, l3 + 32)));
    }

    private boolean owns(int vni, boolean isV6, long high, long low) {
        for (int i = 0; i < vm.nics.size(); i++) {
            VmEntry.Nic nic = vm.nics.get(i);
            if (nic.network().vni == vni && nic.has(isV6, high, low)) {
                return true;
            }
        }
        return false;
    }

    // --- reading; i counts from the oldest that is kept

    private int slot(int i) {
        return (int) ((written - size() + i) % SLOTS);
    }

    private long at(int i) {
        return (long) slot(i) * SLOT_BYTES;
    }

    /** {@link System#nanoTime}. */
    long timeNs(int i) {
        return slots.get(LONG, at(i));
    }

    /** Under which the frame was sent between gateways, as far as it says (its low 24 bits); 0: none. */
    long epoch(int i) {
        return slots.get(LONG, at(i) + 8);
    }

    Way way(int i) {
        return Way.values()[slots.get(INT, at(i) + 16)];
    }

    /** How many frames had these headers: segments of one flow pass as one. */
    int frames(int i) {
        return slots.get(INT, at(i) + 20);
    }

    int length(int i) {
        return slots.get(INT, at(i) + 24);
    }

    MemorySegment frame(int i) {
        return slots.asSlice(at(i) + FRAME_AT, slots.get(INT, at(i) + 28));
    }

    /** From or to which gateway; empty on the guest's side. */
    String peer(int i) {
        Peer peer = peers[slot(i)];
        return peer == null ? "" : peer.id.name();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import org.jspecify.annotations.Nullable;

/**
 * The VMs of a network by address: IPv4 or IPv6, given as the two longs of {@link io.sojourn.wire.ParsedFrame}. Open addressing,
 * linear probing, at most half full; what identifies an address, the MAC that belongs to it and its {@link NextHop} stand together, so
 * that an address among a million costs one cache line.
 *
 * <p>Lookup is by slot: {@link #find}, then {@link #vm}, {@link #mac} and {@link #nextHop}; slots are good until the next change. Allocates
 * nothing but to grow. One thread.
 */
final class VmTable {
    /** Of {@link #find}: the address is nobody's. */
    static final int NONE = -1;

    private static final int LEAST_SLOTS = 16;
    /** Longs of a slot: the address, then the MAC in 48 bits under {@link #USED} and {@link #V6}, then the next hop. */
    private static final int SLOT = 4;

    private static final long USED = 1L << 63;
    private static final long V6 = 1L << 62;
    private static final long MAC = (1L << 48) - 1;

    private long[] slots = new long[SLOT * LEAST_SLOTS];
    private @Nullable VmEntry[] vms = new VmEntry[LEAST_SLOTS];
    private int mask = LEAST_SLOTS - 1;
    private int size;

    /** Odd multipliers, the golden ratio's and MurmurHash3's: addresses that follow each other, or differ in either half, land apart. */
    private static int hash(long high, long low) {
        long h = (low ^ high * 0x9E37_79B9_7F4A_7C15L) * 0xFF51_AFD7_ED55_8CCDL;
        return (int) (h >>> 32 ^ h >>> 16);
    }

    /** The slot of an address, or {@link #NONE}. */
    int find(boolean isV6, long high, long low) {
        long kind = isV6 ? USED | V6 : USED;
        for (int i = hash(high, low) & mask; ; i = i + 1 & mask) {
            int at = SLOT * i;
            long tail = slots[at + 2];
            if (tail == 0) {
                return NONE;
            }
            if (slots[at + 1] == low && slots[at] == high && (tail & ~MAC) == kind) {
                return i;
            }
        }
    }

    /** Whose address it is. */
    VmEntry vm(int slot) {
        VmEntry vm = vms[slot];
        if (vm == null) {
            throw new IllegalStateException("slot " + slot + " is empty");
        }
        return vm;
    }

    /** The MAC address of the NIC that has the address, 48 bits. */
    long mac(int slot) {
        return slots[SLOT * slot + 2] & MAC;
    }

    /** Where packets to it go, if that is all that has to be known: {@link NextHop}. */
    long nextHop(int slot) {
        return slots[SLOT * slot + 3];
    }

    /** Of an address, if it is that VM's. */
    void nextHop(boolean isV6, long high, long low, VmEntry vm, long hop) {
        int slot = find(isV6, high, low);
        if (slot != NONE && vms[slot] == vm) {
            slots[SLOT * slot + 3] = hop;
        }
    }

    @Nullable
    VmEntry get(boolean isV6, long high, long low) {
        int slot = find(isV6, high, low);
        return slot == NONE ? null : vms[slot];
    }

    /**
     * The slot of an address if it is in the first or the second one where it may be, else one that means nothing. There is no branch in it
     * to predict, so that the processor waits for the memory of many such at once, as it does not for {@link #find}.
     */
    int likely(long high, long low) {
        int i = hash(high, low) & mask;
        long other = slots[SLOT * i + 1] ^ low;
        int further = (int) ((other | -other) >>> 63);
        return i + further & mask;
    }

    /** Whose slot it is; null: nobody's. */
    @Nullable
    VmEntry peek(int slot) {
        return vms[slot];
    }

    void put(boolean isV6, long high, long low, long mac, VmEntry vm) {
        int slot = find(isV6, high, low);
        if (slot == NONE) {
            if (2 * ++size > vms.length) {
                grow();
            }
            slot = freeSlot(high, low);
        }
        set(slot, high, low, (isV6 ? USED | V6 : USED) | mac & MAC, vm);
    }

    private int freeSlot(long high, long low) {
        int i = hash(high, low) & mask;
        while (slots[SLOT * i + 2] != 0) {
            i = i + 1 & mask;
        }
        return i;
    }

    private void set(int slot, long high, long low, long tail, @Nullable VmEntry vm) {
        int at = SLOT * slot;
        slots[at] = high;
        slots[at + 1] = low;
        slots[at + 2] = tail;
        slots[at + 3] = NextHop.NONE;
        vms[slot] = vm;
    }

    private void grow() {
        long[] oldSlots = slots;
        @Nullable VmEntry[] oldVms = vms;
        slots = new long[2 * oldSlots.length];
        vms = new VmEntry[2 * oldVms.length];
        mask = vms.length - 1;
        for (int i = 0; i < oldVms.length; i++) {
            int at = SLOT * i;
            if (oldSlots[at + 2] != 0) {
                int slot = freeSlot(oldSlots[at], oldSlots[at + 1]);
                set(slot, oldSlots[at], oldSlots[at + 1], oldSlots[at + 2], oldVms[i]);
            }
        }
    }

    /** An address that has been given to another VM since stays that VM's. */
    void remove(boolean isV6, long high, long low, VmEntry vm) {
        int hole = find(isV6, high, low);
        if (hole == NONE || vms[hole] != vm) {
            return;
        }
        size--;
        // What had to go further for the sake of this slot moves up (Knuth, volume 3, 6.4, algorithm R).
        for (int i = hole + 1 & mask; slots[SLOT * i + 2] != 0; i = i + 1 & mask) {
            int at = SLOT * i;
            int home = hash(slots[at], slots[at + 1]) & mask;
            if ((i - home & mask) >= (i - hole & mask)) {
                set(hole, slots[at], slots[at + 1], slots[at + 2], vms[i]);
                hole = i;
            }
        }
        set(hole, 0, 0, 0, null);
    }

    int size() {
        return size;
    }
}

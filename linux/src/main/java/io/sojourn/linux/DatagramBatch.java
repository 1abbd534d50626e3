// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;

/**
 * Datagrams for {@link UdpSocket}: one slab of equal slots off the heap, and the kernel's arrays that point into it.
 *
 * <pre>
 *   slab   | slot 0                        | slot 1 ...
 *          | start(0) free | length(0) ... |
 *          ^ slotOffset(0) ^ offset(0)
 * </pre>
 *
 * <p>Moving {@link #start(int, int) start} back by a header's length makes room for that header with no copying. One thread
 * owns a batch; it allocates nothing after its construction.
 */
public final class DatagramBatch implements AutoCloseable {
    // struct mmsghdr { struct msghdr { name, namelen, iov, iovlen, control, controllen, flags }; unsigned len } on 64
    // bit.
    static final int MMSGHDR_BYTES = 64;
    static final int MSG_NAME = 0;
    static final int MSG_NAMELEN = 8;
    static final int MSG_IOV = 16;
    static final int MSG_IOVLEN = 24;
    static final int MSG_FLAGS = 48;
    static final int MSG_LEN = 56;
    static final int IOVEC_BYTES = 16;
    static final int IOV_LEN = 8;
    // struct sockaddr_in6 { family, port, flowinfo, addr[16], scope_id }, in a slot of 32 bytes.
    static final int SOCKADDR_SLOT = 32;
    static final int SIN6_BYTES = 28;
    static final int SIN6_PORT = 2;
    static final int SIN6_ADDR = 8;
    static final int SIN6_SCOPE = 24;
    static final int SIN_BYTES = 16;
    static final int SIN_ADDR = 4;
    static final int AF_INET = 2;
    static final int AF_INET6 = 10;

    private static final int MSG_TRUNC = 0x20;
    private static final ValueLayout.OfShort NET_SHORT = JAVA_SHORT.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt NET_INT = JAVA_INT.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfLong NET_LONG = JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final long MAPPED = 0x0000_ffff_0000_0000L;

    private final int slots;
    private final int slotBytes;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment slab;
    private final MemorySegment headers;
    private final MemorySegment iovecs;
    private final MemorySegment names;
    private final int[] starts;
    private final int[] lengths;
    private final int[] errors;

    public DatagramBatch(int slots, int slotBytes) {
        this.slots = slots;
        this.slotBytes = slotBytes;
        slab = arena.allocate((long) slots * slotBytes, 64);
        headers = arena.allocate((long) slots * MMSGHDR_BYTES, 64);
        iovecs = arena.allocate((long) slots * IOVEC_BYTES, 64);
        names = arena.allocate((long) slots * SOCKADDR_SLOT, 64);
        starts = new int[slots];
        lengths = new int[slots];
        errors = new int[slots];
        for (int i = 0; i < slots; i++) {
            headers.set(JAVA_LONG, header(i) + MSG_NAME, names.address() + name(i));
            headers.set(JAVA_LONG, header(i) + MSG_IOV, iovecs.address() + (long) i * IOVEC_BYTES);
            headers.set(JAVA_LONG, header(i) + MSG_IOVLEN, 1);
        }
    }

    public int slots() {
        return slots;
    }

    public int slotBytes() {
        return slotBytes;
    }

    /** All slots; datagram {@code i} is the {@link #length} bytes from {@link #offset}. */
    public MemorySegment slab() {
        return slab;
    }

    /** Where slot {@code i} begins in the slab. */
    public long slotOffset(int i) {
        return (long) i * slotBytes;
    }

    /** Where datagram {@code i} begins in the slab: its slot and the headroom before it. */
    public long offset(int i) {
        return slotOffset(i) + starts[i];
    }

    /** Free bytes before datagram {@code i} in its slot. */
    public int start(int i) {
        return starts[i];
    }

    /** Sets where datagram {@code i} starts in its slot, for sending and for the next receive. */
    public void start(int i, int start) {
        Objects.checkIndex(start, slotBytes);
        starts[i] = start;
    }

    /** Sets the same headroom for all slots. */
    public void headroom(int bytes) {
        for (int i = 0; i < slots; i++) {
            start(i, bytes);
        }
    }

    public int length(int i) {
        return lengths[i];
    }

    public void length(int i, int bytes) {
        Objects.checkFromIndexSize(starts[i], bytes, slotBytes);
        lengths[i] = bytes;
    }

    /** The datagram received into slot {@code i} was longer than the slot: its end is lost. */
    public boolean truncated(int i) {
        return (headers.get(JAVA_INT, header(i) + MSG_FLAGS) & MSG_TRUNC) != 0;
    }

    /** The errno that made {@link UdpSocket#send} skip datagram {@code i}, or 0 if it was sent. */
    public int sendErrno(int i) {
        return errors[i];
    }

    public long peerAddressHigh(int i) {
        return names.get(NET_LONG, name(i) + SIN6_ADDR);
    }

    public long peerAddressLow(int i) {
        return names.get(NET_LONG, name(i) + SIN6_ADDR + 8);
    }

    public int peerPort(int i) {
        return names.get(NET_SHORT, name(i) + SIN6_PORT) & 0xffff;
    }

    /** The {@link PeerAddress#key} of the peer of datagram {@code i}, to look a peer up by; confirm with {@link #isPeer}. */
    public long peerKey(int i) {
        return PeerAddress.key(peerAddressHigh(i), peerAddressLow(i), peerPort(i));
    }

    public boolean isPeer(int i, PeerAddress peer) {
        return peerAddressLow(i) == peer.low() && peerAddressHigh(i) == peer.high() && peerPort(i) == peer.port();
    }

    /** The peer of datagram {@code i} as an object; allocates, so not for each packet. */
    public PeerAddress peer(int i) {
        int scope = names.get(JAVA_INT, name(i) + SIN6_SCOPE);
        return new PeerAddress(peerAddressHigh(i), peerAddressLow(i), peerPort(i), scope);
    }

    public void setPeer(int i, PeerAddress peer) {
        long at = name(i);
        names.set(JAVA_SHORT, at, (short) AF_INET6);
        names.set(NET_SHORT, at + SIN6_PORT, (short) peer.port());
        names.set(JAVA_INT, at + 4, 0);
        names.set(NET_LONG, at + SIN6_ADDR, peer.high());
        names.set(NET_LONG, at + SIN6_ADDR + 8, peer.low());
        names.set(JAVA_INT, at + SIN6_SCOPE, peer.scopeId());
    }

    /** Sends datagram {@code i} back where it came from, or on to where another one came from. */
    public void copyPeer(int from, int to) {
        MemorySegment.copy(names, name(from), names, name(to), SOCKADDR_SLOT);
    }

    /** Points the kernel's arrays at the free part of each slot. */
    long prepareReceive() {
        for (int i = 0; i < slots; i++) {
            iovecs.set(JAVA_LONG, (long) i * IOVEC_BYTES, slab.address() + offset(i));
            iovecs.set(JAVA_LONG, (long) i * IOVEC_BYTES + IOV_LEN, slotBytes - starts[i]);
            headers.set(JAVA_INT, header(i) + MSG_NAMELEN, SIN6_BYTES);
        }
        return headers.address();
    }

    void received(int count, int family) {
        for (int i = 0; i < count; i++) {
            lengths[i] = headers.get(JAVA_INT, header(i) + MSG_LEN);
            if (family == AF_INET) {
                widen(i);
            }
        }
    }

    /** Points the kernel's arrays at the datagrams from {@code from} on. */
    long prepareSend(int from, int count, int family) {
        for (int i = from; i < from + count; i++) {
            iovecs.set(JAVA_LONG, (long) i * IOVEC_BYTES, slab.address() + offset(i));
            iovecs.set(JAVA_LONG, (long) i * IOVEC_BYTES + IOV_LEN, lengths[i]);
            headers.set(JAVA_INT, header(i) + MSG_NAMELEN, family == AF_INET ? SIN_BYTES : SIN6_BYTES);
            errors[i] = 0;
            if (family == AF_INET) {
                narrow(i);
            }
        }
        return headers.address() + header(from);
    }

    void refused(int i, int errno) {
        errors[i] = errno;
    }

    /** Puts an address into slot 0 for bind(2) and returns its length for the family. */
    int bindAddress(PeerAddress local, int family) {
        setPeer(0, local);
        if (family == AF_INET) {
            narrow(0);
            return SIN_BYTES;
        }
        return SIN6_BYTES;
    }

    long nameAddress(int i) {
        return names.address() + name(i);
    }

    // A host without IPv6 has only sockaddr_in; the batch keeps the wide form and changes it in place around the call.
    private void widen(int i) {
        int v4 = names.get(NET_INT, name(i) + SIN_ADDR);
        names.set(JAVA_SHORT, name(i), (short) AF_INET6);
        names.set(JAVA_INT, name(i) + 4, 0);
        names.set(NET_LONG, name(i) + SIN6_ADDR, 0);
        names.set(NET_LONG, name(i) + SIN6_ADDR + 8, MAPPED | (v4 & 0xffff_ffffL));
        names.set(JAVA_INT, name(i) + SIN6_SCOPE, 0);
    }

    private void narrow(int i) {
        if (names.get(JAVA_SHORT, name(i)) == AF_INET6) {
            names.set(NET_INT, name(i) + SIN_ADDR, (int) peerAddressLow(i));
            names.set(JAVA_SHORT, name(i), (short) AF_INET);
        }
    }

    private static long header(int i) {
        return (long) i * MMSGHDR_BYTES;
    }

    private static long name(int i) {
        return (long) i * SOCKADDR_SLOT;
    }

    @Override
    public void close() {
        arena.close();
    }
}

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
import org.jspecify.annotations.Nullable;

/**
 * Datagrams for {@link UdpSocket}: a slab off the heap, and the kernel's arrays that point into it. Three shapes:
 *
 * <pre>
 *   equal slots, one datagram each      | slot 0                        | slot 1 ...
 *                                       | start(0) free | length(0) ... |
 *                                       ^ slotOffset(0) ^ offset(0)
 *
 *   packed, for sending                 slots stand wherever {@link #place} puts them; a datagram may have a {@link #tail} elsewhere
 *   merged, for receiving               a slot takes as many datagrams of one sender as the kernel merged (UDP_GRO)
 * </pre>
 *
 * <p>Moving {@link #start(int, int) start} back by a header's length makes room for that header with no copying. A tail is payload
 * that is sent from where it is. One thread owns a batch; it allocates nothing after its construction.
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

    static final int MSG_CONTROL = 32;
    static final int MSG_CONTROLLEN = 40;
    // struct cmsghdr { size_t len; int level; int type; } and its datum, CMSG_SPACE of both a short and an int.
    static final int CMSG_BYTES = 24;
    static final int CMSG_LEVEL = 8;
    static final int CMSG_TYPE = 12;
    static final int CMSG_DATA = 16;
    private static final int SOL_UDP = 17;
    private static final int UDP_SEGMENT = 103;
    private static final int UDP_GRO = 104;
    /** UDP_MAX_SEGMENTS of linux/udp.h; later kernels allow 128. */
    private static final int JOINED_MAX = 64;
    /** The payload of the longest IPv4 packet. */
    private static final int JOINED_BYTES_MAX = 65_507;

    private static final int MERGED_SLOT_BYTES = 1 << 16;
    private static final int MERGED_MAX = 128;
    /** Slots asked for while what comes is long: what is read is then looked at while it is in the processor's cache. */
    private static final int LONG_SLOTS = 2;

    private static final int LONG_BYTES = 8192;

    private final int slots;
    private final int slotBytes;
    private final boolean merged;
    private final Arena arena = Arena.ofShared();
    private final MemorySegment slab;
    private final MemorySegment headers;
    private final MemorySegment iovecs;
    private final MemorySegment names;
    private final MemorySegment controls;
    /** Whom a datagram goes to; its name is written when it turns out to begin a message. */
    private final @Nullable PeerAddress[] to;

    private final long[] places;
    private final int[] starts;
    private final int[] lengths;
    private final long[] tails;
    private final int[] tailLengths;
    private final boolean[] alone;
    private final int[] errors;
    /** Which name belongs to a datagram: its own, or that of the slot it was received in. */
    private final int[] nameOf;
    /** Datagrams in each message, since the last {@link #prepareSend}. */
    private final int[] joined;

    private int receiveSlots;
    private boolean full;
    /** Where the last piece of the message ends that is being made; 0: it has none yet. */
    private long pieceEnd;

    /** Equal slots. */
    public DatagramBatch(int slots, int slotBytes) {
        this(slots, slotBytes, slots, (long) slots * slotBytes, false);
    }

    private DatagramBatch(int slots, int slotBytes, int datagrams, long slabBytes, boolean merged) {
        this.slots = slots;
        this.slotBytes = slotBytes;
        this.merged = merged;
        slab = arena.allocate(slabBytes, 64);
        headers = arena.allocate((long) slots * MMSGHDR_BYTES, 64);
        iovecs = arena.allocate(2L * slots * IOVEC_BYTES, 64);
        names = arena.allocate((long) slots * SOCKADDR_SLOT, 64);
        controls = arena.allocate((long) slots * CMSG_BYTES, 64);
        to = new PeerAddress[datagrams];
        places = new long[datagrams];
        starts = new int[datagrams];
        lengths = new int[datagrams];
        tails = new long[datagrams];
        tailLengths = new int[datagrams];
        alone = new boolean[datagrams];
        errors = new int[datagrams];
        nameOf = new int[datagrams];
        joined = new int[slots];
        receiveSlots = slots;
        for (int i = 0; i < slots; i++) {
            places[i] = slabBytes == (long) slots * slotBytes ? (long) i * slotBytes : 0;
            nameOf[i] = i;
        }
    }

    /** For sending: {@code datagrams} of any length, where {@link #place} puts them in a slab of {@code slabBytes}. */
    public static DatagramBatch packed(int datagrams, int slabBytes) {
        return new DatagramBatch(datagrams, slabBytes, datagrams, slabBytes, false);
    }

    /** For receiving from a socket with {@link UdpSocket#mergeReceived}; {@code slots} is how many messages at once. */
    public static DatagramBatch merged(int slots) {
        return new DatagramBatch(slots, MERGED_SLOT_BYTES, slots * MERGED_MAX, (long) slots * MERGED_SLOT_BYTES, true);
    }

    /** How many datagrams there is room for when each takes a slot. */
    public int slots() {
        return slots;
    }

    public int slotBytes() {
        return slotBytes;
    }

    /** Puts slot {@code i} of a packed batch there. */
    public void place(int i, long slotOffset) {
        Objects.checkIndex(slotOffset, slab.byteSize());
        places[i] = slotOffset;
    }

    /** Sends datagram {@code i} in a message of its own, whatever its neighbours are; until its length is set again. */
    public void alone(int i) {
        alone[i] = true;
    }

    /** Datagram {@code i} goes on with these bytes; they must stay as they are until it is sent. Until its length is set again. */
    public void tail(int i, MemorySegment s, long at, int bytes) {
        Objects.checkFromIndexSize(at, bytes, s.byteSize());
        tails[i] = s.address() + at;
        tailLengths[i] = bytes;
    }

    /** All slots; datagram {@code i} is the {@link #length} bytes from {@link #offset}. */
    public MemorySegment slab() {
        return slab;
    }

    /** Where slot {@code i} begins in the slab. */
    public long slotOffset(int i) {
        return places[i];
    }

    /** Where datagram {@code i} begins in the slab: its slot and the headroom before it. */
    public long offset(int i) {
        return places[i] + starts[i];
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
        Objects.checkFromIndexSize(places[i] + starts[i], bytes, slab.byteSize());
        lengths[i] = bytes;
        tailLengths[i] = 0;
        alone[i] = false;
    }

    /** Received datagram {@code i} has {@code bytes} bytes, the first of them {@code skipped} bytes on: what stood around them has been read. */
    public void unwrap(int i, int skipped, int bytes) {
        Objects.checkFromIndexSize(offset(i) + skipped, bytes, slab.byteSize());
        places[i] += skipped;
        lengths[i] = bytes;
    }

    /** The datagram received into slot {@code i} was longer than the slot: its end is lost. */
    public boolean truncated(int i) {
        return (headers.get(JAVA_INT, header(nameOf[i]) + MSG_FLAGS) & MSG_TRUNC) != 0;
    }

    /** The errno that made {@link UdpSocket#send} skip datagram {@code i}, or 0 if it was sent. */
    public int sendErrno(int i) {
        return errors[i];
    }

    public long peerAddressHigh(int i) {
        return names.get(NET_LONG, name(nameOf[i]) + SIN6_ADDR);
    }

    public long peerAddressLow(int i) {
        return names.get(NET_LONG, name(nameOf[i]) + SIN6_ADDR + 8);
    }

    public int peerPort(int i) {
        return names.get(NET_SHORT, name(nameOf[i]) + SIN6_PORT) & 0xffff;
    }

    /** Two datagrams were received as one message: they have the same sender. */
    public boolean isSameSlot(int a, int b) {
        return nameOf[a] == nameOf[b];
    }

    /** The {@link PeerAddress#key} of the peer of datagram {@code i}, to look a peer up by; confirm with {@link #isPeer}. */
    public long peerKey(int i) {
        return PeerAddress.key(peerAddressHigh(i), peerAddressLow(i), peerPort(i));
    }

    public boolean isPeer(int i, PeerAddress peer) {
        return peerAddressLow(i) == peer.low() && peerAddressHigh(i) == peer.high() && peerPort(i) == peer.port();
    }

    /** Whether it is from that address, whatever its port. */
    public boolean isHost(int i, PeerAddress host) {
        return peerAddressLow(i) == host.low() && peerAddressHigh(i) == host.high();
    }

    /** The peer of datagram {@code i} as an object; allocates, so not for each packet. */
    public PeerAddress peer(int i) {
        int scope = names.get(JAVA_INT, name(nameOf[i]) + SIN6_SCOPE);
        return new PeerAddress(peerAddressHigh(i), peerAddressLow(i), peerPort(i), scope);
    }

    /** Datagram {@code i} is to be sent there. */
    public void setPeer(int i, PeerAddress peer) {
        to[i] = peer;
    }

    /** Points the kernel's arrays at the free part of each slot. */
    long prepareReceive() {
        for (int i = 0; i < slots; i++) {
            int start = merged ? 0 : starts[i];
            iovecs.set(JAVA_LONG, (long) i * IOVEC_BYTES, slab.address() + (long) i * slotBytes + start);
            iovecs.set(JAVA_LONG, (long) i * IOVEC_BYTES + IOV_LEN, slotBytes - start);
            message(i, i, 1, i, SIN6_BYTES);
            headers.set(JAVA_LONG, header(i) + MSG_CONTROL, merged ? controls.address() + (long) i * CMSG_BYTES : 0);
            headers.set(JAVA_LONG, header(i) + MSG_CONTROLLEN, merged ? CMSG_BYTES : 0);
        }
        return headers.address();
    }

    /** The last receive has filled as many slots as were asked for: there may be more. */
    public boolean isFull() {
        return full;
    }

    /** Nothing was received. */
    void receivedNone() {
        full = false;
    }

    /** How many slots to fill with one call. */
    int receiveSlots() {
        return receiveSlots;
    }

    /** Takes note of what the kernel has filled in; the number of datagrams. */
    int received(int count, int family) {
        full = count == receiveSlots;
        for (int k = 0; k < count && family == AF_INET; k++) {
            widen(k);
        }
        if (!merged) {
            for (int i = 0; i < count; i++) {
                places[i] = (long) i * slotBytes;
                lengths[i] = headers.get(JAVA_INT, header(i) + MSG_LEN);
            }
            return count;
        }
        int n = 0;
        long total = 0;
        for (int k = 0; k < count; k++) {
            int bytes = headers.get(JAVA_INT, header(k) + MSG_LEN);
            total += bytes;
            n = split(k, bytes, segmentBytes(k, bytes), n);
        }
        receiveSlots = total > (long) count * LONG_BYTES ? LONG_SLOTS : slots;
        return n;
    }

    private int segmentBytes(int slot, int bytes) {
        long at = (long) slot * CMSG_BYTES;
        boolean told = headers.get(JAVA_LONG, header(slot) + MSG_CONTROLLEN) >= CMSG_DATA + Integer.BYTES
                && controls.get(JAVA_INT, at + CMSG_LEVEL) == SOL_UDP
                && controls.get(JAVA_INT, at + CMSG_TYPE) == UDP_GRO;
        int segment = told ? controls.get(JAVA_INT, at + CMSG_DATA) : bytes;
        return segment <= 0 ? bytes : segment;
    }

    private int split(int slot, int bytes, int segment, int first) {
        int n = first;
        int at = 0;
        int end = Math.min(lengths.length, first + MERGED_MAX);
        do {
            places[n] = (long) slot * slotBytes + at;
            starts[n] = 0;
            lengths[n] = Math.min(segment, bytes - at);
            nameOf[n] = slot;
            at += lengths[n++];
        } while (at < bytes && n < end);
        return n;
    }

    /**
     * Points the kernel's arrays at the datagrams from {@code from} on; the number of messages. With {@code join} datagrams of one
     * length to one peer share a message, which the kernel divides again (UDP_SEGMENT, udp(7)); the last of them may be shorter.
     */
    int prepareSend(int from, int count, int family, boolean join) {
        int end = from + count;
        int message = 0;
        int iovec = 0;
        for (int i = from; i < end; ) {
            int segment = total(i);
            int bytes = segment;
            int firstIovec = iovec;
            int n = 1;
            pieceEnd = 0;
            iovec = point(i, iovec);
            boolean full = !join || alone[i];
            while (!full
                    && i + n < end
                    && n < JOINED_MAX
                    && !alone[i + n]
                    && total(i + n) <= segment
                    && total(i + n) > 0
                    && bytes + total(i + n) <= JOINED_BYTES_MAX
                    && samePeer(i, i + n)) {
                full = total(i + n) < segment;
                bytes += total(i + n);
                iovec = point(i + n, iovec);
                n++;
            }
            int nameBytes = writeName(i, addressee(i), family);
            message(message, firstIovec, iovec - firstIovec, i, nameBytes);
            control(message, n > 1 ? segment : 0);
            joined[message++] = n;
            i += n;
        }
        return message;
    }

    private int point(int i, int iovec) {
        errors[i] = 0;
        int next = piece(slab.address() + offset(i), lengths[i], iovec);
        return tailLengths[i] == 0 ? next : piece(tails[i], tailLengths[i], next);
    }

    /** What follows the message's last piece in memory becomes a part of it: the kernel copies a long piece faster than many short ones. */
    private int piece(long address, int bytes, int iovec) {
        boolean goesOn = address == pieceEnd;
        pieceEnd = address + bytes;
        long at = (long) (goesOn ? iovec - 1 : iovec) * IOVEC_BYTES;
        if (goesOn) {
            iovecs.set(JAVA_LONG, at + IOV_LEN, iovecs.get(JAVA_LONG, at + IOV_LEN) + bytes);
            return iovec;
        }
        iovecs.set(JAVA_LONG, at, address);
        iovecs.set(JAVA_LONG, at + IOV_LEN, bytes);
        return iovec + 1;
    }

    private void message(int message, int firstIovec, int iovecCount, int name, int nameBytes) {
        long at = header(message);
        headers.set(JAVA_LONG, at + MSG_NAME, names.address() + name(name));
        headers.set(JAVA_INT, at + MSG_NAMELEN, nameBytes);
        headers.set(JAVA_LONG, at + MSG_IOV, iovecs.address() + (long) firstIovec * IOVEC_BYTES);
        headers.set(JAVA_LONG, at + MSG_IOVLEN, iovecCount);
    }

    private void control(int message, int segmentBytes) {
        long at = (long) message * CMSG_BYTES;
        headers.set(JAVA_LONG, header(message) + MSG_CONTROL, segmentBytes == 0 ? 0 : controls.address() + at);
        headers.set(JAVA_LONG, header(message) + MSG_CONTROLLEN, segmentBytes == 0 ? 0 : CMSG_BYTES);
        if (segmentBytes != 0) {
            controls.set(JAVA_LONG, at, CMSG_DATA + Short.BYTES);
            controls.set(JAVA_INT, at + CMSG_LEVEL, SOL_UDP);
            controls.set(JAVA_INT, at + CMSG_TYPE, UDP_SEGMENT);
            controls.set(JAVA_SHORT, at + CMSG_DATA, (short) segmentBytes);
        }
    }

    private int total(int i) {
        return lengths[i] + tailLengths[i];
    }

    private boolean samePeer(int a, int b) {
        PeerAddress one = addressee(a);
        PeerAddress other = addressee(b);
        return one == other || one.equals(other);
    }

    private PeerAddress addressee(int i) {
        PeerAddress peer = to[i];
        if (peer == null) {
            throw new IllegalStateException("datagram " + i + " is addressed to nobody");
        }
        return peer;
    }

    long headersAddress() {
        return headers.address();
    }

    /** Datagrams in the first {@code messages} messages. */
    int datagramsIn(int messages) {
        int n = 0;
        for (int i = 0; i < messages; i++) {
            n += joined[i];
        }
        return n;
    }

    void refused(int i, int errno) {
        errors[i] = errno;
    }

    /** Puts an address into slot 0 for bind(2) and returns its length for the family. */
    int bindAddress(PeerAddress local, int family) {
        return writeName(0, local, family);
    }

    long nameAddress(int i) {
        return names.address() + name(i);
    }

    // A host without IPv6 has only sockaddr_in; what was received is read in the wide form.
    private void widen(int i) {
        int v4 = names.get(NET_INT, name(i) + SIN_ADDR);
        names.set(JAVA_SHORT, name(i), (short) AF_INET6);
        names.set(JAVA_INT, name(i) + 4, 0);
        names.set(NET_LONG, name(i) + SIN6_ADDR, 0);
        names.set(NET_LONG, name(i) + SIN6_ADDR + 8, MAPPED | (v4 & 0xffff_ffffL));
        names.set(JAVA_INT, name(i) + SIN6_SCOPE, 0);
    }

    /** Writes the sockaddr of that family; its length. */
    private int writeName(int i, PeerAddress peer, int family) {
        long at = name(i);
        names.set(NET_SHORT, at + SIN6_PORT, (short) peer.port());
        if (family == AF_INET) {
            names.set(JAVA_SHORT, at, (short) AF_INET);
            names.set(NET_INT, at + SIN_ADDR, (int) peer.low());
            return SIN_BYTES;
        }
        names.set(JAVA_SHORT, at, (short) AF_INET6);
        names.set(JAVA_INT, at + SIN_ADDR, 0);
        names.set(NET_LONG, at + SIN6_ADDR, peer.high());
        names.set(NET_LONG, at + SIN6_ADDR + 8, peer.low());
        names.set(JAVA_INT, at + SIN6_SCOPE, peer.scopeId());
        return SIN6_BYTES;
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

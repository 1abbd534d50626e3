// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import java.util.EnumSet;
import org.jspecify.annotations.Nullable;

/**
 * How many frames wait unread in a guest's tap, and which.
 *
 * <p>The kernel shows no depth, but it shows both ends of the queue: a packet socket sees each frame as it is <em>put into</em>
 * the queue, and the interface's {@code tx_packets} grows when QEMU <em>reads</em> one ({@code tx_dropped} when the queue was
 * full). So, counted from {@link #watch},
 *
 * <pre>  depth = q0 + seen - read - dropped,   q0 = the greatest (read + dropped - seen) so far </pre>
 *
 * <p>where {@code q0} is what waited already when the watch began. It is exact once the queue has been empty at a
 * {@link #poll}; before that {@code depth} may be too small by what had been waiting. Frames that arrive while a poll is under way make
 * it too large until the next poll, never too small.
 *
 * <p>The last {@value #KEPT_FRAMES} frames are kept, so that those a stopped guest never read can be brought to it elsewhere.
 * One thread owns this; it must poll often enough that the socket's buffer of 8 MiB does not overflow (such frames are counted, but not kept).
 */
public final class TapQueue implements AutoCloseable {
    /** How many frames can be given back: as many as the queue of a guest's tap takes. */
    public static final int KEPT_FRAMES = 4096;

    /** The longest frame that can be given back; longer ones (super-frames) are counted only. */
    public static final int KEPT_BYTES = 2048;

    private static final int VNET = Tap.VNET_HDR_BYTES;
    private static final int NEEDS_CSUM = 1;
    private static final int CHUNK_FRAMES = 64;

    private final PacketSocket socket;
    private final Links links = new Links();
    private final int ifindex;
    private final Arena arena = Arena.ofAuto(); // not shared: see the package
    /** Of {@value #CHUNK_FRAMES} slots each, made when a frame comes: all of them at once are 2,000 new pages, and 20 ms between two packets of whoever watches. */
    private final @Nullable MemorySegment[] chunks = new MemorySegment[KEPT_FRAMES / CHUNK_FRAMES];

    private final MemorySegment received = arena.allocate(VNET + KEPT_BYTES, 8);
    private final int[] lengths = new int[KEPT_FRAMES];
    private final boolean[] droppedByTap = new boolean[KEPT_FRAMES];
    private final int[] unread = new int[KEPT_FRAMES];
    private final long readBefore;
    private final long droppedBefore;
    private long kept;
    private long missed;
    private long read;
    private long dropped;
    private long waitingBefore;
    private long readOfUse = Long.MAX_VALUE;
    private int unreadCount;

    private TapQueue(int ifindex) {
        this.ifindex = ifindex;
        // Counters before the socket: a frame read in between then counts as one that had been waiting already. The
        // other
        // way round it would be seen and never read, and the depth one too large for ever.
        LinkStats stats = links.stats(ifindex);
        readBefore = stats.txPackets();
        droppedBefore = stats.txDropped();
        socket = PacketSocket.open(
                ifindex, KEPT_BYTES + 1, EnumSet.of(PacketSocket.Flag.OUTGOING_ONLY, PacketSocket.Flag.VNET_HDR));
    }

    /** Begins to watch a tap of the current thread's namespace. */
    public static TapQueue watch(int ifindex) {
        return new TapQueue(ifindex);
    }

    /** The tap that is watched. */
    public int ifindex() {
        return ifindex;
    }

    /** Whatever QEMU has read of the tap after its first {@code frames} (by {@code tx_packets}) the guest has never got: from now on it counts as unread. */
    public void readInVainAfter(long frames) {
        readOfUse = frames;
    }

    /** Takes note of what has been queued and read since the last poll; returns {@link #depth}. */
    public long poll() {
        // Counters first: what they count has been seen by the socket for sure, so depth never comes out too small.
        LinkStats stats = links.stats(ifindex);
        long newlyDropped = stats.txDropped() - droppedBefore - dropped;
        read = Math.min(stats.txPackets(), readOfUse) - readBefore;
        dropped += newlyDropped;
        while (true) {
            int bytes = socket.receive(received, 0, VNET + KEPT_BYTES);
            if (bytes == PacketSocket.AGAIN) {
                break;
            }
            keep(bytes);
        }
        missed = socket.statistics().drops();
        // The tap drops at its tail: the frames refused are the newest of those that it has seen.
        for (long i = kept - 1; newlyDropped > 0 && i >= 0 && i > kept - KEPT_FRAMES; i--, newlyDropped--) {
            droppedByTap[slot(i)] = true;
        }
        waitingBefore = Math.max(waitingBefore, read + dropped - seen());
        unreadCount = -1;
        return depth();
    }

    private void keep(int bytes) {
        int slot = slot(kept++);
        int length = bytes - VNET;
        // A super-frame cannot be put back as it is, and one that fills the slot may have been cut.
        boolean whole = length < KEPT_BYTES && received.get(JAVA_BYTE, 1) == 0;
        lengths[slot] = whole ? length : 0;
        droppedByTap[slot] = false;
        if (whole) {
            MemorySegment.copy(received, VNET, chunk(slot), offset(slot), length);
            if ((received.get(JAVA_BYTE, 0) & NEEDS_CSUM) != 0) {
                finishChecksum(slot, length);
            }
        }
    }

    /** A local sender leaves the transport checksum to the device; what is kept must be complete (virtio_net_hdr NEEDS_CSUM). */
    private void finishChecksum(int slot, int length) {
        int start = received.get(JAVA_SHORT_UNALIGNED, 6) & 0xffff;
        int field = start + (received.get(JAVA_SHORT_UNALIGNED, 8) & 0xffff);
        if (field + 2 > length) {
            return;
        }
        MemorySegment frames = chunk(slot);
        long base = offset(slot);
        long sum = 0;
        for (int i = start; i < length; i++) {
            int octet = frames.get(JAVA_BYTE, base + i) & 0xff;
            sum += ((i - start) & 1) == 0 ? octet << 8 : octet;
        }
        while (sum > 0xffff) {
            sum = (sum & 0xffff) + (sum >>> 16);
        }
        // Zero means "none" in UDP; its other form is as good everywhere.
        int checksum = (int) (~sum & 0xffff);
        frames.set(JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN), base + field, (short)
                (checksum == 0 ? 0xffff : checksum));
    }

    /** Frames put into the queue since the watch began, those the tap refused included. */
    public long seen() {
        return kept + missed;
    }

    /** Frames the guest's QEMU has read since the watch began. */
    public long read() {
        return read;
    }

    /** Frames the tap refused since the watch began, because its queue was full or the device down. */
    public long dropped() {
        return dropped;
    }

    /** Frames waiting unread at the last poll; see the class comment for how exact it is. */
    public long depth() {
        return waitingBefore + seen() - read - dropped;
    }

    /** How many of the waiting frames can be given back by {@link #unread}; fewer than {@link #depth} if some were not kept. */
    public int unreadCount() {
        if (unreadCount < 0) {
            findUnread();
        }
        return unreadCount;
    }

    /** Frame {@code i} of those waiting, oldest first, as a slice that is valid until the next {@link #poll}. */
    public MemorySegment unread(int i) {
        if (i >= unreadCount()) {
            throw new IndexOutOfBoundsException("frame " + i + " of " + unreadCount);
        }
        int slot = unread[i];
        return chunk(slot).asSlice(offset(slot), lengths[slot]);
    }

    private void findUnread() {
        // Read from the newest back: the last depth() frames that were not dropped are the ones still in the queue.
        long left = depth();
        int from = KEPT_FRAMES;
        for (long i = kept - 1; left > 0 && i >= 0 && i >= kept - KEPT_FRAMES; i--) {
            int slot = slot(i);
            if (!droppedByTap[slot]) {
                left--;
                if (lengths[slot] > 0) {
                    unread[--from] = slot;
                }
            }
        }
        unreadCount = KEPT_FRAMES - from;
        System.arraycopy(unread, from, unread, 0, unreadCount);
    }

    private MemorySegment chunk(int slot) {
        MemorySegment chunk = chunks[slot / CHUNK_FRAMES];
        if (chunk == null) {
            chunk = arena.allocate((long) CHUNK_FRAMES * KEPT_BYTES, 64);
            chunks[slot / CHUNK_FRAMES] = chunk;
        }
        return chunk;
    }

    private static long offset(int slot) {
        return (long) (slot % CHUNK_FRAMES) * KEPT_BYTES;
    }

    private static int slot(long frame) {
        return (int) (frame % KEPT_FRAMES);
    }

    @Override
    public void close() {
        socket.close();
        links.close();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.ByteOrder;
import java.util.Objects;
import java.util.Set;

/**
 * Sees every frame that passes an interface, both ways, and can send frames out of it (packet(7)). Non-blocking; one thread
 * owns it; it belongs to the namespace of the thread that opens it.
 */
public final class PacketSocket implements AutoCloseable {
    /** How the socket is opened. */
    public enum Flag {
        /** Only what leaves through the interface (for a tap: towards the guest); the kernel filters the rest. */
        OUTGOING_ONLY,
        /** Each frame is preceded by a virtio_net_hdr of 10 bytes that tells of unfinished checksums and super-frames. */
        VNET_HDR
    }

    /** {@link #packetType} of a frame that leaves through the interface. */
    public static final int OUTGOING = 4;

    /** Nothing to receive, or no room to send. */
    public static final int AGAIN = Syscalls.AGAIN;

    /** Frames are not shortened. */
    public static final int WHOLE_FRAMES = 0x40000;

    private static final int AF_PACKET = 17;
    private static final int SOCK_RAW = 3;
    private static final int SOCK_NONBLOCK = 0x800;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int ETH_P_ALL = 0x0003;
    private static final int SOL_SOCKET = 1;
    private static final int SO_ATTACH_FILTER = 26;
    private static final int SO_RCVBUFFORCE = 33;
    private static final int SOL_PACKET = 263;
    private static final int PACKET_STATISTICS = 6;
    private static final int PACKET_VNET_HDR = 15;
    private static final int RECEIVE_BUFFER_BYTES = 8 << 20;

    // Classic BPF (linux/filter.h, linux/bpf_common.h).
    static final int SOCK_FPROG_BYTES = 16;
    static final int SOCK_FPROG_FILTER = 8;
    static final int SOCK_FILTER_BYTES = 8;
    private static final int BPF_LD_W_ABS = 0x20;
    private static final int BPF_JEQ_K = 0x15;
    private static final int BPF_RET_K = 0x06;
    private static final int SKF_AD_PKTTYPE = -0x1000 + 4;

    // struct sockaddr_ll.
    static final int SOCKADDR_LL_BYTES = 20;
    static final int SLL_PROTOCOL = 2;
    static final int SLL_IFINDEX = 4;
    static final int SLL_PKTTYPE = 10;

    /** What the kernel counted: frames that passed the filter, and those of them that found the socket's buffer full. */
    public record Statistics(long packets, long drops) {}

    private final int fd;
    private final int ifindex;
    private final Arena arena = Arena.ofAuto(); // not shared: see the package
    private final MemorySegment from = arena.allocate(32, 8);
    private final MemorySegment fromBytes = arena.allocate(JAVA_INT);
    private final MemorySegment statistics = arena.allocate(8, 4);
    private long packets;
    private long drops;
    private boolean closed;

    private PacketSocket(int fd, int ifindex) {
        this.fd = fd;
        this.ifindex = ifindex;
    }

    /** Opens a socket that keeps at most {@code snapBytes} of each frame ({@link #WHOLE_FRAMES} for all). */
    public static PacketSocket open(int ifindex, int snapBytes, Set<Flag> flags) {
        // Protocol 0 receives nothing: the filter must be there before the first frame is.
        int fd = Syscalls.check(
                Syscalls.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "open a packet socket");
        String where = " of the packet socket on interface " + ifindex;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment fprog = filter(arena, snapBytes, flags.contains(Flag.OUTGOING_ONLY));
            Syscalls.check(
                    Syscalls.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, fprog.address(), SOCK_FPROG_BYTES),
                    "set the filter" + where);
            if (flags.contains(Flag.VNET_HDR)) {
                Syscalls.check(Syscalls.setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, 1), "set the vnet header" + where);
            }
            Syscalls.check(
                    Syscalls.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES),
                    "size the buffer" + where);
            MemorySegment name = arena.allocate(SOCKADDR_LL_BYTES, 4);
            name.set(JAVA_SHORT, 0, (short) AF_PACKET);
            name.set(JAVA_SHORT.withOrder(ByteOrder.BIG_ENDIAN), SLL_PROTOCOL, (short) ETH_P_ALL);
            name.set(JAVA_INT, SLL_IFINDEX, ifindex);
            Syscalls.check(Syscalls.bind(fd, name.address(), SOCKADDR_LL_BYTES), "bind" + where);
            return new PacketSocket(fd, ifindex);
        } catch (RuntimeException failure) {
            Syscalls.close(fd);
            throw failure;
        }
    }

    private static MemorySegment filter(Arena arena, int snapBytes, boolean outgoingOnly) {
        MemorySegment code = arena.allocate(4L * SOCK_FILTER_BYTES, 8);
        int count = 0;
        if (outgoingOnly) {
            instruction(code, count++, BPF_LD_W_ABS, 0, 0, SKF_AD_PKTTYPE);
            instruction(code, count++, BPF_JEQ_K, 1, 0, OUTGOING);
            instruction(code, count++, BPF_RET_K, 0, 0, 0);
        }
        instruction(code, count++, BPF_RET_K, 0, 0, snapBytes);
        MemorySegment fprog = arena.allocate(SOCK_FPROG_BYTES, 8);
        fprog.set(JAVA_SHORT, 0, (short) count);
        fprog.set(JAVA_LONG, SOCK_FPROG_FILTER, code.address());
        return fprog;
    }

    private static void instruction(MemorySegment code, int index, int op, int ifTrue, int ifFalse, int k) {
        long at = (long) index * SOCK_FILTER_BYTES;
        code.set(JAVA_SHORT, at, (short) op);
        code.set(JAVA_BYTE, at + 2, (byte) ifTrue);
        code.set(JAVA_BYTE, at + 3, (byte) ifFalse);
        code.set(JAVA_INT, at + 4, k);
    }

    public int fd() {
        return fd;
    }

    /** Receives one frame into native memory: its length (no more than {@code maxBytes}), or {@link #AGAIN}. */
    public int receive(MemorySegment segment, long offset, int maxBytes) {
        Objects.checkFromIndexSize(offset, maxBytes, segment.byteSize());
        int rc = receiveOnce(segment.address() + offset, maxBytes);
        if (rc == -Errno.ENETDOWN.number()) {
            // That the interface is, or was, down is told once, before what had been received.
            rc = receiveOnce(segment.address() + offset, maxBytes);
        }
        Reference.reachabilityFence(segment);
        return rc >= 0 ? rc : againWhileDown(rc, "receive from interface ");
    }

    /** How the frame received last passed: {@link #OUTGOING}, or an incoming type of linux/if_packet.h (0 to 3). */
    public int packetType() {
        return from.get(JAVA_BYTE, SLL_PKTTYPE);
    }

    /** Sends one frame out of the interface: its length, or {@link #AGAIN}, also while it is down. */
    public int send(MemorySegment segment, long offset, int bytes) {
        Objects.checkFromIndexSize(offset, bytes, segment.byteSize());
        int rc = Syscalls.write(fd, segment.address() + offset, bytes);
        Reference.reachabilityFence(segment);
        return rc >= 0 ? rc : againWhileDown(rc, "send out of interface ");
    }

    private int receiveOnce(long address, int maxBytes) {
        fromBytes.set(JAVA_INT, 0, SOCKADDR_LL_BYTES);
        return Syscalls.recvfrom(fd, address, maxBytes, 0, from.address(), fromBytes.address());
    }

    /** A socket goes on when its interface is up again. */
    private int againWhileDown(int rc, String op) {
        boolean again = rc == -Syscalls.EAGAIN || rc == -Errno.ENETDOWN.number();
        return again ? AGAIN : Syscalls.checkAgain(rc, op + ifindex);
    }

    /** Counts since the socket was opened. */
    public Statistics statistics() {
        // The kernel's counters begin again at each reading, so they are summed here.
        fromBytes.set(JAVA_INT, 0, 8);
        Syscalls.check(
                Syscalls.getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, statistics.address(), fromBytes.address()),
                "read the counters of a packet socket");
        packets += statistics.get(JAVA_INT, 0) & 0xffff_ffffL;
        drops += statistics.get(JAVA_INT, 4) & 0xffff_ffffL;
        return new Statistics(packets, drops);
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            Syscalls.close(fd);
        }
    }
}

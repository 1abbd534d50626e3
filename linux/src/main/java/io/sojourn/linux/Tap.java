// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.nio.charset.StandardCharsets;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Set;

/**
 * One queue of a tap (Ethernet frames) or tun (IP packets) device, non-blocking (linux/if_tun.h).
 *
 * <p>One thread owns a queue. The device appears in the namespace of the thread that opens it; a persistent device that exists
 * there already is attached to. A read or write carries exactly one frame, preceded by a 10-byte virtio_net_hdr if
 * {@link Flag#VNET_HDR} was asked for.
 */
public final class Tap implements AutoCloseable {
    /** How the device is opened. */
    public enum Flag {
        /** Each frame is preceded by a virtio_net_hdr (10 bytes, native order); needed for {@link Tap#setOffloads}. */
        VNET_HDR,
        /** Several descriptors may be opened, one per thread; all openings of a device must agree on it. */
        MULTI_QUEUE,
        /** The device outlives its last descriptor. */
        PERSIST
    }

    /** What a descriptor with {@link Flag#VNET_HDR} may be handed by the kernel (TUN_F_*). */
    public enum Offload {
        CSUM(0x01),
        TSO4(0x02),
        TSO6(0x04),
        TSO_ECN(0x08),
        USO4(0x20),
        USO6(0x40);

        private final int bit;

        Offload(int bit) {
            this.bit = bit;
        }
    }

    /** Bytes of the virtio_net_hdr in front of each frame with {@link Flag#VNET_HDR}. */
    public static final int VNET_HDR_BYTES = 10;

    /** No frame at present, or no room in the device: try again when the poller says so. */
    public static final int AGAIN = Syscalls.AGAIN;

    static final int IFREQ_BYTES = 40;
    static final int IFNAMSIZ = 16;

    private static final int O_RDWR = 2;
    private static final int O_NONBLOCK = 0x800;
    private static final int O_CLOEXEC = 0x80000;
    private static final int IFF_TUN = 0x0001;
    private static final int IFF_TAP = 0x0002;
    private static final int IFF_MULTI_QUEUE = 0x0100;
    private static final int IFF_NO_PI = 0x1000;
    private static final int IFF_VNET_HDR = 0x4000;
    private static final long TUNSETIFF = 0x400454caL;
    private static final long TUNSETPERSIST = 0x400454cbL;
    private static final long TUNSETOFFLOAD = 0x400454d0L;

    private final int fd;
    private final String name;
    /** What a failed read is called; made once, as most reads end with EAGAIN. */
    private final String reading;

    private final int ifindex;
    private boolean closed;

    private Tap(int fd, String name, int ifindex) {
        this.fd = fd;
        this.name = name;
        this.reading = "read from " + name;
        this.ifindex = ifindex;
    }

    /** Opens or creates a tap; a {@code name} with {@code %d} in it lets the kernel number it. */
    public static Tap openTap(String name, Set<Flag> flags) {
        return open(name, IFF_TAP, flags);
    }

    /** Opens or creates a tun. */
    public static Tap openTun(String name, Set<Flag> flags) {
        return open(name, IFF_TUN, flags);
    }

    private static Tap open(String name, int kind, Set<Flag> flags) {
        byte[] nameBytes = name.getBytes(StandardCharsets.US_ASCII);
        if (nameBytes.length >= IFNAMSIZ) {
            throw new IllegalArgumentException("interface name " + name + " is longer than 15 characters");
        }
        int fd = Syscalls.check(Syscalls.open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), "open /dev/net/tun");
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment ifreq = arena.allocate(IFREQ_BYTES);
            MemorySegment.copy(nameBytes, 0, ifreq, JAVA_BYTE, 0, nameBytes.length);
            int iff = kind
                    | IFF_NO_PI
                    | (flags.contains(Flag.VNET_HDR) ? IFF_VNET_HDR : 0)
                    | (flags.contains(Flag.MULTI_QUEUE) ? IFF_MULTI_QUEUE : 0);
            ifreq.set(JAVA_SHORT, IFNAMSIZ, (short) iff);
            Syscalls.check(Syscalls.ioctl(fd, TUNSETIFF, ifreq.address()), "attach to device " + name);
            if (flags.contains(Flag.PERSIST)) {
                Syscalls.check(Syscalls.ioctl(fd, TUNSETPERSIST, 1), "make device " + name + " persistent");
            }
            String actual = ifreq.getString(0, StandardCharsets.US_ASCII);
            return new Tap(fd, actual, Links.index(actual));
        } catch (RuntimeException failure) {
            Syscalls.close(fd);
            throw failure;
        }
    }

    /** Tells the kernel which unfinished work it may hand over (checksums, super-frames); needs {@link Flag#VNET_HDR}. */
    public void setOffloads(EnumSet<Offload> offloads) {
        int bits = 0;
        for (Offload offload : offloads) {
            bits |= offload.bit;
        }
        Syscalls.check(Syscalls.ioctl(fd, TUNSETOFFLOAD, bits), "set offloads of " + name);
    }

    /** As {@link #setOffloads}; false where the kernel knows one of them not (USO: Linux 6.2). */
    public boolean trySetOffloads(EnumSet<Offload> offloads) {
        try {
            setOffloads(offloads);
            return true;
        } catch (SyscallException e) {
            return false;
        }
    }

    /** Removes the persistence: the device goes when the last descriptor is closed. */
    public void clearPersist() {
        Syscalls.check(Syscalls.ioctl(fd, TUNSETPERSIST, 0), "make device " + name + " temporary");
    }

    /** Reads one frame of at most {@code maxBytes} (the rest is lost) into native memory: its length, or {@link #AGAIN}. */
    public int read(MemorySegment segment, long offset, int maxBytes) {
        Objects.checkFromIndexSize(offset, maxBytes, segment.byteSize());
        int rc = Syscalls.read(fd, segment.address() + offset, maxBytes);
        Reference.reachabilityFence(segment);
        return rc >= 0 ? rc : Syscalls.checkAgain(rc, reading);
    }

    /**
     * Writes one frame: its length, or {@link #AGAIN}.
     *
     * <p>A frame that the kernel refuses (EINVAL, for one that is malformed; EIO while the device is down) is reported as the
     * negative errno, below {@link #AGAIN}: the caller counts and drops it, since hostile bytes must not end the loop.
     */
    public int write(MemorySegment segment, long offset, int bytes) {
        Objects.checkFromIndexSize(offset, bytes, segment.byteSize());
        int rc = Syscalls.write(fd, segment.address() + offset, bytes);
        Reference.reachabilityFence(segment);
        return rc == -Syscalls.EAGAIN || rc == -Syscalls.EINTR ? AGAIN : rc;
    }

    /** As {@link #write(MemorySegment, long, int)}, for a frame in pieces. */
    public int write(Gather frame) {
        int rc = Syscalls.writev(fd, frame.address(), frame.count());
        return rc == -Syscalls.EAGAIN || rc == -Syscalls.EINTR ? AGAIN : rc;
    }

    public int fd() {
        return fd;
    }

    public String name() {
        return name;
    }

    public int ifindex() {
        return ifindex;
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            Syscalls.close(fd);
        }
    }
}

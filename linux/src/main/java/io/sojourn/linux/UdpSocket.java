// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetSocketAddress;
import java.nio.ByteOrder;

/**
 * A non-blocking UDP socket that receives and sends batches. It belongs to the namespace of the thread that binds it, and one
 * thread uses it at a time.
 *
 * <p>Where the host has IPv6 it is an IPv6 socket that speaks IPv4 by mapped addresses; bound to {@code ::} it serves both
 * families, bound to an IPv4 address (0.0.0.0 included) only IPv4. Source: udp(7), ipv6(7), recvmmsg(2), sendmmsg(2).
 */
public final class UdpSocket implements AutoCloseable {
    /** Nothing received, or no room to send: try again when the poller says so. */
    public static final int AGAIN = Syscalls.AGAIN;

    /**
     * Socket buffers: without room for a burst the kernel drops what a batch sends at once, and without room for a tenth of a second of a memory stream at 1 Gbit/s a
     * host that is busy elsewhere for as long. The kernel counts some 2,300 octets for a datagram of 1,500, and doubles what is asked for.
     */
    private static final int BUFFER_BYTES = 16 << 20;

    private static final int SOCK_DGRAM = 2;
    private static final int SOCK_NONBLOCK = 0x800;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int SOL_IP = 0;
    private static final int SOL_SOCKET = 1;
    private static final int SOL_UDP = 17;
    private static final int SOL_IPV6 = 41;
    private static final int SO_SNDBUF = 7;
    private static final int SO_RCVBUF = 8;
    private static final int SO_SNDBUFFORCE = 32;
    private static final int SO_RCVBUFFORCE = 33;
    private static final int IP_MTU_DISCOVER = 10;
    private static final int IPV6_MTU_DISCOVER = 23;
    private static final int IPV6_V6ONLY = 26;
    private static final int UDP_GRO = 104;
    private static final int PMTUDISC_DONT = 0;
    /** DF, and no belief in what ICMP says of the path, which anybody can send. */
    private static final int PMTUDISC_PROBE = 3;

    private static final int EBADF = 9;
    private static final int ENOTSOCK = 88;
    private static final int EMSGSIZE = 90;
    private static final int EAFNOSUPPORT = 97;
    private static final int RECEIVE_ERRORS_PER_CALL = 16;

    private final int fd;
    private final int family;
    private final InetSocketAddress localAddress;
    private boolean joinSent;
    private long joinsRefused;
    private long sendErrors;
    private long sendTooBig;
    private long receiveErrors;
    private boolean closed;

    private UdpSocket(int fd, int family, InetSocketAddress localAddress) {
        this.fd = fd;
        this.family = family;
        this.localAddress = localAddress;
    }

    /** Binds to an address of this namespace; port 0 lets the kernel choose, see {@link #localAddress}. */
    public static UdpSocket bind(InetSocketAddress address) {
        PeerAddress local = PeerAddress.of(address);
        int type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
        int family = DatagramBatch.AF_INET6;
        int fd = Syscalls.socket(family, type, 0);
        if (fd == -EAFNOSUPPORT && local.isIpv4()) {
            family = DatagramBatch.AF_INET;
            fd = Syscalls.socket(family, type, 0);
        }
        Syscalls.check(fd, "open a UDP socket for " + address);
        try (DatagramBatch scratch = new DatagramBatch(1, 1)) {
            if (family == DatagramBatch.AF_INET6) {
                Syscalls.check(Syscalls.setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, 0), "let a UDP socket speak IPv4");
            }
            enlarge(fd, SO_RCVBUFFORCE, SO_RCVBUF);
            enlarge(fd, SO_SNDBUFFORCE, SO_SNDBUF);
            int bytes = scratch.bindAddress(local, family);
            Syscalls.check(Syscalls.bind(fd, scratch.nameAddress(0), bytes), "bind UDP " + address);
            return new UdpSocket(fd, family, boundAddress(fd, family, local));
        } catch (RuntimeException failure) {
            Syscalls.close(fd);
            throw failure;
        }
    }

    private static void enlarge(int fd, int force, int polite) {
        if (Syscalls.setsockopt(fd, SOL_SOCKET, force, BUFFER_BYTES) < 0) {
            Syscalls.check(Syscalls.setsockopt(fd, SOL_SOCKET, polite, BUFFER_BYTES), "size a UDP socket's buffer");
        }
    }

    private static InetSocketAddress boundAddress(int fd, int family, PeerAddress asked) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocate(DatagramBatch.SOCKADDR_SLOT, 8);
            MemorySegment bytes = arena.allocateFrom(JAVA_INT, DatagramBatch.SOCKADDR_SLOT);
            Syscalls.check(Syscalls.getsockname(fd, name.address(), bytes.address()), "read a UDP socket's address");
            // The port stands at the same place in both families.
            int port = name.get(JAVA_SHORT.withOrder(ByteOrder.BIG_ENDIAN), DatagramBatch.SIN6_PORT) & 0xffff;
            return new PeerAddress(asked.high(), asked.low(), port, asked.scopeId()).toSocketAddress();
        }
    }

    public int fd() {
        return fd;
    }

    public InetSocketAddress localAddress() {
        return localAddress;
    }

    /**
     * Forbids fragmentation: with {@code true} packets carry DF and a datagram above the device's MTU is refused (EMSGSIZE);
     * with {@code false} (not the kernel's default) the sender and IPv4 routers may fragment.
     */
    public void dontFragment(boolean dontFragment) {
        int mode = dontFragment ? PMTUDISC_PROBE : PMTUDISC_DONT;
        Syscalls.check(Syscalls.setsockopt(fd, SOL_IP, IP_MTU_DISCOVER, mode), "set DF of UDP " + localAddress);
        if (family == DatagramBatch.AF_INET6) {
            Syscalls.check(Syscalls.setsockopt(fd, SOL_IPV6, IPV6_MTU_DISCOVER, mode), "set DF of UDP " + localAddress);
        }
    }

    /** Receives up to all slots of the batch: how many, or {@link #AGAIN}. Pending ICMP errors are counted and passed over. */
    public int receive(DatagramBatch batch) {
        long headers = batch.prepareReceive();
        batch.receivedNone();
        for (int attempt = 0; attempt < RECEIVE_ERRORS_PER_CALL; attempt++) {
            int rc = Syscalls.recvmmsg(fd, headers, batch.receiveSlots());
            if (rc >= 0) {
                return batch.received(rc, family);
            }
            if (rc == -Syscalls.EAGAIN || rc == -Syscalls.EINTR) {
                return AGAIN;
            }
            failIfClosed(rc, "receive on UDP ");
            receiveErrors++;
        }
        return AGAIN;
    }

    /**
     * Sends slots {@code from} to {@code from + count - 1} in order: how many are done with, or {@link #AGAIN} when none is.
     * A datagram that the kernel refuses (unreachable, too big, filtered) is done with too: it is skipped, counted in
     * {@link #sendErrors}, and marked by {@link DatagramBatch#sendErrno}.
     */
    public int send(DatagramBatch batch, int from, int count) {
        int done = 0;
        int singly = 0;
        while (done < count) {
            int span = singly > 0 ? singly : count - done;
            int messages = batch.prepareSend(from + done, span, family, joinSent && singly == 0);
            int rc = Syscalls.sendmmsg(fd, batch.headersAddress(), messages);
            if (rc > 0) {
                int sent = batch.datagramsIn(rc);
                done += sent;
                singly = Math.max(0, singly - sent);
            } else if (rc == -Syscalls.EAGAIN) {
                break;
            } else if (rc != -Syscalls.EINTR) {
                failIfClosed(rc, "send on UDP ");
                if (batch.datagramsIn(1) > 1) {
                    joinsRefused++;
                    singly = batch.datagramsIn(1);
                    continue;
                }
                sendErrors++;
                sendTooBig += rc == -EMSGSIZE ? 1 : 0;
                batch.refused(from + done, -rc);
                done++;
                singly = Math.max(0, singly - 1);
            }
        }
        return done == 0 && count > 0 ? AGAIN : done;
    }

    private void failIfClosed(int rc, String op) {
        if (rc == -EBADF || rc == -ENOTSOCK) {
            throw new SyscallException(op + localAddress, -rc);
        }
    }

    /**
     * Whether datagrams of one length to one peer are handed over as one (UDP_SEGMENT); off at first. What the kernel refuses joined is
     * sent singly at once, and counted in {@link #joinsRefused}.
     */
    public void joinSent(boolean join) {
        joinSent = join;
    }

    /** Whether datagrams of one sender may be received as one (UDP_GRO), into a {@link DatagramBatch#merged merged} batch; false: not here. */
    public boolean mergeReceived(boolean merge) {
        return Syscalls.setsockopt(fd, SOL_UDP, UDP_GRO, merge ? 1 : 0) >= 0;
    }

    /** How often the kernel refused joined datagrams. */
    public long joinsRefused() {
        return joinsRefused;
    }

    /** Datagrams that the kernel refused to send, all reasons together. */
    public long sendErrors() {
        return sendErrors;
    }

    /** Those of {@link #sendErrors} that were refused for their size (EMSGSIZE). */
    public long sendTooBig() {
        return sendTooBig;
    }

    /** Errors reported on receiving, such as a peer's port being unreachable. */
    public long receiveErrors() {
        return receiveErrors;
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            Syscalls.close(fd);
        }
    }
}

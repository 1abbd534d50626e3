// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class UdpSocketTest {
    private static final long PATIENCE_NS = 2_000_000_000L;

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "::1"})
    void carriesABatchAndNamesItsPeer(String address) {
        try (UdpSocket left = UdpSocket.bind(new InetSocketAddress(address, 0));
                UdpSocket right = UdpSocket.bind(new InetSocketAddress(address, 0));
                DatagramBatch out = new DatagramBatch(8, 2048);
                DatagramBatch in = new DatagramBatch(8, 2048);
                Poller poller = new Poller(right.fd())) {
            PeerAddress to = PeerAddress.of(right.localAddress());
            for (int i = 0; i < 8; i++) {
                out.start(i, 10);
                out.length(i, 100 + i);
                out.slab().set(JAVA_BYTE, out.offset(i), (byte) i);
                out.setPeer(i, to);
            }
            assertThat(left.send(out, 0, 8)).isEqualTo(8);
            in.headroom(64);
            assertThat(poller.poll(PATIENCE_NS)).isEqualTo(1);
            assertThat(poller.readable(0)).isTrue();
            assertThat(right.receive(in)).isEqualTo(8);
            PeerAddress from = PeerAddress.of(left.localAddress());
            for (int i = 0; i < 8; i++) {
                assertThat(in.length(i)).isEqualTo(100 + i);
                assertThat(in.slab().get(JAVA_BYTE, in.offset(i))).isEqualTo((byte) i);
                assertThat(in.offset(i)).isEqualTo(in.slotOffset(i) + 64);
                assertThat(in.isPeer(i, from)).isTrue();
                assertThat(in.peerKey(i)).isEqualTo(from.key());
                assertThat(in.peer(i).toSocketAddress()).isEqualTo(left.localAddress());
            }
            assertThat(right.receive(in)).isEqualTo(UdpSocket.AGAIN);
        }
    }

    @Test
    void oneDatagramThatCannotGoDoesNotStopTheRest() {
        try (UdpSocket left = UdpSocket.bind(new InetSocketAddress("127.0.0.1", 0));
                UdpSocket right = UdpSocket.bind(new InetSocketAddress("127.0.0.1", 0));
                DatagramBatch out = new DatagramBatch(3, 70_000);
                DatagramBatch in = new DatagramBatch(3, 70_000)) {
            for (int i = 0; i < 3; i++) {
                out.setPeer(i, PeerAddress.of(right.localAddress()));
                out.length(i, i == 1 ? 66_000 : 10);
            }
            assertThat(left.send(out, 0, 3)).isEqualTo(3);
            assertThat(left.sendErrors()).isEqualTo(1);
            assertThat(left.sendTooBig()).isEqualTo(1);
            assertThat(out.sendErrno(0)).isZero();
            assertThat(out.sendErrno(1)).isEqualTo(Errno.EMSGSIZE.number());
            assertThat(right.receive(in)).isEqualTo(2);
        }
    }

    @Test
    void aDatagramLongerThanItsSlotIsMarked() {
        try (UdpSocket left = UdpSocket.bind(new InetSocketAddress("127.0.0.1", 0));
                UdpSocket right = UdpSocket.bind(new InetSocketAddress("127.0.0.1", 0));
                DatagramBatch out = new DatagramBatch(1, 200);
                DatagramBatch in = new DatagramBatch(1, 100)) {
            out.setPeer(0, PeerAddress.of(right.localAddress()));
            out.length(0, 150);
            assertThat(left.send(out, 0, 1)).isEqualTo(1);
            assertThat(right.receive(in)).isEqualTo(1);
            assertThat(in.truncated(0)).isTrue();
            assertThat(in.length(0)).isEqualTo(100);
        }
    }

    @Test
    void saysWhichAddressCannotBeBound() {
        try (UdpSocket first = UdpSocket.bind(new InetSocketAddress("127.0.0.1", 0))) {
            assertThatThrownBy(() -> UdpSocket.bind(first.localAddress()))
                    .isInstanceOfSatisfying(
                            SyscallException.class, e -> assertThat(e.errno()).isEqualTo(Errno.EADDRINUSE))
                    .hasMessageContaining("bind UDP")
                    .hasMessageContaining(String.valueOf(first.localAddress().getPort()));
        }
    }

    @Test
    void joinedAndMergedDatagramsArriveEachForItself() {
        try (UdpSocket left = UdpSocket.bind(new InetSocketAddress("127.0.0.1", 0));
                UdpSocket right = UdpSocket.bind(new InetSocketAddress("127.0.0.1", 0));
                DatagramBatch out = DatagramBatch.packed(64, 1 << 18);
                DatagramBatch in = DatagramBatch.merged(4)) {
            left.joinSent(true);
            assertThat(right.mergeReceived(true)).isTrue();
            PeerAddress to = PeerAddress.of(right.localAddress());
            int[] lengths = {1000, 1000, 1000, 300, 700, 700, 2000, 2000, 2000, 2000, 5};
            long at = 0;
            for (int i = 0; i < lengths.length; i++) {
                out.place(i, at);
                out.start(i, 16);
                int head = i % 2 == 0 ? lengths[i] : 3;
                out.length(i, head);
                if (head < lengths[i]) {
                    out.tail(i, out.slab(), at + 16 + head, lengths[i] - head);
                }
                out.setPeer(i, to);
                for (int b = 0; b < lengths[i]; b++) {
                    out.slab().set(ValueLayout.JAVA_BYTE, at + 16 + b, (byte) (i * 31 + b));
                }
                at += lengths[i] + 64;
            }
            assertThat(left.send(out, 0, lengths.length)).isEqualTo(lengths.length);
            int seen = 0;
            for (int n = right.receive(in); n > 0; n = right.receive(in)) {
                for (int i = 0; i < n; i++, seen++) {
                    assertThat(in.length(i)).as("length of %d", seen).isEqualTo(lengths[seen]);
                    assertThat(in.isPeer(i, PeerAddress.of(left.localAddress())))
                            .isTrue();
                    for (int b = 0; b < lengths[seen]; b++) {
                        assertThat(in.slab().get(ValueLayout.JAVA_BYTE, in.offset(i) + b))
                                .isEqualTo((byte) (seen * 31 + b));
                    }
                }
            }
            assertThat(seen).isEqualTo(lengths.length);
            assertThat(left.joinsRefused()).isZero();
        }
    }

    @Test
    void whatTheKernelRefusesJoinedGoesSingly() {
        try (UdpSocket left = UdpSocket.bind(new InetSocketAddress("127.0.0.1", 0));
                UdpSocket right = UdpSocket.bind(new InetSocketAddress("127.0.0.1", 0));
                DatagramBatch out = DatagramBatch.packed(8, 1 << 18);
                DatagramBatch in = DatagramBatch.merged(4)) {
            left.joinSent(true);
            left.dontFragment(true);
            PeerAddress to = PeerAddress.of(right.localAddress());
            // 30,000 octets fit loopback's MTU of 65,536 singly; a segment of 65,507 does not leave room for a second.
            int[] lengths = {30_000, 30_000, 100, 65_507, 0, 0};
            for (int i = 0; i < lengths.length; i++) {
                out.place(i, i * 32L * 1024);
                out.length(i, lengths[i]);
                out.setPeer(i, to);
            }
            assertThat(left.send(out, 0, lengths.length)).isEqualTo(lengths.length);
            int seen = 0;
            for (int n = right.receive(in); n > 0; n = right.receive(in)) {
                for (int i = 0; i < n; i++) {
                    assertThat(in.length(i)).isEqualTo(lengths[seen++]);
                }
            }
            assertThat(seen).isEqualTo(lengths.length);
        }
    }

    @Test
    void sendingAndReceivingAllocateNothing() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (UdpSocket left = UdpSocket.bind(new InetSocketAddress("127.0.0.1", 0));
                UdpSocket right = UdpSocket.bind(new InetSocketAddress("127.0.0.1", 0));
                DatagramBatch out = new DatagramBatch(16, 2048);
                DatagramBatch in = new DatagramBatch(16, 2048)) {
            PeerAddress to = PeerAddress.of(right.localAddress());
            // On a busy machine the compiler is late: it gets more rounds, but in the end nothing may be allocated.
            long perPacket = Long.MAX_VALUE;
            for (int attempt = 0; attempt < 40 && perPacket > 0; attempt++) {
                bounce(left, right, out, in, to, 10_000);
                long before = threads.getCurrentThreadAllocatedBytes();
                bounce(left, right, out, in, to, 1_000);
                perPacket = (threads.getCurrentThreadAllocatedBytes() - before) / 16_000;
            }
            assertThat(perPacket).as("bytes allocated per packet").isZero();
        }
    }

    private static void bounce(
            UdpSocket left, UdpSocket right, DatagramBatch out, DatagramBatch in, PeerAddress to, int rounds) {
        for (int round = 0; round < rounds; round++) {
            for (int i = 0; i < 16; i++) {
                out.setPeer(i, to);
                out.length(i, 64);
            }
            int sent = left.send(out, 0, 16);
            int received = right.receive(in);
            if (sent != 16 || received != 16 || in.peerKey(0) == 0) {
                throw new AssertionError("sent " + sent + ", received " + received);
            }
        }
    }
}

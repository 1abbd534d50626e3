// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.sojourn.gateway.GatewayConfig.Offload;
import io.sojourn.linux.DatagramBatch;
import io.sojourn.linux.PeerAddress;
import io.sojourn.linux.Poller;
import io.sojourn.linux.SyscallException;
import io.sojourn.linux.UdpSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Known super-frames through this kernel, over loopback, before any are trusted to it: to a socket that takes them merged, and to one that
 * does not, for which the kernel divides them (net/ipv4/udp_offload.c). An offload that is {@code auto} and harms them is off.
 */
final class OffloadSelfTest {
    private static final Logger LOG = LoggerFactory.getLogger(OffloadSelfTest.class);
    private static final int DATAGRAMS = 40;
    private static final int BYTES = 1_400;
    private static final int ROUNDS = 8;
    private static final int READS = 64;
    private static final long WAIT_NS = 50_000_000;

    private OffloadSelfTest() {}

    /** What may be used of what an operator allows. */
    static GatewayConfig.Offloads run(GatewayConfig.Offloads use) {
        boolean divides = passes(true, false);
        boolean merges = passes(divides, true);
        return new GatewayConfig.Offloads(
                verdict("segmentation", use.segmentation(), divides),
                verdict("merging", use.merging(), merges),
                use.tap());
    }

    private static Offload verdict(String what, Offload wanted, boolean passed) {
        if (!passed) {
            LOG.warn(
                    "this kernel damages super-frames ({}): {}",
                    what,
                    wanted == Offload.AUTO ? "not used" : "offload." + what + " says " + wanted);
        }
        return passed || wanted != Offload.AUTO ? wanted : Offload.OFF;
    }

    private static boolean passes(boolean join, boolean merge) {
        InetSocketAddress here = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        try (UdpSocket from = UdpSocket.bind(here);
                UdpSocket to = UdpSocket.bind(here);
                Poller poller = new Poller(to.fd());
                DatagramBatch out = DatagramBatch.packed(DATAGRAMS, DATAGRAMS * BYTES);
                DatagramBatch in = DatagramBatch.merged(DATAGRAMS)) {
            from.joinSent(join);
            if (merge && !to.mergeReceived(true)) {
                return false;
            }
            PeerAddress peer = PeerAddress.of(to.localAddress());
            for (int round = 0; round < ROUNDS; round++) {
                for (int i = 0; i < DATAGRAMS; i++) {
                    out.place(i, (long) i * BYTES);
                    out.length(i, i == DATAGRAMS - 1 ? BYTES / 2 : BYTES);
                    out.setPeer(i, peer);
                    fill(out, i, round);
                }
                from.send(out, 0, DATAGRAMS);
                if (from.sendErrors() > 0 || !arrive(to, poller, in, round)) {
                    return false;
                }
            }
            return true;
        } catch (SyscallException e) {
            LOG.info("super-frames could not be tested: {}", e.getMessage());
            return true;
        }
    }

    private static boolean arrive(UdpSocket to, Poller poller, DatagramBatch in, int round) {
        int arrived = 0;
        for (int read = 0; read < READS && arrived < DATAGRAMS; read++) {
            int n = to.receive(in);
            if (n <= 0) {
                poller.poll(WAIT_NS);
                continue;
            }
            for (int i = 0; i < n; i++, arrived++) {
                if (!isIntact(in, i, arrived, round)) {
                    return false;
                }
            }
        }
        return arrived == DATAGRAMS;
    }

    private static void fill(DatagramBatch out, int i, int round) {
        for (int k = 0; k < out.length(i); k++) {
            out.slab().set(JAVA_BYTE, out.offset(i) + k, pattern(i, k, round));
        }
    }

    private static boolean isIntact(DatagramBatch in, int i, int number, int round) {
        int length = number == DATAGRAMS - 1 ? BYTES / 2 : BYTES;
        if (number >= DATAGRAMS || in.length(i) != length) {
            return false;
        }
        for (int k = 0; k < length; k++) {
            if (in.slab().get(JAVA_BYTE, in.offset(i) + k) != pattern(number, k, round)) {
                return false;
            }
        }
        return true;
    }

    /** Differs between neighbours at any distance that a wrong division could move octets by. */
    private static byte pattern(int datagram, int at, int round) {
        int x = (datagram * BYTES + at) * 0x9E37_79B1 + round;
        return (byte) (x >>> 24);
    }
}

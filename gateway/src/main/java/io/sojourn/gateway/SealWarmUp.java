// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.seal.SealEndpoint;
import io.sojourn.seal.SealFormat;
import io.sojourn.seal.SealPeer;
import io.sojourn.seal.SealPrivateKey;
import io.sojourn.seal.SealTimers;
import io.sojourn.seal.SealUnderlay;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.SecureRandom;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.BooleanSupplier;

/** Handshakes and packets between two ends that exist only here: interpreted, a handshake would stall the forwarder for tens of milliseconds. */
final class SealWarmUp {
    private static final int HANDSHAKES = 30;
    private static final int PACKETS = 3_000;
    private static final int PACKET_BYTES = 1_400;

    /** One end; what it sends lies here until it is handed over. */
    private static final class End implements SealUnderlay<String> {
        final Deque<byte[]> sent = new ArrayDeque<>();
        final SealPrivateKey key = SealPrivateKey.generate(new SecureRandom()::nextBytes);
        final SealEndpoint<String> endpoint = new SealEndpoint<>(
                key, true, HostCiphers.best(), SealTimers.DEFAULT, new SecureRandom()::nextBytes, this);

        @Override
        public void answer(byte[] datagram) {
            sent.add(datagram);
        }

        @Override
        public void send(SealPeer<String> peer, byte[] datagram) {
            sent.add(datagram);
        }

        @Override
        public void established(SealPeer<String> peer, boolean first) {}
    }

    private SealWarmUp() {}

    /** @param inVain true as soon as there is nothing to rehearse for */
    static long run(BooleanSupplier inVain) {
        long sum = 0;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment s = arena.allocate(4096);
            for (int i = 0; i < HANDSHAKES && !inVain.getAsBoolean(); i++) {
                End a = new End();
                End b = new End();
                SealPeer<String> toB = a.endpoint.peer(b.key.publicKey(), List.of(), "b");
                b.endpoint.peer(a.key.publicKey(), List.of(), "a");
                a.endpoint.tick(0, 1);
                hand(a, b, s);
                hand(b, a, s);
                hand(a, b, s);
                for (int n = 0; n < PACKETS / HANDSHAKES; n++) {
                    int length = a.endpoint.seal(toB, s, SealFormat.TRANSPORT_HEADER_BYTES, PACKET_BYTES, s, 0, 1);
                    sum += b.endpoint.receive(
                            s, 0, length, SealWarmUp::nowhere, s, SealFormat.TRANSPORT_HEADER_BYTES, 1);
                }
            }
        }
        return sum;
    }

    private static byte[] nowhere() {
        return new byte[0];
    }

    private static void hand(End from, End to, MemorySegment s) {
        for (byte[] datagram = from.sent.poll(); datagram != null; datagram = from.sent.poll()) {
            MemorySegment.copy(datagram, 0, s, ValueLayout.JAVA_BYTE, 0, datagram.length);
            to.endpoint.receive(s, 0, datagram.length, SealWarmUp::nowhere, s, SealFormat.TRANSPORT_HEADER_BYTES, 1);
        }
    }
}

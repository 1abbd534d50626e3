// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import io.sojourn.wire.DropReason;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Predicate;

/** Two endpoints, what lies between them, and a clock that stands still until it is told to move. */
final class SealWorld {
    static final long SECOND = 1_000_000_000L;

    /** One end: what it has received, and why it dropped what it dropped. */
    @SuppressWarnings("NullAway.Init") // knows() follows at once
    final class End implements SealUnderlay<String> {
        final String name;
        final SealPrivateKey key;
        SealEndpoint<String> endpoint;
        final List<String> received = new ArrayList<>();
        final List<DropReason> drops = new ArrayList<>();
        /** What has left, ever. */
        final List<byte[]> sent = new ArrayList<>();

        final Deque<byte[]> inbox = new ArrayDeque<>();
        SealPeer<String> peer;
        boolean aes = true;

        End(String name, int seed) {
            this.name = name;
            this.key = SealPrivateKey.generate(new SplittableRandom(seed)::nextBytes);
            restart();
        }

        void restart() {
            endpoint = new SealEndpoint<>(
                    key, aes, PacketCipher.Maker.ofJdk(), SealTimers.DEFAULT, random::nextBytes, this);
        }

        End other() {
            return this == a ? b : a;
        }

        void knows(byte[] psk) {
            knows(psk.length == 0 ? List.of() : List.of(new PresharedKey(0, psk)));
        }

        void knows(List<PresharedKey> preshared) {
            peer = endpoint.peer(other().key.publicKey(), preshared, other().name);
        }

        @Override
        public void answer(byte[] datagram) {
            send(peer, datagram);
        }

        @Override
        public void send(SealPeer<String> to, byte[] datagram) {
            sent.add(datagram);
            other().inbox.add(datagram);
        }

        @Override
        public void established(SealPeer<String> with, boolean first) {}

        boolean say(String text) {
            byte[] octets = text.getBytes(StandardCharsets.UTF_8);
            MemorySegment.copy(octets, 0, memory, ValueLayout.JAVA_BYTE, 100, octets.length);
            int n = endpoint.seal(peer, memory, 100, octets.length, memory, 88, now);
            if (n > 0) {
                send(peer, memory.asSlice(88, n).toArray(ValueLayout.JAVA_BYTE));
            }
            return n > 0;
        }

        void take(byte[] datagram) {
            MemorySegment.copy(datagram, 0, memory, ValueLayout.JAVA_BYTE, 0, datagram.length);
            int n = endpoint.receive(memory, 0, datagram.length, () -> source, memory, 12, now);
            if (n != SealEndpoint.NOTHING) {
                received.add(new String(memory.asSlice(12, n).toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8));
            } else if (endpoint.reason() != DropReason.NONE) {
                drops.add(endpoint.reason());
            }
        }
    }

    final SplittableRandom random = new SplittableRandom(7);
    final MemorySegment memory = Arena.ofAuto().allocate(70_000);
    long now = 5 * SECOND;
    byte[] source = {1, 2, 3};
    Predicate<byte[]> lost = datagram -> false;
    final End a;
    final End b;

    SealWorld() {
        this(new byte[0], new byte[0]);
    }

    SealWorld(byte[] pskOfA, byte[] pskOfB) {
        a = new End("a", 1);
        b = new End("b", 2);
        a.knows(pskOfA);
        b.knows(pskOfB);
    }

    /** Delivers all that is on its way, and what that sets off. */
    void settle() {
        for (int i = 0; i < 1_000 && !(a.inbox.isEmpty() && b.inbox.isEmpty()); i++) {
            for (End end : List.of(a, b)) {
                for (byte[] datagram = end.inbox.poll(); datagram != null; datagram = end.inbox.poll()) {
                    if (!lost.test(datagram)) {
                        end.take(datagram);
                    }
                }
            }
        }
    }

    /** Delivers what is on its way now; what that sets off stays on its way. */
    void deliverOnce() {
        List<byte[]> toA = List.copyOf(a.inbox);
        List<byte[]> toB = List.copyOf(b.inbox);
        a.inbox.clear();
        b.inbox.clear();
        toA.forEach(a::take);
        toB.forEach(b::take);
    }

    void tick(End end) {
        end.endpoint.tick(now, now / 1_000);
    }

    /** Both ends' clocks move on, a tenth of a second at a time. */
    void pass(long ns) {
        for (long until = now + ns; now < until; ) {
            now += SECOND / 10;
            tick(a);
            tick(b);
            settle();
        }
    }

    /** A session made by a's initiation. */
    SealWorld connected() {
        tick(a);
        settle();
        return this;
    }
}

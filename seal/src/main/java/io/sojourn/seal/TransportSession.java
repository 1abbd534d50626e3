// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * A pair of keys that two gateways share for a while, one for each direction, and the two counters. Locking: none, one
 * thread.
 */
final class TransportSession implements Indexed {
    final SealPeer<?> peer;
    final boolean initiator;
    final long bornNs;
    /** Of the pre-shared key that it was made with. */
    final int generation;

    private final int index;
    private final int remoteIndex;
    private final boolean aes;
    private final PacketCipher sender;
    private final PacketCipher receiver;
    private final ReplayWindow window = new ReplayWindow();
    private long sent;

    /** @param keys the initiator's sending key, then the responder's */
    TransportSession(
            SealPeer<?> peer,
            Suite suite,
            @Nullable PresharedKey preshared,
            PacketCipher.Maker ciphers,
            byte[][] keys,
            boolean initiator,
            int index,
            int remoteIndex,
            long bornNs) {
        this.peer = peer;
        this.initiator = initiator;
        this.index = index;
        this.remoteIndex = remoteIndex;
        this.bornNs = bornNs;
        generation = preshared == null ? PresharedKey.NONE : preshared.generation();
        aes = suite.isAes();
        sender = ciphers.make(aes, keys[initiator ? 0 : 1], true);
        receiver = ciphers.make(aes, keys[initiator ? 1 : 0], false);
    }

    @Override
    public int index() {
        return index;
    }

    long sent() {
        return sent;
    }

    /** Seals {@code length} octets into a whole transport datagram; its length. */
    int seal(MemorySegment in, long at, int length, MemorySegment out, long outAt) {
        long counter = sent++;
        SealFormat.writeTransportHeader(out, outAt, remoteIndex, counter);
        return SealFormat.TRANSPORT_HEADER_BYTES
                + sender.seal(nonce(counter), in, at, length, out, outAt + SealFormat.TRANSPORT_HEADER_BYTES);
    }

    boolean mayAccept(long counter) {
        return counter < SealTimers.REJECT_AFTER_DATAGRAMS && window.mayAccept(counter);
    }

    /** Opens what stands behind a transport header; the inner length, or -1 if it is not authentic. */
    int open(long counter, MemorySegment in, long at, int length, MemorySegment out, long outAt) {
        return receiver.open(nonce(counter), in, at, length, out, outAt);
    }

    /** AES-GCM counts big-endian, ChaChaPoly little-endian (Noise revision 34, section 12.3 and 12.4). */
    private long nonce(long counter) {
        return aes ? counter : Long.reverseBytes(counter);
    }

    /** Notes the counter of an authentic datagram; whether it is the newest yet. */
    boolean accept(long counter) {
        return window.accept(counter);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

/**
 * A pair of keys that two gateways share for a while, one for each direction, and the two counters. Locking: none, one
 * thread.
 */
final class TransportSession implements Indexed {
    private static final byte[] NOTHING = new byte[0];

    final SealPeer<?> peer;
    final boolean initiator;
    final long bornNs;
    private final int index;
    private final int remoteIndex;
    private final Aead sender;
    private final Aead receiver;
    private final ReplayWindow window = new ReplayWindow();
    private long sent;

    /** @param keys the initiator's sending key, then the responder's */
    TransportSession(
            SealPeer<?> peer, Suite suite, byte[][] keys, boolean initiator, int index, int remoteIndex, long bornNs) {
        this.peer = peer;
        this.initiator = initiator;
        this.index = index;
        this.remoteIndex = remoteIndex;
        this.bornNs = bornNs;
        sender = new Aead(suite.isAes(), keys[initiator ? 0 : 1]);
        receiver = new Aead(suite.isAes(), keys[initiator ? 1 : 0]);
    }

    @Override
    public int index() {
        return index;
    }

    long sent() {
        return sent;
    }

    /** Seals {@code length} octets into a whole transport datagram; its length. */
    int seal(byte[] in, int at, int length, byte[] out, int outAt) {
        long counter = sent++;
        SealFormat.writeTransportHeader(out, outAt, remoteIndex, counter);
        return SealFormat.TRANSPORT_HEADER_BYTES
                + sender.seal(counter, NOTHING, in, at, length, out, outAt + SealFormat.TRANSPORT_HEADER_BYTES);
    }

    boolean mayAccept(long counter) {
        return counter < SealTimers.REJECT_AFTER_DATAGRAMS && window.mayAccept(counter);
    }

    /** Opens what stands behind a transport header; the inner length, or -1 if it is not authentic. */
    int open(long counter, byte[] in, int length, byte[] out) {
        return receiver.open(counter, NOTHING, in, 0, length, out, 0);
    }

    /** Notes the counter of an authentic datagram; whether it is the newest yet. */
    boolean accept(long counter) {
        return window.accept(counter);
    }
}

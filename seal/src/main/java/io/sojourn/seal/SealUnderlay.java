// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

/** What an endpoint asks of whoever owns the socket. Called on the thread that called the endpoint. */
public interface SealUnderlay<O> {
    /** Sends back to where the datagram being handled came from. */
    void answer(byte[] datagram);

    /** Sends to where the peer is thought to be. */
    void send(SealPeer<O> peer, byte[] datagram);

    /** A session with the peer can be used for sending; {@code first} if there was none. */
    void established(SealPeer<O> peer, boolean first);
}

// SPDX-License-Identifier: Apache-2.0
/**
 * The sealed transport between gateways: Noise IK handshakes, sessions, rekeying, replay window, roaming, cookies. Pure: no
 * socket, no thread, no clock. docs/protocol/sealed.md has every format and timer.
 *
 * <p>Four nouns: a {@link io.sojourn.seal.SealEndpoint} is this gateway; a {@link io.sojourn.seal.SealPeer} another one; a
 * {@link io.sojourn.seal.TransportSession} a pair of keys that both hold for a while; an {@link io.sojourn.seal.Aead} one key
 * in one direction.
 */
@NullMarked
package io.sojourn.seal;

import org.jspecify.annotations.NullMarked;

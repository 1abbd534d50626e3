// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

/** Where a datagram came from. Asked only when a handshake is flooded, so that a packet costs no object. */
@FunctionalInterface
public interface SealSource {
    /** Address and port, in any form that is the same each time. */
    byte[] bytes();
}

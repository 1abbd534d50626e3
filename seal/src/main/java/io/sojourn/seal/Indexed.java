// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

/** What a receiver's index can stand for. */
sealed interface Indexed permits TransportSession, Attempt {
    int index();
}

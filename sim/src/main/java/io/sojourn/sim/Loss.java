// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

/** Every way a packet can be lost. Whether a loss is excused is the {@link Monitor}'s to say. */
enum Loss {
    /** The wide-area network ate it. */
    WAN,
    /** Sent into a cut path. */
    CUT,
    /** It was in, or came to, a gateway that was killed. */
    DEAD_GATEWAY,
    /** It was in the queue of a guest's port when that guest's QEMU ended. */
    QUEUE_OF_THE_GONE,
    /** A buffer or a hold was full. */
    FULL,
    /** D gave its buffer up. */
    BUFFER_DROPPED,
    /** The guest has no port here, although the route says so. */
    NO_PORT,
    NO_ROUTE,
    /** It carries an epoch that this gateway must not pass on. */
    STALE_EPOCH,
    /** It carries a higher epoch than the binding by which it would be delivered. */
    FUTURE_EPOCH,
    /** Sent by a guest whose binding is not active here. */
    NOT_ACTIVE,
    /** Another network's. */
    WRONG_NETWORK,
    /** By ILNP: a border did not believe that it is from whom it says. */
    NOT_BELIEVED
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

/**
 * Faults planted in the protocol, to see whether the simulator finds them. Production code knows none of them: they live
 * in the {@link Mutator} between machines and gateway, or in the model around them.
 */
public enum Mutation {
    /** The protocol as it is. */
    NONE,
    /** A gateway takes any route and delivers any epoch. */
    NO_EPOCH_CHECK,
    /** What is deleted at release is found by the VM's address, whatever its epoch. */
    RELEASE_BY_ADDRESS,
    /** After release the source knows nothing of the VM any more. */
    NO_TOMBSTONE,
    /** Two networks that use the same address are mixed up. */
    NETWORK_IGNORED,
    /** A correspondent flips without an end marker. */
    NO_INBOUND_MARKER,
    /** The source stops the guest without end markers. */
    NO_OUTBOUND_MARKER,
    /** End markers take their chance instead of their place behind the data. */
    MARKER_OUT_OF_ORDER,
    /** D delivers what comes straight from Ci at once. */
    NO_INBOUND_HOLD,
    /** Ci delivers what the VM sends from D at once. */
    NO_OUTBOUND_HOLD,
    /** D delivers what a VM that has moved as well sends straight, though what it sent before may still come. */
    NO_CROSSING_HOLD,
    /** A hold that has its marker is never let go. */
    HOLD_KEPT,
    /** D delivers live packets, and its buffer a little later. */
    FLUSH_AFTER_LIVE,
    /** D drops its buffer at activation. */
    BUFFER_LOST,
    /** Any frame activates D, though the guest still runs at S. */
    ACTIVATED_BEFORE_PAUSE,
    /** D announces before the guest runs. */
    ANNOUNCED_BEFORE_RUN,
    /** D acknowledges an abort and goes on. */
    BURNT_BUT_CONTINUED,
    /** The controller gives a burnt epoch out again. */
    BURNT_EPOCH_REUSED,
    /** D gives nothing back when the move is aborted. */
    BUFFER_NOT_RETURNED,
    /** S goes on redirecting after an abort. */
    REDIRECT_LEFT_ON,
    /** S delivers again before D's buffer is back. */
    LIVE_BEFORE_RETURN,
    /** The abort overtakes the redirected packets. */
    ABORT_OUT_OF_ORDER,
    /** S resumes the guest when D has not answered for a while. */
    RESUMED_ON_TIMEOUT,
    /** S resumes the guest at once when the pause fails. */
    RESUMED_WITHOUT_ASKING,
    /** S ends its QEMU when the stream is through. */
    QUIT_BEFORE_ANNOUNCE,
    /** S stops the guest without waiting for it to read its queue. */
    NOT_DRAINED,
    /** S redirects when the guest has stopped, not before. */
    REDIRECTED_AFTER_STOP,
    /** D announces once. */
    ANNOUNCED_ONCE,
    /** S asks once for the guest. */
    ABORTED_ONCE,
    /** Ci sends its marker once. */
    MARKED_ONCE,
    /** Nothing is written to the journal. */
    NO_JOURNAL,
    /** A restarted source runs the guest. */
    RECOVERED_BY_RESUMING,
    /** A gateway that has forgotten a migration does not answer about it. */
    NO_LATE_ANSWERS,
    /** The source's QEMU is left behind, stopped. */
    SOURCE_NOT_QUIT,
    /** D answers an abort after activation with an acknowledgement. */
    ABORT_ACKED_WHEN_ACTIVE,
    /** By ILNP: what a border knows of a VM stays where it was. */
    NODE_STATE_LEFT,
    /** By ILNP: the old site sends nothing for a VM of whose activation it has not heard yet. */
    OLD_SITE_DEAF,
    /** By ILNP: a gateway that was killed does not read what it knew of its nodes. */
    NODES_UNREAD;

    /** It shows in worlds by ILNP only. */
    boolean isByIlnp() {
        return this == NODE_STATE_LEFT || this == OLD_SITE_DEAF || this == NODES_UNREAD;
    }
}

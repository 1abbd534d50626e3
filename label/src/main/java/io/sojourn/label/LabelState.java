// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

import java.util.Optional;

/** What a boundary knows about the label of one connection; docs/protocol/label.md has the diagram. */
public sealed interface LabelState {
    /** A request that waits for its answer. @param times it was sent @param nextMs when it is sent again */
    record Request(ControlMessage.Kind kind, int times, long sinceMs, long nextMs) {}

    /** A SYN with an offer has left. */
    record Offered(int times, long untilMs) implements LabelState {}

    /** A SYN/ACK with an echo has left. */
    record Echoed(long untilMs) implements LabelState {}

    /**
     * The connection has a label.
     *
     * @param hasStopped our own host has
     * @param suspendedUntilMs the other end's host has stopped, and is waited for until then; {@link #NEVER}: it has not
     */
    record Open(Optional<Request> request, boolean hasStopped, long suspendedUntilMs) implements LabelState {}

    /** It has ended; late messages are answered until then. */
    record Closed(Optional<Request> request, long untilMs) implements LabelState {}

    /** Plain TCP: nothing is done for it, now or later. */
    record Legacy() implements LabelState {}

    long NEVER = Long.MAX_VALUE;

    /** An open connection of which nothing is asked. */
    static Open settled() {
        return new Open(Optional.empty(), false, NEVER);
    }

    /** What is still to be confirmed. */
    default Optional<Request> waiting() {
        return switch (this) {
            case Open open -> open.request();
            case Closed closed -> closed.request();
            case Offered o -> Optional.empty();
            case Echoed e -> Optional.empty();
            case Legacy l -> Optional.empty();
        };
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

/** What happens to a connection that has a label, or may get one. */
public sealed interface LabelEvent {
    /** The SYN was sent again. */
    record SynAgain() implements LabelEvent {}

    /** The SYN/ACK has an echo. */
    record EchoCame() implements LabelEvent {}

    /** The SYN/ACK has none. */
    record PlainAnswer() implements LabelEvent {}

    /** A request, authentic and new. @param isFree of a RESUME: no other connection is at its place */
    record Asked(ControlMessage.Kind kind, boolean isFree) implements LabelEvent {}

    /** An answer to what waits. */
    record Answered(ControlMessage.Kind kind) implements LabelEvent {}

    /** Our end goes on from here. */
    record Moved() implements LabelEvent {}

    /** Our host was stopped. */
    record Stopped() implements LabelEvent {}

    /** It runs again. */
    record Runs() implements LabelEvent {}

    /** Both directions have been closed, or it was reset. */
    record Ended() implements LabelEvent {}

    /** Time has passed. */
    record Tick() implements LabelEvent {}
}

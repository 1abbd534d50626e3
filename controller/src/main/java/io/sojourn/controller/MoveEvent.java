// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.rpc.Phase;

/** What can happen to a move. Gateways are named; {@link MoveMachine.Parties} tells which role each has. */
public sealed interface MoveEvent {
    /** What a gateway was asked to do. */
    enum Step {
        ARM_DESTINATION,
        ARM_SOURCE,
        ARM_CORRESPONDENT,
        START,
        ABORT,
        RELEASE
    }

    /** The record is stored. */
    record Begun() implements MoveEvent {}

    record Answered(Step step, String gateway) implements MoveEvent {}

    /** The gateway said no. */
    record Refused(Step step, String gateway, String error) implements MoveEvent {}

    /** The gateway is connected and said nothing in time. */
    record Unanswered(Step step, String gateway) implements MoveEvent {}

    /** The gateway was not connected, or went away before it answered. */
    record Unreachable(Step step, String gateway) implements MoveEvent {}

    record Reported(String gateway, Phase phase, String error) implements MoveEvent {}

    /**
     * The gateway has attached again.
     *
     * @param restarted it is another process than before: what it held of the move is gone
     * @param runsVm it says that the guest runs with it
     * @param takesUp its journal has the move as not ended; of a gateway that was restarted
     */
    record GatewayBack(String gateway, boolean restarted, boolean runsVm, boolean takesUp) implements MoveEvent {}

    /** The gateway has been away for longer than the grace period. */
    record GatewayGone(String gateway) implements MoveEvent {}

    record CancelAsked() implements MoveEvent {}

    /** The move takes longer than it may, and the source has not given up by itself. */
    record Overdue() implements MoveEvent {}

    /** The gateway took the command, is connected, and has reported nothing since, for longer than it would take it. */
    record Silent(String gateway) implements MoveEvent {}

    /** The controller was restarted. No gateway is connected yet. */
    record Recovered() implements MoveEvent {}
}

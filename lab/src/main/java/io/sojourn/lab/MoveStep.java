// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.time.Duration;

/** The steps of a move, each with the sign in some process's log that it has been reached: that process's own word, written as it happens. */
enum MoveStep {
    PLAN,
    ARM,
    COPY,
    HOLD,
    PAUSE,
    ACTIVATE,
    DRAIN,
    RELEASE;

    /** Into the copy, which has hardly begun when its sign comes. */
    private static final Duration MID_COPY = Duration.ofMillis(300);

    /** Who is struck, or cut off, where that makes a difference. */
    enum Party {
        SOURCE,
        DESTINATION,
        CORRESPONDENT,
        CONTROLLER;

        /** As in a cell's name. */
        String letter() {
            return switch (this) {
                case SOURCE -> "s";
                case DESTINATION -> "d";
                case CORRESPONDENT -> "c";
                case CONTROLLER -> "r";
            };
        }
    }

    /** The sites of a move. */
    record Roles(String source, String destination, String correspondent) {
        /** The process that plays a part. */
        String process(Party party) {
            return switch (party) {
                case SOURCE -> Lab.gatewayProcess(source);
                case DESTINATION -> Lab.gatewayProcess(destination);
                case CORRESPONDENT -> Lab.gatewayProcess(correspondent);
                case CONTROLLER -> Topology.CONTROLLER;
            };
        }
    }

    /** @param process in whose log {@code word} shows that the step has been reached */
    record Sign(String process, String word, Duration delay) {}

    /** ARM is reached by each gateway in its turn, so it is the victim's own; every other step is of the move. */
    Sign sign(Roles roles, Party victim) {
        String s = roles.process(Party.SOURCE);
        String d = roles.process(Party.DESTINATION);
        return switch (this) {
            case PLAN ->
                new Sign(Topology.CONTROLLER, ": " + roles.source() + " to " + roles.destination(), Duration.ZERO);
            case ARM ->
                switch (victim) {
                    case SOURCE, CONTROLLER -> new Sign(s, "armed arm (source)", Duration.ZERO);
                    case DESTINATION -> new Sign(d, "armed arm (destination)", Duration.ZERO);
                    case CORRESPONDENT ->
                        new Sign(roles.process(Party.CORRESPONDENT), "armed arm (correspondent)", Duration.ZERO);
                };
            case COPY -> new Sign(s, "copying copy", MID_COPY);
            case HOLD -> new Sign(s, "held hold", Duration.ZERO);
            case PAUSE -> new Sign(s, "paused pause", Duration.ZERO);
            case ACTIVATE -> new Sign(d, "activated activate", Duration.ZERO);
            case DRAIN -> new Sign(s, "draining drain", Duration.ZERO);
            case RELEASE -> new Sign(s, "released release", Duration.ZERO);
        };
    }
}

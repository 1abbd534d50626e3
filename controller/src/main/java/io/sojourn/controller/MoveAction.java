// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import java.util.SortedSet;

/** What is to be done after the new state is stored, in order. Each may be done twice: gateways take commands idempotently. */
public sealed interface MoveAction {
    record ArmDestination() implements MoveAction {}

    record ArmSource() implements MoveAction {}

    record ArmCorrespondents(SortedSet<String> gateways) implements MoveAction {}

    record Start() implements MoveAction {}

    record Abort(SortedSet<String> gateways, String reason) implements MoveAction {}

    record Release(SortedSet<String> gateways) implements MoveAction {}

    /** If nothing is heard of the gateway for a while: {@link MoveEvent.Silent}. */
    record AwaitWord(String gateway) implements MoveAction {}

    /** In the same commit as the new state. */
    record CommitBinding() implements MoveAction {}

    /** A line of the timeline, for a person. */
    record Note(String event, String detail) implements MoveAction {}
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import java.util.Collection;
import java.util.Collections;
import java.util.SortedSet;
import java.util.TreeSet;

/**
 * How far a move has come, as the controller knows it. Stored before any side effect of being there.
 *
 * <pre>
 * Planned - ArmingDestination - ArmingSource - ArmingCorrespondents - Starting - Copying - Switching - Draining - Releasing - Done
 *    |              |                |                 |                 |          |          :
 *    |              |                '-----------------+-----------------+----------'          : only on the source's word
 *    |              v                                  v                                       :
 *    |          Disarming <------------------- AbortingSource <................................:
 *    v              v
 *    '--------> RolledBack            (a destination that reports ACTIVATED wins over every abort: then Draining)
 * </pre>
 *
 * The names are part of the stored format.
 */
@JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "state")
@JsonSubTypes({
    @JsonSubTypes.Type(value = MoveState.Planned.class, name = "planned"),
    @JsonSubTypes.Type(value = MoveState.ArmingDestination.class, name = "arming-destination"),
    @JsonSubTypes.Type(value = MoveState.ArmingSource.class, name = "arming-source"),
    @JsonSubTypes.Type(value = MoveState.ArmingCorrespondents.class, name = "arming-correspondents"),
    @JsonSubTypes.Type(value = MoveState.Starting.class, name = "starting"),
    @JsonSubTypes.Type(value = MoveState.Copying.class, name = "copying"),
    @JsonSubTypes.Type(value = MoveState.Switching.class, name = "switching"),
    @JsonSubTypes.Type(value = MoveState.Draining.class, name = "draining"),
    @JsonSubTypes.Type(value = MoveState.Releasing.class, name = "releasing"),
    @JsonSubTypes.Type(value = MoveState.AbortingSource.class, name = "aborting-source"),
    @JsonSubTypes.Type(value = MoveState.Disarming.class, name = "disarming"),
    @JsonSubTypes.Type(value = MoveState.Done.class, name = "done"),
    @JsonSubTypes.Type(value = MoveState.RolledBack.class, name = "rolled-back")
})
public sealed interface MoveState {
    /** The record is written, nothing has been touched. */
    record Planned() implements MoveState {}

    record ArmingDestination() implements MoveState {}

    record ArmingSource() implements MoveState {}

    /** @param waiting gateways whose answer is missing */
    record ArmingCorrespondents(SortedSet<String> waiting) implements MoveState {}

    record Starting() implements MoveState {}

    record Copying() implements MoveState {}

    /** HOLD or PAUSE has been seen: from here the gateways decide, and only the source's word can take the move back. */
    record Switching() implements MoveState {}

    /** The guest runs at the destination and the binding says so. */
    record Draining() implements MoveState {}

    /**
     * @param waiting gateways whose answer is missing
     * @param gone of those, the ones away for longer than the grace period
     */
    record Releasing(SortedSet<String> waiting, SortedSet<String> gone) implements MoveState {}

    /**
     * The source has been told to take the guest back, and now either says ABORTED or goes on to the end.
     *
     * @param beyondHold the source has reported HOLD or PAUSE: then only its word, or the destination's, decides. Before that, a
     *     source that is connected, takes the command and then says nothing has nothing of the move
     */
    record AbortingSource(String reason, boolean beyondHold) implements MoveState {}

    /**
     * @param waiting gateways whose answer is missing
     * @param gone of those, the ones away for longer than the grace period
     * @param certain the source or the destination has said that the guest does not run at the destination and never will
     * @param beyondHold as in {@link AbortingSource}
     */
    record Disarming(
            String reason, SortedSet<String> waiting, SortedSet<String> gone, boolean certain, boolean beyondHold)
            implements MoveState {}

    /** @param owed gateways that were away and must still be told to forget the move when they come back */
    record Done(SortedSet<String> owed) implements MoveState {}

    /** @param owed gateways that were away and must still be told to undo what they did */
    record RolledBack(String reason, SortedSet<String> owed) implements MoveState {}

    default boolean isFinal() {
        return this instanceof Done || this instanceof RolledBack;
    }

    /** Final, and every gateway knows. */
    default boolean isSettled() {
        return switch (this) {
            case Done done -> done.owed().isEmpty();
            case RolledBack rolledBack -> rolledBack.owed().isEmpty();
            default -> false;
        };
    }

    /** As REST shows it. */
    default String shown() {
        return switch (this) {
            case Planned _ -> "PLANNED";
            case ArmingDestination _, ArmingSource _, ArmingCorrespondents _, Starting _ -> "ARMING";
            case Copying _ -> "COPYING";
            case Switching _ -> "SWITCHING";
            case Draining _, Releasing _ -> "DRAINING";
            case AbortingSource _, Disarming _ -> "ABORTING";
            case Done _ -> "DONE";
            case RolledBack _ -> "ROLLED_BACK";
        };
    }

    static SortedSet<String> gateways(Collection<String> names) {
        return Collections.unmodifiableSortedSet(new TreeSet<>(names));
    }

    static SortedSet<String> without(SortedSet<String> names, String name) {
        SortedSet<String> rest = new TreeSet<>(names);
        rest.remove(name);
        return Collections.unmodifiableSortedSet(rest);
    }
}

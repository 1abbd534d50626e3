// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

/** What a boundary has to do for a connection. */
public sealed interface LabelAction {
    /** A new request. */
    record Ask(ControlMessage.Kind kind) implements LabelAction {}

    /** The request that waits, once more. */
    record AskAgain() implements LabelAction {}

    record Answer(ControlMessage.Kind kind) implements LabelAction {}

    /** The other end is at the place that its RESUME names. */
    record Remap() implements LabelAction {}

    /** Choose another place for our end. */
    record TakeOtherPlace() implements LabelAction {}

    /** What was held of our host's segments goes out. */
    record Release() implements LabelAction {}

    /** The connection is nobody's business from now on. */
    record Forget() implements LabelAction {}
}

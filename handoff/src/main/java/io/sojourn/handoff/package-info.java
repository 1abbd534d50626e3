// SPDX-License-Identifier: Apache-2.0
/**
 * The handoff protocol: how a VM's network attachment moves from one gateway to another without losing, doubling or
 * reordering a packet. Three pure state machines, one instance per (VM, migration):
 *
 * <pre>
 *   {@link io.sojourn.handoff.SourceHandoff}         at the gateway that the VM leaves
 *   {@link io.sojourn.handoff.DestinationHandoff}    at the gateway that it comes to
 *   {@link io.sojourn.handoff.CorrespondentHandoff}  at every other gateway of the VM's networks
 *
 *     event, now --> apply(state, event, now) --> new state, actions in order
 * </pre>
 *
 * No I/O, no clock, no threads, no randomness: a gateway (or the simulator) feeds events and executes actions, in
 * order, on one thread. Diagrams of the three machines, held against the code by a test: docs/protocol/handoff.md.
 */
@org.jspecify.annotations.NullMarked
package io.sojourn.handoff;

// SPDX-License-Identifier: Apache-2.0
/**
 * The deterministic simulator: a controller, gateways that run the production handoff machines and codec, model VMs and
 * hypervisors, and a bad network between them, on one thread and in virtual time. One seed is one run, event for event.
 *
 * <pre>
 *   Scenario   what happens: sites, delays, moves, faults; drawn from a seed, cut down by the shrinker
 *   World      runs it: Timeline (virtual time), Wan, SimGateway + Forwarder, SimHost, SimController
 *   Incident   tells machines again what they were told in a real move
 *   Monitor    holds the invariants of the protocol against every event
 *   Exhaustive visits every state of a SmallWorld: SmallMachine, SmallGuests, SmallChoices, and Forwarder as it is
 * </pre>
 */
@org.jspecify.annotations.NullMarked
package io.sojourn.sim;

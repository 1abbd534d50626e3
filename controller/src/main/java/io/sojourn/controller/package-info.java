// SPDX-License-Identifier: Apache-2.0
/**
 * The controller: REST for people, one gRPC stream a gateway, and the orchestrator that takes a move from plan to certificate.
 *
 * <p>A move's way: {@link io.sojourn.controller.RestApi} - {@link io.sojourn.controller.MovePlanner} -
 * {@link io.sojourn.controller.Orchestrator} (what to do next is decided by {@link io.sojourn.controller.MoveMachine}, pure) -
 * {@link io.sojourn.controller.Gateways} - the gateways' reports - the registry. No packet passes here, and an armed move
 * completes without the controller.
 */
@org.jspecify.annotations.NullMarked
package io.sojourn.controller;

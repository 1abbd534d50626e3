// SPDX-License-Identifier: Apache-2.0
/**
 * Flows between VMs and others, as a gateway on their way sees them: what belongs to one ({@link io.sojourn.flow.FlowKey}), how far it is ({@link
 * io.sojourn.flow.FlowState}), a table of a million ({@link io.sojourn.flow.FlowTable}), what becomes of its addresses and ports ({@link
 * io.sojourn.flow.FlowRewriter}, RFC 3022, 4787, 5382, 5508), and which may begin at all ({@link io.sojourn.flow.RuleSet}). Pure: no I/O, no clock, no threads;
 * times are seconds of the caller's clock.
 */
@org.jspecify.annotations.NullMarked
package io.sojourn.flow;

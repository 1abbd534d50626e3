// SPDX-License-Identifier: Apache-2.0
/**
 * TCP connections that are named by a label and not by addresses, after Kalim, Gardner, Brown and Feng (ICCCN 2013), on behalf of hosts that need not know of it: how two boundaries agree on a
 * label in the SYN ({@link io.sojourn.label.LabelOption}), what they say to each other beside the stream ({@link io.sojourn.label.ControlMessage}), what state a connection is in ({@link
 * io.sojourn.label.LabelMachine}), and what becomes of its segments ({@link io.sojourn.label.Boundary}). Pure: no I/O, no clock, no threads; times are milliseconds of the caller's clock.
 */
@org.jspecify.annotations.NullMarked
package io.sojourn.label;

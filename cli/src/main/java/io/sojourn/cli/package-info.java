// SPDX-License-Identifier: Apache-2.0
/**
 * The commands a person types. Wiring only: each command turns words into one call of another module, or of the controller's REST API,
 * and turns the answer into lines.
 *
 * <p>Exit status of every command: 0 done, 1 failed, 2 wrong use, 130 interrupted. What is asked for goes to stdout, everything else to stderr.
 */
@org.jspecify.annotations.NullMarked
package io.sojourn.cli;

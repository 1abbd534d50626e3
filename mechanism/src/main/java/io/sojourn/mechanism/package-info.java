// SPDX-License-Identifier: Apache-2.0
/**
 * What a route does to a packet on its way between gateways, and what is read back from one that arrives. Pure: no I/O,
 * no tables, no threads; the forwarder owns all of those and sees a mechanism only as {@link
 * io.sojourn.mechanism.Mechanism}.
 */
@org.jspecify.annotations.NullMarked
package io.sojourn.mechanism;

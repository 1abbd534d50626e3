// SPDX-License-Identifier: Apache-2.0
/**
 * The Identifier-Locator Network Protocol (RFC 6740 to 6748) on behalf of nodes that need not know of it: who a node talks to and where those are ({@link
 * io.sojourn.ilnp.Ilcc}), who is told of a new locator until they have confirmed it ({@link io.sojourn.ilnp.UpdateSending}), and what becomes of a packet's locators at a
 * site's border ({@link io.sojourn.ilnp.BorderRouter}). Pure: no I/O, no clock, no threads; times are milliseconds of the caller's clock.
 */
@org.jspecify.annotations.NullMarked
package io.sojourn.ilnp;

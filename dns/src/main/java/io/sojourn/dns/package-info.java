// SPDX-License-Identifier: Apache-2.0
/**
 * The names of VMs: an authoritative DNS server for the records of ILNP (RFC 6742) beside A and AAAA, and their publication at a server of somebody else's (RFC 2136). What is
 * true comes from outside, as {@link io.sojourn.dns.Zone}s; who answers is {@link io.sojourn.dns.Responder}, a function of the zone and the query. dnsjava reads and writes messages.
 */
@org.jspecify.annotations.NullMarked
package io.sojourn.dns;

// SPDX-License-Identifier: Apache-2.0
/**
 * Packet formats as flyweights over {@link java.lang.foreign.MemorySegment}: static readers and writers on
 * {@code (segment, at)}, where {@code at} is the offset of the header's first octet in the segment. Nothing here does
 * I/O, starts a thread or keeps a packet; nothing on a packet path allocates.
 *
 * <p><b>Trust.</b> The readers of single fields trust their caller: they may be used only on octets that {@link
 * ParsedFrame#parse} (or a {@code check} method) has accepted. Those validators accept any octets, never throw and
 * never read outside {@code [at, at + length)}.
 *
 * <p><b>Addresses</b> are primitive on purpose: a MAC address is a {@code long} of 48 bits, an IP address is {@code
 * (high, low)} as in {@code io.sojourn.model.identity.IpAddress}: IPv4 is {@code high = 0}, {@code low} of 32 bits.
 */
@org.jspecify.annotations.NullMarked
package io.sojourn.wire;

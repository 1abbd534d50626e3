// SPDX-License-Identifier: Apache-2.0
/**
 * What Sojourn asks of the Linux kernel, and nothing else does: taps, sockets, netlink, namespaces, scheduling.
 *
 * <p>Memory: what may be closed while packets flow has its memory from {@link java.lang.foreign.Arena#ofAuto}. Closing a shared arena is a handshake of all threads; the one that asks
 * does it in the name of those that sleep, and a real-time one that wakes just then waits until the asker, an ordinary thread on a busy host, has a processor again.
 */
@org.jspecify.annotations.NullMarked
package io.sojourn.linux;

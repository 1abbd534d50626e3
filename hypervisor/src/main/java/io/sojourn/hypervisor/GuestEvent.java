// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

/**
 * What a hypervisor tells unasked. Times named {@code atUs} are the hypervisor's wall clock (microseconds since 1970), those named
 * {@code receivedNs} are {@link System#nanoTime()} here.
 */
public sealed interface GuestEvent {
    long receivedNs();

    /** The processors have stopped: asked by {@link Guest#stop}, or by the hypervisor's own decision to finish a migration. */
    record Stopped(long atUs, long receivedNs) implements GuestEvent {}

    /** The processors run (again). */
    record Resumed(long atUs, long receivedNs) implements GuestEvent {}

    /** The migration, outgoing or incoming, has changed its state. */
    record MigrationStatus(MigrationPhase phase, long atUs, long receivedNs) implements GuestEvent {}

    /** The source has looked at its dirty bitmap and begins pass {@code pass} (1 = all memory). Earlier than any poll can tell. */
    record MigrationPass(int pass, long atUs, long receivedNs) implements GuestEvent {}

    /** The guest powers off or was quit. */
    record ShutDown(String reason, long receivedNs) implements GuestEvent {}

    /** The control connection has ended; the last event of a guest. {@code reason} is one line. */
    record Disconnected(String reason, long receivedNs) implements GuestEvent {}
}

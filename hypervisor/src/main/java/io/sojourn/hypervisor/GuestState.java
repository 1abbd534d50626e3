// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

/** What a guest is doing; QEMU's {@code RunState} reduced to what a move must tell apart. */
public enum GuestState {
    /** Its processors run. */
    RUNNING,
    /** Stopped by {@code stop}, or arrived and not continued yet. */
    PAUSED,
    /** Started with {@code -incoming}: waits for a stream, or is receiving it. */
    INCOMING,
    /** QEMU itself has stopped it to send the last pages. */
    FINISHING,
    /** Sent whole to elsewhere; {@code cont} would take it back. */
    POSTMIGRATE,
    /** Powered off or panicked; the process may still be there. */
    SHUT_DOWN,
    /** Cannot go on without a reset or an operator: internal error, I/O error, watchdog, panic. */
    BROKEN,
    /** No process answers any more. */
    GONE;

    /** From the {@code status} of {@code query-status}. */
    static GuestState ofRunState(String runState) {
        return switch (runState) {
            case "running" -> RUNNING;
            case "inmigrate" -> INCOMING;
            case "finish-migrate" -> FINISHING;
            case "postmigrate" -> POSTMIGRATE;
            case "shutdown" -> SHUT_DOWN;
            case "internal-error", "io-error", "guest-panicked", "watchdog", "colo" -> BROKEN;
            default -> PAUSED; // paused, prelaunch, suspended, save-vm, restore-vm, debug
        };
    }
}

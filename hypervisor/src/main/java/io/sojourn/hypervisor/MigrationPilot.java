// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.time.Duration;

/**
 * Decides when the carrier must stop reading QEMU's stream, so that QEMU blocks in its write with little left and the guest runs on (handoff.md, "How
 * the moment is ours"). Not thread-safe: one thread asks, with successive samples.
 */
public final class MigrationPilot {
    /** The verdict; valid until the next sample. */
    public sealed interface Decision {
        /** Read as fast as the path takes it. */
        record Continue() implements Decision {}

        /** Read at most this many bytes from QEMU's socket until the next decision. */
        record Throttle(long bytes) implements Decision {}

        /** Stop reading now and go on to HOLD. The estimate is what crosses the path after the stop: bytes, and the pause they cost. */
        record Park(long estimatedBytes, long estimatedPauseMs) implements Decision {}

        /** It will not fit the limits; the reason is one line. Cancel the migration. */
        record GiveUp(String reason) implements Decision {}
    }

    /**
     * Bounds of a move.
     *
     * @param maxPauseMs longest pause to accept; 0: no limit
     * @param maxPasses after so many passes it is now or never
     */
    public record Limits(int maxPauseMs, int maxPasses) {
        public static final Limits NONE = new Limits(0, 30);
    }

    public MigrationPilot(PathFacts path, Limits limits, Duration expectedHold) {}

    public Decision decide(MigrationProgress sample) {
        return new Decision.Continue();
    }
}

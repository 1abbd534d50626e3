// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.util.Optional;

/**
 * One answer to QMP {@code query-migrate} at the source.
 *
 * @param atNs {@link System#nanoTime()} when the answer came
 * @param remainingBytes guest memory not sent in this pass; counts 4096 for a zero page that costs 9 on the stream
 * @param transferredBytes bytes of stream that QEMU has handed to its socket (what lies in the socket's buffer included)
 * @param pass 1 for the first walk over all memory, one more after each look at the dirty bitmap; 0 before
 * @param dirtyPagesPerS pages dirtied a second, as of the last look
 * @param downtimeMs QEMU's own pause once completed, else its expectation
 */
public record MigrationProgress(
        long atNs,
        MigrationPhase phase,
        long totalBytes,
        long remainingBytes,
        long transferredBytes,
        int pass,
        long dirtyPagesPerS,
        int pageBytes,
        long zeroPages,
        long normalPages,
        long downtimeMs,
        long totalMs,
        Optional<String> error) {}

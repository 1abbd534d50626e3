// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

/** Monotonic time in nanoseconds: {@link System#nanoTime}, or a test's own. */
@FunctionalInterface
interface NanoClock {
    long nanoTime();
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import java.time.Instant;

/** Microseconds since 1970, the unit of every timeline. */
final class WallClock {
    private WallClock() {}

    static long nowUs() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000 + now.getNano() / 1_000;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;

/** The controller's clock in the unit that crosses the wire. */
record Time(Clock clock) {
    /** Microseconds since 1970. */
    long nowUs() {
        return ChronoUnit.MICROS.between(Instant.EPOCH, clock.instant());
    }

    Instant now() {
        return instant(nowUs());
    }

    static Instant instant(long us) {
        return Instant.EPOCH.plus(us, ChronoUnit.MICROS);
    }
}

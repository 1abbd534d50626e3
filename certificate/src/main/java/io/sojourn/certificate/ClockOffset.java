// SPDX-License-Identifier: Apache-2.0
package io.sojourn.certificate;

import java.util.Map;

/**
 * The other gateway's clock minus the speaker's, in microseconds, as found by path probes: of the last ones, the one with the
 * shortest round trip (RFC 5905 section 10). The truth is within {@code uncertaintyUs} of it, which is half of that round trip: all
 * of the delay may lie in one direction.
 */
public record ClockOffset(long offsetUs, long uncertaintyUs) {
    Map<String, Object> json() {
        return Map.of("offset_us", offsetUs, "uncertainty_us", uncertaintyUs);
    }

    static ClockOffset of(Object json) {
        Fields f = new Fields("clock", json);
        ClockOffset clock = new ClockOffset(f.number("offset_us"), f.number("uncertainty_us"));
        f.end();
        return clock;
    }
}

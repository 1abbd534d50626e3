// SPDX-License-Identifier: Apache-2.0
package io.sojourn.certificate;

import java.util.Map;

/** A step of a move at one gateway. @param atUs its clock, microseconds since 1970 */
public record TimelineStep(long atUs, String event, String detail) {
    Map<String, Object> json() {
        return Map.of("at_us", atUs, "event", event, "detail", detail);
    }

    static TimelineStep of(Object json) {
        Fields f = new Fields("step", json);
        TimelineStep step = new TimelineStep(f.number("at_us"), f.text("event"), f.text("detail"));
        f.end();
        return step;
    }
}

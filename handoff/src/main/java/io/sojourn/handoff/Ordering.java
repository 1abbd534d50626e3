// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import java.util.Locale;

/** What a move does to keep each flow in order. Text form in lower case: {@code strict}. */
public enum Ordering {
    INVALID,
    /** Packets on a new path wait for the end marker of the old one, bounded. */
    STRICT,
    /** No holds: a packet may overtake one that still takes the old path. */
    RELAXED;

    public static Ordering parse(String text) {
        return switch (text) {
            case "strict", "" -> STRICT;
            case "relaxed" -> RELAXED;
            default -> throw new IllegalArgumentException("ordering '" + text + "': use strict or relaxed");
        };
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import java.util.Locale;

/** What a handoff counts besides packets. Text form as in the certificate: {@code not-drained}. */
public enum Counter {
    /** The guest stopped before HOLD: what was in its queue then is lost. */
    UNHELD,
    /** The queue was not read empty within its bound. */
    NOT_DRAINED,
    /** A hold ended at its bound, without its marker. */
    MARKER_MISSED,
    /** The source delivered again before all of the destination's buffer had come back. */
    RETURN_MISSED,
    /** Signals sent again. */
    RETRANSMITTED,
    /** A claim with an epoch not above ours from another gateway, or of a burnt epoch. */
    REFUSED,
    /** A sign of life at D that came too early to be believed. */
    EARLY_SIGN,
    /** The guest was found running where it must not. */
    STOPPED_AGAIN,
    /** Peers that had not answered when the handoff ended. */
    UNANSWERED;

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}

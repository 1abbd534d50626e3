// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import io.sojourn.wire.DropReason;
import java.util.List;

/**
 * How one correspondent is told of the local node's locators until it has confirmed them, or will not. One update is on its way at a time (RFC 6743 leaves the times open; FreeBSD's
 * linear back-off and seven attempts are taken): sent at t, t+1, t+3, t+6, t+10, t+15 and t+21 s, given up at t+28 s.
 *
 * <pre>
 *              tell                   acknowledged
 *   Settled ─────────▶ Waiting ───────────────────▶ Settled
 *                       ▲    │  7 sent, no answer
 *                  tell │    ▼
 *                      Refused
 * </pre>
 */
public sealed interface UpdateSending {
    int ATTEMPTS_MAX = 7;
    long STEP_MS = 1000;

    /** Nothing is left to say. */
    record Settled() implements UpdateSending {}

    /**
     * An update is, or is about to be, on its way.
     *
     * @param listed what it says
     * @param sent how often it was sent
     * @param dueMs when it is sent (again), or given up
     */
    record Waiting(List<Advertised> listed, int sent, long dueMs) implements UpdateSending {}

    /** It was not confirmed: the correspondent does not follow, and must be reached, and reach us, as before. */
    record Refused(List<Advertised> listed) implements UpdateSending {}

    UpdateSending SETTLED = new Settled();

    /** What is, after a time has come, and whether the update is to be sent now. */
    record Step(UpdateSending next, boolean sends) {}

    /** The local node's locators are these now; what was on its way before is of no interest any more. @param delayMs keeps many updates from leaving at once */
    default UpdateSending tell(List<Advertised> listed, long now, long delayMs) {
        return new Waiting(List.copyOf(listed), 0, now + delayMs);
    }

    default Step at(long now) {
        if (!(this instanceof Waiting waiting) || now < waiting.dueMs()) {
            return new Step(this, false);
        }
        if (waiting.sent() == ATTEMPTS_MAX) {
            return new Step(new Refused(waiting.listed()), false);
        }
        int sent = waiting.sent() + 1;
        return new Step(new Waiting(waiting.listed(), sent, now + sent * STEP_MS), true);
    }

    /** An acknowledgement has come, whose sender has proved who it is. */
    default UpdateSending acknowledged(List<Advertised> confirmed) {
        return acknowledges(confirmed) ? SETTLED : this;
    }

    /** {@link DropReason#NONE} if this is what was waited for: the same locators, in the same order. An update that was not yet sent is not confirmed. */
    default DropReason check(List<Advertised> confirmed) {
        return acknowledges(confirmed) ? DropReason.NONE : DropReason.STALE_ACKNOWLEDGEMENT;
    }

    private boolean acknowledges(List<Advertised> confirmed) {
        return switch (this) {
            case Waiting waiting -> waiting.sent() > 0 && waiting.listed().equals(confirmed);
            case Refused refused -> refused.listed().equals(confirmed);
            case Settled _ -> false;
        };
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.certificate;

import java.util.Map;

/**
 * A signal that travelled in order among the frames between source and destination, and how many frames were before it.
 *
 * @param isSent whether the speaker sent it, or received it
 * @param kind end-marker-inbound, end-marker-outbound, abort, return-end
 * @param origin the gateway that the signal speaks for
 * @param frames of {@link Statement#sent} or {@link Statement#received}, so far
 */
public record Mark(boolean isSent, String kind, String origin, long frames) {
    /** The same signal on its way from one to the other. */
    boolean isSameSignal(Mark other) {
        return kind.equals(other.kind) && origin.equals(other.origin);
    }

    Map<String, Object> json() {
        return Map.of("way", isSent ? "sent" : "received", "kind", kind, "origin", origin, "frames", frames);
    }

    static Mark of(Object json) {
        Fields f = new Fields("mark", json);
        String way = f.text("way");
        if (!way.equals("sent") && !way.equals("received")) {
            throw new CertificateException("mark: a way is sent or received, not '" + way + "'");
        }
        Mark mark = new Mark(way.equals("sent"), f.text("kind"), f.text("origin"), f.number("frames"));
        f.end();
        return mark;
    }

    @Override
    public String toString() {
        return kind + " of " + origin;
    }
}

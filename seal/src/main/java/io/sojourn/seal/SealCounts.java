// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

/** What an endpoint has done since it began; drops are counted by whoever receives their reasons. */
public final class SealCounts {
    long initiations;
    long answered;
    long established;
    long rekeys;

    /** Initiations sent. */
    public long initiations() {
        return initiations;
    }

    /** Initiations of others that were answered with a response. */
    public long answered() {
        return answered;
    }

    /** Sessions that came to be used for sending. */
    public long established() {
        return established;
    }

    /** Those of them that took the place of a session in use. */
    public long rekeys() {
        return rekeys;
    }
}

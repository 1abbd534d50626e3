// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import io.sojourn.wire.AddressTranslation;

/** Swaps the locators of the two ends of one packet, wherever their addresses stand in it; identifiers stay. */
final class LocatorTranslation implements AddressTranslation {
    private long nidA;
    private long fromA;
    private long toA;
    private long nidB;
    private long fromB;
    private long toB;
    private long high;
    private long low;

    void set(long nidA, long fromA, long toA, long nidB, long fromB, long toB) {
        this.nidA = nidA;
        this.fromA = fromA;
        this.toA = toA;
        this.nidB = nidB;
        this.fromB = fromB;
        this.toB = toB;
    }

    @Override
    public boolean find(boolean isV6, long itsHigh, long itsLow) {
        if (!isV6) {
            return false;
        }
        low = itsLow;
        if (itsLow == nidA && itsHigh == fromA) {
            high = toA;
            return true;
        }
        if (itsLow == nidB && itsHigh == fromB) {
            high = toB;
            return true;
        }
        return false;
    }

    @Override
    public long high() {
        return high;
    }

    @Override
    public long low() {
        return low;
    }
}

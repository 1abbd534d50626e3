// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

/** Translates every second address, to its complement, without allocating. */
final class EveryOther implements AddressTranslation {
    private boolean isV6;
    private long high;
    private long low;

    @Override
    public boolean find(boolean isV6, long high, long low) {
        this.isV6 = isV6;
        this.high = high;
        this.low = low;
        return (low & 1) != 0;
    }

    @Override
    public long high() {
        return isV6 ? ~high : 0;
    }

    @Override
    public long low() {
        return isV6 ? ~low : ~low & 0xFFFF_FFFFL;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.model.identity;

import java.util.HexFormat;
import java.util.regex.Pattern;

/** An IEEE 802 MAC address. @param bits the 48 bits, first octet highest */
public record MacAddress(long bits) {
    private static final Pattern TEXT = Pattern.compile("([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}");
    public static final MacAddress BROADCAST = new MacAddress(0xFFFF_FFFF_FFFFL);

    public MacAddress {
        if (bits >>> 48 != 0) {
            throw new IllegalArgumentException("MAC address has more than 48 bits: " + Long.toHexString(bits));
        }
    }

    /** Reads {@code 52:54:00:12:34:56}. */
    public static MacAddress parse(String text) {
        if (!TEXT.matcher(text).matches()) {
            throw new IllegalArgumentException("'" + text + "' is not a MAC address such as 52:54:00:12:34:56");
        }
        return new MacAddress(Long.parseLong(text.replaceAll("[:-]", ""), 16));
    }

    /** True when the group bit is set (multicast and broadcast). */
    public boolean isGroup() {
        return (bits & 0x0100_0000_0000L) != 0;
    }

    public byte[] toBytes() {
        byte[] out = new byte[6];
        for (int i = 0; i < 6; i++) {
            out[i] = (byte) (bits >>> (40 - 8 * i));
        }
        return out;
    }

    @Override
    public String toString() {
        return HexFormat.ofDelimiter(":").formatHex(toBytes());
    }
}

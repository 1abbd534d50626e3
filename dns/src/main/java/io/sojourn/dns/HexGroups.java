// SPDX-License-Identifier: Apache-2.0
package io.sojourn.dns;

import org.xbill.DNS.TextParseException;

/** 64 bits as RFC 6742 writes them: four groups of hexadecimal digits, none of them left out. */
final class HexGroups {
    private HexGroups() {}

    static String format(long bits) {
        return String.format(
                "%04x:%04x:%04x:%04x", bits >>> 48, bits >>> 32 & 0xFFFF, bits >>> 16 & 0xFFFF, bits & 0xFFFF);
    }

    static long parse(String text) throws TextParseException {
        String[] groups = text.split(":", -1);
        if (groups.length != 4) {
            throw new TextParseException("'" + text + "' has not four groups, as in 0014:4fff:ff20:ee64");
        }
        long bits = 0;
        for (String group : groups) {
            if (!group.matches("[0-9a-fA-F]{1,4}")) {
                throw new TextParseException(
                        "'" + group + "' in '" + text + "' is no group of 1 to 4 hexadecimal digits");
            }
            bits = bits << 16 | Integer.parseInt(group, 16);
        }
        return bits;
    }
}

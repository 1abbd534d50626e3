// SPDX-License-Identifier: Apache-2.0
package io.sojourn.model.location;

import java.util.regex.Pattern;

/** The rule for names of places: 1 to 63 of {@code a-z 0-9 -}, as in a DNS label (RFC 1123, 2.1). */
final class Labels {
    private static final Pattern LABEL = Pattern.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");

    private Labels() {}

    static void check(String kind, String name) {
        if (!LABEL.matcher(name).matches()) {
            throw new IllegalArgumentException(
                    kind + " name '" + name + "': use 1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'");
        }
    }
}

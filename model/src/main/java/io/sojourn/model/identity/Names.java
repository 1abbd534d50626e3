// SPDX-License-Identifier: Apache-2.0
package io.sojourn.model.identity;

import java.util.regex.Pattern;

/** The one rule for names that people give to things: 1 to 63 of {@code a-z 0-9 -}, as in a DNS label (RFC 1123, 2.1). */
final class Names {
    private static final Pattern LABEL = Pattern.compile("[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?");

    private Names() {}

    static String label(String kind, String name) {
        if (!LABEL.matcher(name).matches()) {
            throw new IllegalArgumentException(
                    kind + " name '" + name + "': use 1 to 63 of a-z, 0-9 and '-', not starting or ending with '-'");
        }
        return name;
    }
}

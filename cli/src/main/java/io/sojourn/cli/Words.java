// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.util.AbstractMap.SimpleImmutableEntry;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Takes apart options that hold several {@code key=value} pairs. */
final class Words {
    private Words() {}

    /** @throws CommandFailure naming the option and the part that is wrong */
    static List<Map.Entry<String, String>> pairs(String option, String text, List<String> known) {
        List<Map.Entry<String, String>> pairs = new ArrayList<>();
        for (String part : text.split(",")) {
            int equals = part.indexOf('=');
            String key = equals < 0 ? part : part.substring(0, equals);
            if (equals <= 0 || equals == part.length() - 1 || !known.contains(key)) {
                throw CommandFailure.wrongUse(option + " " + text + ": '" + part + "' should be one of "
                        + String.join(", ", known.stream().map(k -> k + "=…").toList()));
            }
            pairs.add(new SimpleImmutableEntry<>(key, part.substring(equals + 1)));
        }
        return pairs;
    }
}

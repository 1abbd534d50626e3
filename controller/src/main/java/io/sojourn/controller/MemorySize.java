// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A guest's memory as QEMU's {@code -m} writes it: {@code 512M}, {@code 2G}; a bare number is MiB. */
final class MemorySize {
    private static final Pattern TEXT = Pattern.compile("(\\d{1,12})\\s*([KMGT]?)(i?B)?");

    private MemorySize() {}

    /** In bytes; empty if it is not one. */
    static Optional<Long> parse(String text) {
        Matcher matcher = TEXT.matcher(text.trim().toUpperCase(Locale.ROOT).replace("IB", "iB"));
        if (!matcher.matches()) {
            return Optional.empty();
        }
        int shift = switch (matcher.group(2)) {
            case "K" -> 10;
            case "G" -> 30;
            case "T" -> 40;
            default -> 20;
        };
        return Optional.of(Long.parseLong(matcher.group(1)) << shift);
    }

    /** Of a VM's launch parameters: {@code memory}, or {@code memory-mb} in MiB. Empty if they do not say. */
    static Optional<Long> of(Map<String, String> parameters) {
        return Optional.ofNullable(parameters.getOrDefault("memory", parameters.get("memory-mb")))
                .flatMap(MemorySize::parse);
    }

    static String show(long bytes) {
        return (bytes >> 20) + " MiB";
    }
}

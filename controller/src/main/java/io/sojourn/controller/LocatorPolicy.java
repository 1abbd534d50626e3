// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.location.Locator64;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Looks at what a person says of locators: which a session is to use, and which nobody is (RFC 6748 section 5). */
final class LocatorPolicy {
    private LocatorPolicy() {}

    /** Null: there are none. @throws RefusalException with the rule that cannot be one */
    static @Nullable List<Resource.LocatorRule> rules(@Nullable List<Resource.LocatorRule> wanted) {
        if (wanted == null) {
            return null;
        }
        return wanted.stream()
                .map(rule -> new Resource.LocatorRule(
                        node("node", rule.node()), node("correspondent", rule.correspondent()), locator(rule.use())))
                .toList();
    }

    /** Null: there are none. @throws RefusalException with the prefix that is no locator */
    static @Nullable List<String> locators(@Nullable List<String> wanted) {
        return wanted == null
                ? null
                : wanted.stream().map(LocatorPolicy::locator).distinct().toList();
    }

    private static @Nullable String node(String key, @Nullable String wanted) {
        if (wanted == null || wanted.isEmpty()) {
            return null;
        }
        try {
            IpAddress address = IpAddress.parse(wanted);
            if (address.isV6()) {
                return address.toString();
            }
        } catch (IllegalArgumentException e) {
            throw RefusalException.invalid("locatorRules: " + key + " '" + wanted + "': " + e.getMessage());
        }
        throw RefusalException.invalid(
                "locatorRules: " + key + " '" + wanted + "': name it by its IPv6 address, as ILNP does");
    }

    private static String locator(@Nullable String wanted) {
        try {
            IpPrefix prefix = IpPrefix.parse(String.valueOf(wanted));
            if (prefix.address().isV6() && prefix.length() == Locator64.BITS) {
                return prefix.toString();
            }
        } catch (IllegalArgumentException e) {
            throw RefusalException.invalid("locator '" + wanted + "': " + e.getMessage());
        }
        throw RefusalException.invalid(
                "locator '" + wanted + "': a locator is an IPv6 prefix of 64 bits, as in fd66:1::/64");
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.dns;

import io.sojourn.model.identity.IpAddress;
import java.util.List;
import java.util.Optional;

/** A VM to be found by name. */
public record NamedVm(String name, List<Address> addresses) {
    /**
     * An address that it can be reached by now.
     *
     * @param place name, relative to the zone, of what it shares its locator with; its locators are the zone's
     */
    public record Address(IpAddress address, Optional<String> place) {}

    public NamedVm {
        addresses = List.copyOf(addresses);
    }
}

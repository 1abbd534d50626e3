// SPDX-License-Identifier: Apache-2.0
package io.sojourn.dns;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/** A zone of two VMs; the first can be anywhere. */
final class Zones {
    static final ZoneSettings SETTINGS =
            ZoneSettings.of("vms.example.net", "", List.of(IpAddress.parse("192.0.2.53")), 5, 3600);

    private static final Map<String, List<IpPrefix>> PLACES = Map.of(
            "tokyo.sites", List.of(IpPrefix.parse("2001:db8:a::/64"), IpPrefix.parse("10.1.2.0/24")),
            "paris.sites", List.of(IpPrefix.parse("2001:db8:b::/64")));

    private Zones() {}

    static Zone tokyo() {
        return with(1, "2001:db8:a:0:14:4fff:ff20:ee64", "tokyo.sites");
    }

    static Zone paris() {
        return with(2, "2001:db8:b:0:14:4fff:ff20:ee64", "paris.sites");
    }

    private static Zone with(long serial, String address, String place) {
        NamedVm web1 = new NamedVm(
                "web1",
                List.of(
                        new NamedVm.Address(IpAddress.parse(address), Optional.of(place)),
                        new NamedVm.Address(IpAddress.parse("10.1.2.10"), Optional.of("tokyo.sites"))));
        NamedVm web2 = new NamedVm("web2", List.of(new NamedVm.Address(IpAddress.parse("10.9.9.9"), Optional.empty())));
        return Zone.of(SETTINGS, serial, List.of(web1, web2), PLACES);
    }

    /** More addresses than 512 octets hold. */
    static Zone crowded() {
        List<NamedVm.Address> many = IntStream.range(1, 60)
                .mapToObj(i -> new NamedVm.Address(IpAddress.v6(0x2001_0DB8_0000_0000L, i), Optional.<String>empty()))
                .toList();
        return Zone.of(SETTINGS, 3, List.of(new NamedVm("web1", many)), Map.of());
    }
}

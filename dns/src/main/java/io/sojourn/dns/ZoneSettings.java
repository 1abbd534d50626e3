// SPDX-License-Identifier: Apache-2.0
package io.sojourn.dns;

import io.sojourn.model.identity.IpAddress;
import java.util.List;
import org.xbill.DNS.Name;
import org.xbill.DNS.TextParseException;

/**
 * What is the same whatever moves.
 *
 * @param origin the zone's name
 * @param nameserver of this server
 * @param nameserverAddresses answered for {@code nameserver} if it is in the zone
 * @param locatorTtlS of what changes with a move: L32, L64, LP, and A and AAAA; 0 to a few seconds
 * @param identifierTtlS of what does not
 */
public record ZoneSettings(
        Name origin, Name nameserver, List<IpAddress> nameserverAddresses, long locatorTtlS, long identifierTtlS) {
    public ZoneSettings {
        nameserverAddresses = List.copyOf(nameserverAddresses);
    }

    /**
     * @param zone such as {@code vms.example.net}
     * @param nameserver whole, or empty: {@code ns} in the zone
     * @throws IllegalArgumentException if one of them is no name
     */
    public static ZoneSettings of(
            String zone, String nameserver, List<IpAddress> addresses, long locatorTtlS, long identifierTtlS) {
        Name origin = absolute(zone);
        return new ZoneSettings(
                origin,
                nameserver.isEmpty() ? absolute("ns." + zone) : absolute(nameserver),
                addresses,
                locatorTtlS,
                identifierTtlS);
    }

    static Name absolute(String text) {
        try {
            return Name.fromString(text, Name.root);
        } catch (TextParseException e) {
            throw new IllegalArgumentException("'" + text + "' is no domain name: " + e.getMessage(), e);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** A site, or any other namespace on the WAN, at run time; only the forwarding thread touches it after its construction. */
final class Place {
    /** Speaks ICMP for a place without an IPv4 prefix: the dummy address of RFC 7600 section 4.8. */
    private static final long DUMMY_ROUTER4 = 0xc000_0008L;

    final String name;
    final PacketDevice device;
    final List<Prefix> prefixes;
    /** The WAN's router as this place sees it: the first address of its first prefix of each family. */
    final long router4;

    final long router6High;
    final long router6Low;
    final boolean hasRouter6;
    boolean down;

    @Nullable
    PcapWriter capture;

    long malformed;
    long noRoute;
    long notUnicast;
    long ttlExpired;
    long tooLong;
    long memoryExhausted;
    long icmpSent;

    Place(String name, PacketDevice device, List<Prefix> prefixes) {
        this.name = name;
        this.device = device;
        this.prefixes = prefixes;
        Prefix v4 = prefixes.stream().filter(Prefix::isIpv4).findFirst().orElse(null);
        Prefix v6 = prefixes.stream().filter(p -> !p.isIpv4()).findFirst().orElse(null);
        router4 = v4 == null ? DUMMY_ROUTER4 : (v4.low() & 0xffff_ffffL) + 1;
        hasRouter6 = v6 != null;
        router6High = v6 == null ? 0 : v6.high();
        router6Low = v6 == null ? 0 : v6.low() + 1;
    }
}

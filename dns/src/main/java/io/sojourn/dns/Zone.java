// SPDX-License-Identifier: Apache-2.0
package io.sojourn.dns;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.xbill.DNS.AAAARecord;
import org.xbill.DNS.ARecord;
import org.xbill.DNS.DClass;
import org.xbill.DNS.NSRecord;
import org.xbill.DNS.Name;
import org.xbill.DNS.NameTooLongException;
import org.xbill.DNS.Record;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.TextParseException;
import org.xbill.DNS.Type;

/**
 * All that is answered at one moment; never changed.
 *
 * <pre>
 *   web1.ORIGIN                     NID, L64, L32, AAAA, A; LP of the places that it is in
 *   subnet-1.blue.networks.ORIGIN   such a place, with its L64 or L32: one record moves all that points at it
 * </pre>
 */
public final class Zone {
    private static final int PREFERENCE = 10;
    /** After a VM's own locators, which say the same sooner. */
    private static final int PREFERENCE_LP = 20;

    private static final int LOCATOR_BITS = 64;
    private static final long REFRESH_S = 3600;
    private static final long RETRY_S = 600;
    private static final long EXPIRE_S = 604_800;

    private final ZoneSettings settings;
    private final SOARecord soa;
    /** Every name that exists, those without records included (RFC 8020: what is between a name and the origin exists). */
    private final SortedMap<Name, List<Record>> names = new TreeMap<>();

    private Zone(ZoneSettings settings, SOARecord soa) {
        this.settings = settings;
        this.soa = soa;
    }

    /**
     * @param serial grows with each change; its lower 32 bits are shown
     * @param places name, relative to the zone, and prefixes: of IPv6 those of /64, of IPv4 any
     */
    public static Zone of(ZoneSettings settings, long serial, List<NamedVm> vms, Map<String, List<IpPrefix>> places) {
        IlnpRecords.register();
        Name origin = settings.origin();
        SOARecord soa = new SOARecord(
                origin,
                DClass.IN,
                settings.identifierTtlS(),
                settings.nameserver(),
                ZoneSettings.absolute("hostmaster." + origin),
                serial & 0xFFFF_FFFFL,
                REFRESH_S,
                RETRY_S,
                EXPIRE_S,
                settings.locatorTtlS()); // what does not exist may exist soon
        Zone zone = new Zone(settings, soa);
        zone.add(soa);
        zone.add(new NSRecord(origin, DClass.IN, settings.identifierTtlS(), settings.nameserver()));
        if (settings.nameserver().subdomain(origin)) {
            settings.nameserverAddresses()
                    .forEach(a -> zone.add(address(settings.nameserver(), settings.identifierTtlS(), a)));
        }
        places.forEach((place, prefixes) -> zone.name(place).ifPresent(owner -> {
            prefixes.forEach(prefix -> zone.locator(owner, prefix).ifPresent(zone::add));
        }));
        vms.forEach(vm -> zone.name(vm.name()).ifPresent(owner -> zone.add(owner, vm, places)));
        return zone;
    }

    private Optional<Name> name(String relative) {
        try {
            return Optional.of(Name.concatenate(Name.fromString(relative), settings.origin()));
        } catch (TextParseException | NameTooLongException e) {
            return Optional.empty(); // of more than 63 octets: it has no name in DNS
        }
    }

    private Optional<Record> locator(Name owner, IpPrefix prefix) {
        long ttl = settings.locatorTtlS();
        IpAddress network = prefix.address();
        if (!network.isV6()) {
            return Optional.of(new L32Record(owner, ttl, PREFERENCE, (int) network.low()));
        }
        return prefix.length() == LOCATOR_BITS
                ? Optional.of(new L64Record(owner, ttl, PREFERENCE, network.high()))
                : Optional.empty();
    }

    private void add(Name owner, NamedVm vm, Map<String, List<IpPrefix>> places) {
        long ttl = settings.locatorTtlS();
        for (NamedVm.Address at : vm.addresses()) {
            IpAddress address = at.address();
            add(address(owner, ttl, address));
            if (address.isV6()) {
                add(new NidRecord(owner, settings.identifierTtlS(), PREFERENCE, address.low()));
                addLocator(owner, address.high());
            } else {
                at.place().map(places::get).stream()
                        .flatMap(List::stream)
                        .filter(prefix -> prefix.contains(address))
                        .findFirst()
                        .flatMap(prefix -> locator(owner, prefix))
                        .ifPresent(this::add);
            }
            at.place()
                    .filter(places::containsKey)
                    .flatMap(this::name)
                    .ifPresent(target -> add(new LpRecord(owner, ttl, PREFERENCE_LP, target)));
        }
    }

    /** Those of an address that is named first are preferred. */
    private void addLocator(Name owner, long bits) {
        List<Record> there = find(owner, Type.L64);
        if (there.stream().noneMatch(record -> record instanceof L64Record known && known.bits() == bits)) {
            add(new L64Record(owner, settings.locatorTtlS(), PREFERENCE * (1 + there.size()), bits));
        }
    }

    private static Record address(Name owner, long ttlS, IpAddress address) {
        try {
            InetAddress inet = InetAddress.getByAddress(address.toBytes());
            return address.isV6()
                    ? new AAAARecord(owner, DClass.IN, ttlS, address.toBytes())
                    : new ARecord(owner, DClass.IN, ttlS, inet);
        } catch (UnknownHostException e) {
            throw new AssertionError("4 or 16 octets are always an address", e);
        }
    }

    private void add(Record record) {
        List<Record> there = names.computeIfAbsent(record.getName(), _ -> new ArrayList<>());
        if (!there.contains(record)) {
            there.add(record);
        }
        Name parent = record.getName();
        while (!parent.equals(settings.origin())) {
            parent = new Name(parent, 1);
            names.computeIfAbsent(parent, _ -> new ArrayList<>());
        }
    }

    public ZoneSettings settings() {
        return settings;
    }

    public SOARecord soa() {
        return soa;
    }

    boolean exists(Name name) {
        return names.containsKey(name);
    }

    /** Empty if there are none. */
    List<Record> find(Name name, int type) {
        return names.getOrDefault(name, List.of()).stream()
                .filter(record -> record.getType() == type)
                .toList();
    }

    /** All names that have records, but the zone's own. */
    SortedMap<Name, List<Record>> hosts() {
        SortedMap<Name, List<Record>> hosts = new TreeMap<>();
        names.forEach((name, records) -> {
            if (!records.isEmpty() && !name.equals(settings.origin()) && !name.equals(settings.nameserver())) {
                hosts.put(name, List.copyOf(records));
            }
        });
        return hosts;
    }
}

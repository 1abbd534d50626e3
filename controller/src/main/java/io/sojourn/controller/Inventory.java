// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.identity.MacAddress;
import io.sojourn.model.identity.NetworkId;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.SiteId;
import io.sojourn.registry.Kind;
import io.sojourn.registry.Write;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What people register: networks, VMs, landing places. Looks at everything before it stores anything; one change at a time. */
final class Inventory {
    private static final int FIRST_VNI = 5001;
    private static final int DEFAULT_MTU = 1500;
    private static final int MIN_MTU = 1280; // RFC 8200, section 5
    private static final int MAX_MTU = 9000;

    static final String OVERLAY = "overlay";
    static final String PAGING = "paging";
    static final String SEGMENT = "segment";
    static final String MAT = "mat";
    static final String ILNP = "ilnp";
    static final String LABEL = "label";
    private static final List<String> MECHANISMS = List.of(OVERLAY, PAGING, SEGMENT, MAT, ILNP, LABEL);

    static final String LOCAL = "local";
    /** Degrees of location transparency (RFC 6748 sections 6.1 to 6.3). */
    private static final List<String> TRANSPARENCIES = List.of("visible", "invisible", LOCAL);

    private final Realm realm;
    private final PageNumbers pageNumbers;
    private final Function<String, Optional<String>> moveOfVm;
    private final Time time;
    private final NewPlace newPlace;

    /** Where a binding is corrected to. */
    interface NewPlace {
        /** Has it take the VM over at once, and tell everybody straight; if it cannot be told, everybody learns it from the table. */
        void takeOver(String gateway, String vm, Epoch epoch);
    }

    /** @param moveOfVm the migration under way of a VM */
    Inventory(Realm realm, Function<String, Optional<String>> moveOfVm, NewPlace newPlace, Time time) {
        this.newPlace = newPlace;
        this.realm = realm;
        this.pageNumbers = new PageNumbers(realm);
        this.moveOfVm = moveOfVm;
        this.time = time;
    }

    // ---- networks

    synchronized Resource.Network createNetwork(Resource.Network wanted) {
        String name = label("name", wanted.name());
        List<Resource.Network> others = realm.networks();
        if (others.stream().anyMatch(n -> n.name().equals(name))) {
            throw new RefusalException(409, "exists", "network '" + name + "' exists already");
        }
        String mechanism = mechanism(wanted.mechanism());
        int mtu = wanted.mtu() == null ? DEFAULT_MTU : wanted.mtu();
        if (mtu < MIN_MTU || mtu > MAX_MTU) {
            throw RefusalException.invalid("mtu " + mtu + ": must be " + MIN_MTU + " to " + MAX_MTU);
        }
        String wrong = Resource.wrongOrdering(wanted.ordering());
        if (wrong != null) {
            throw RefusalException.invalid(wrong);
        }
        Resource.Network network = new Resource.Network(
                name,
                vni(wanted.vni(), others),
                mechanism == null ? OVERLAY : mechanism,
                mtu,
                wanted.isRelaxed() ? Resource.RELAXED : Resource.STRICT,
                transparency(wanted.transparency()),
                pageNumbers.numbered(subnets(wanted.subnets())),
                LocatorPolicy.rules(wanted.locatorRules()),
                LocatorPolicy.locators(wanted.withdrawn()));
        realm.store().commit(List.of(Write.create(Kind.NETWORK, name, Json.write(network))));
        return network;
    }

    /** Null: none is named. */
    private static @Nullable String mechanism(@Nullable String wanted) {
        if (wanted != null && !MECHANISMS.contains(wanted)) {
            throw new RefusalException(
                    422,
                    "mechanism-impossible",
                    "mechanism '" + wanted + "' is not known here: use " + String.join(" or ", MECHANISMS));
        }
        return wanted;
    }

    /** Null: none is named. */
    private static @Nullable String transparency(@Nullable String wanted) {
        if (wanted != null && !TRANSPARENCIES.contains(wanted)) {
            throw RefusalException.invalid(
                    "transparency '" + wanted + "': must be one of " + String.join(", ", TRANSPARENCIES));
        }
        return wanted;
    }

    private static int vni(@Nullable Integer wanted, List<Resource.Network> others) {
        Set<Integer> taken = others.stream().map(Resource.Network::vni).collect(Collectors.toSet());
        if (wanted == null) {
            int free = FIRST_VNI;
            while (taken.contains(free)) {
                free++;
            }
            return free;
        }
        checked("vni", () -> new NetworkId(wanted));
        if (taken.contains(wanted)) {
            throw new RefusalException(
                    409, "vni-taken", "VNI " + wanted + " belongs to another network: take another, or leave it out");
        }
        return wanted;
    }

    private static List<Resource.Subnet> subnets(List<Resource.Subnet> wanted) {
        if (wanted.isEmpty()) {
            throw RefusalException.invalid(
                    "subnets: a network needs at least one, as in {\"prefix\": \"10.10.1.0/24\"}");
        }
        List<Resource.Subnet> subnets = new ArrayList<>();
        List<IpPrefix> prefixes = new ArrayList<>();
        for (Resource.Subnet subnet : wanted) {
            IpPrefix prefix = checked("prefix", () -> IpPrefix.parse(present("prefix", subnet.prefix())));
            for (IpPrefix other : prefixes) {
                if (other.overlaps(prefix)) {
                    throw RefusalException.invalid(
                            "subnets: " + prefix + " overlaps " + other + " in the same network");
                }
            }
            prefixes.add(prefix);
            String wantedGateway = subnet.gateway();
            IpAddress gateway = wantedGateway == null
                    ? firstHost(prefix)
                    : checked("gateway", () -> IpAddress.parse(wantedGateway));
            if (!prefix.contains(gateway)) {
                throw RefusalException.invalid("subnets: gateway " + gateway + " is outside " + prefix);
            }
            String homeSite = subnet.homeSite();
            if (homeSite != null) {
                checked("homeSite", () -> new SiteId(homeSite));
            }
            subnets.add(new Resource.Subnet(prefix.toString(), gateway.toString(), subnet.homeSite(), null));
        }
        return subnets;
    }

    private static IpAddress firstHost(IpPrefix prefix) {
        IpAddress a = prefix.address();
        return new IpAddress(a.isV6(), a.high(), a.low() + 1);
    }

    /**
     * Makes sites known as the next homes of subnets, or their homes.
     *
     * @param wanted each with its prefix and that site
     * @return the revision at which it is so
     */
    synchronized long rehome(String name, List<Resource.Subnet> wanted, boolean isHome) {
        Resource.Network old = realm.network(name).orElseThrow(() -> RefusalException.unknown("network", name));
        Map<String, String> sites = new HashMap<>();
        for (Resource.Subnet subnet : wanted) {
            String site = present("homeSite", subnet.homeSite());
            place(site, null);
            sites.put(
                    checked("prefix", () -> IpPrefix.parse(present("prefix", subnet.prefix())))
                            .toString(),
                    site);
        }
        List<Resource.Subnet> subnets = new ArrayList<>();
        for (Resource.Subnet subnet : old.subnets()) {
            String site = sites.remove(subnet.prefix());
            if (site != null && subnet.homeSite() == null) {
                throw RefusalException.invalid("subnets: " + subnet.prefix() + " has no home, and can get none later");
            }
            subnets.add(
                    site == null || site.equals(subnet.homeSite())
                            ? subnet
                            : isHome ? subnet.at(site) : subnet.onTheWayTo(site));
        }
        if (!sites.isEmpty()) {
            throw RefusalException.invalid("subnets: network '" + name + "' has no " + sites.keySet());
        }
        Resource.Network network = new Resource.Network(
                old.name(),
                old.vni(),
                old.mechanism(),
                old.mtu(),
                old.ordering(),
                old.transparency(),
                List.copyOf(subnets),
                old.locatorRules(),
                old.withdrawn());
        return realm.store().commit(List.of(Write.put(Kind.NETWORK, name, Json.write(network))));
    }

    /** By which locators its sessions go; null: as before. */
    synchronized void useLocators(
            String name, @Nullable List<Resource.LocatorRule> rules, @Nullable List<String> withdrawn) {
        Resource.Network old = realm.network(name).orElseThrow(() -> RefusalException.unknown("network", name));
        Resource.Network network = new Resource.Network(
                old.name(),
                old.vni(),
                old.mechanism(),
                old.mtu(),
                old.ordering(),
                old.transparency(),
                old.subnets(),
                rules == null ? old.locatorRules() : LocatorPolicy.rules(rules),
                withdrawn == null ? old.withdrawn() : LocatorPolicy.locators(withdrawn));
        realm.store().commit(List.of(Write.put(Kind.NETWORK, name, Json.write(network))));
    }

    synchronized void deleteNetwork(String name) {
        if (realm.network(name).isEmpty()) {
            throw RefusalException.unknown("network", name);
        }
        realm.vms().stream()
                .filter(vm -> vm.nics().stream().anyMatch(nic -> nic.network().equals(name)))
                .findFirst()
                .ifPresent(vm -> {
                    throw new RefusalException(
                            409,
                            "network-in-use",
                            "network '" + name + "' is used by VM '" + vm.name() + "': delete that first");
                });
        realm.store().commit(List.of(new Write.Delete(Kind.NETWORK, name)));
    }

    // ---- VMs

    synchronized Resource.Vm createVm(Resource.Vm wanted) {
        String name = label("name", wanted.name());
        if (realm.vm(name).isPresent()) {
            throw new RefusalException(409, "exists", "VM '" + name + "' exists already: 'sojourn vm set' changes it");
        }
        GatewayDocument gateway = place(wanted.site(), wanted.gateway());
        Resource.Vm vm = registered(
                name,
                pageNumbers.numbered(nics(name, wanted.nics()), null),
                wanted.hypervisor(),
                wanted.template(),
                wanted.filling(),
                mechanism(wanted.mechanism()),
                transparency(wanted.transparency()));
        Epoch epoch = realm.store().reserveEpoch(new VmId(name));
        realm.store()
                .commit(List.of(
                        Write.create(Kind.VM, name, Json.write(vm)),
                        new Write.Bind(
                                new Binding(new VmId(name), new GatewayId(gateway.name()), epoch), "registered")));
        return vm;
    }

    private static Resource.Vm registered(
            String name,
            List<Resource.Nic> nics,
            @Nullable String hypervisor,
            @Nullable String template,
            java.util.Map<String, String> parameters,
            @Nullable String mechanism,
            @Nullable String transparency) {
        if (hypervisor != null) {
            checked("hypervisor", () -> HypervisorUri.qmpPath(hypervisor));
        }
        return new Resource.Vm(
                name,
                nics,
                null,
                null,
                hypervisor,
                template,
                parameters,
                mechanism,
                transparency,
                null,
                null,
                null,
                null);
    }

    synchronized Resource.Vm changeVm(String name, Resource.VmChange change) {
        Realm.Stored<Resource.Vm> stored = realm.knownVm(name);
        Resource.Vm old = stored.value();
        refuseWhileMoving(name);
        Resource.Vm vm = registered(
                name,
                pageNumbers.numbered(change.nics() == null ? old.nics() : nics(name, change.nics()), old),
                change.hypervisor() == null ? old.hypervisor() : change.hypervisor(),
                change.template() == null ? old.template() : change.template(),
                change.parameters() == null ? old.filling() : change.parameters(),
                change.mechanism() == null ? old.mechanism() : mechanism(change.mechanism()),
                change.transparency() == null ? old.transparency() : transparency(change.transparency()));
        List<Write> writes = new ArrayList<>();
        writes.add(new Write.Put(Kind.VM, name, Json.write(vm), stored.version()));
        if (change.site() != null || change.gateway() != null) {
            GatewayDocument gateway = place(change.site(), change.gateway());
            boolean isThere = realm.binding(name)
                    .map(b -> b.gateway().name().equals(gateway.name()))
                    .orElse(false);
            if (!isThere) {
                Epoch epoch = realm.store().reserveEpoch(new VmId(name));
                newPlace.takeOver(gateway.name(), name, epoch);
                writes.add(
                        new Write.Bind(new Binding(new VmId(name), new GatewayId(gateway.name()), epoch), "corrected"));
            }
        }
        realm.store().commit(writes);
        return vm;
    }

    synchronized void deleteVm(String name) {
        realm.knownVm(name);
        refuseWhileMoving(name);
        List<Write> writes = new ArrayList<>();
        writes.add(new Write.Delete(Kind.VM, name));
        writes.add(new Write.Unbind(new VmId(name)));
        realm.landings(name)
                .forEach(landing -> writes.add(
                        new Write.Delete(Kind.LANDING, Realm.landingKey(name, String.valueOf(landing.gateway())))));
        realm.store().commit(writes);
    }

    private void refuseWhileMoving(String vm) {
        moveOfVm.apply(vm).ifPresent(id -> {
            throw MovePlanner.underWay(vm, id);
        });
    }

    /** The VM after a move: its hypervisor is the one that received it, its taps are not those of before. */
    static Resource.Vm landed(Resource.Vm vm, Optional<String> qmp) {
        List<Resource.Nic> nics = vm.nics().stream()
                .map(nic -> new Resource.Nic(nic.mac(), nic.network(), nic.addresses(), null, nic.pageNumbers()))
                .toList();
        String hypervisor = qmp.map(HypervisorUri::of).orElse(vm.hypervisor());
        return new Resource.Vm(
                vm.name(),
                nics,
                null,
                null,
                hypervisor,
                vm.template(),
                vm.parameters(),
                vm.mechanism(),
                vm.transparency(),
                null,
                null,
                null,
                null);
    }

    private GatewayDocument place(@Nullable String site, @Nullable String gateway) {
        if (gateway != null) {
            GatewayDocument named = realm.gateway(gateway)
                    .orElseThrow(() -> new RefusalException(
                            422,
                            "unknown-gateway",
                            "no gateway named '" + gateway + "' has attached yet: start it first"));
            if (site != null && !named.site().equals(site)) {
                throw RefusalException.invalid(
                        "gateway '" + gateway + "' is at site '" + named.site() + "', not '" + site + "'");
            }
            return named;
        }
        if (site == null) {
            throw RefusalException.invalid("site or gateway is needed: where the VM runs now");
        }
        List<GatewayDocument> there =
                realm.gateways().stream().filter(g -> g.site().equals(site)).toList();
        if (there.isEmpty()) {
            throw new RefusalException(
                    422,
                    "unknown-site",
                    "no gateway of a site named '" + site
                            + "' has attached yet: start it first, or see 'sojourn site list'");
        }
        if (there.size() > 1) {
            String names = there.stream().map(GatewayDocument::name).collect(Collectors.joining(", "));
            throw new RefusalException(
                    422, "ambiguous-site", "site '" + site + "' has several gateways: name one of " + names);
        }
        return there.getFirst();
    }

    private List<Resource.Nic> nics(String vm, List<Resource.Nic> wanted) {
        if (wanted.isEmpty()) {
            throw RefusalException.invalid("nics: a VM needs at least one interface with mac, network and addresses");
        }
        Set<String> taken = new HashSet<>();
        for (Resource.Vm other : realm.vms()) {
            if (!other.name().equals(vm)) {
                other.nics()
                        .forEach(nic ->
                                claims(nic).forEach(claim -> taken.add(claim + " is VM '" + other.name() + "'")));
            }
        }
        List<Resource.Nic> nics = new ArrayList<>();
        Set<String> own = new HashSet<>();
        for (Resource.Nic nic : wanted) {
            Resource.Nic clean = clean(nic);
            for (String claim : claims(clean)) {
                if (!own.add(claim)) {
                    throw RefusalException.invalid("nics: " + claim + " is given twice");
                }
                taken.stream()
                        .filter(t -> t.startsWith(claim + " is VM "))
                        .findFirst()
                        .ifPresent(t -> {
                            throw new RefusalException(
                                    409,
                                    "address-taken",
                                    t.replace(" is VM ", " belongs to VM ")
                                            + ": an address is one VM's inside a network");
                        });
            }
            nics.add(clean);
        }
        return nics;
    }

    private Resource.Nic clean(Resource.Nic nic) {
        String network = present("network", nic.network());
        if (realm.network(network).isEmpty()) {
            throw new RefusalException(
                    422, "unknown-network", "no network named '" + network + "': 'sojourn network create' makes one");
        }
        MacAddress mac = checked("mac", () -> MacAddress.parse(present("mac", nic.mac())));
        if (mac.isGroup() || mac.bits() == 0) {
            throw RefusalException.invalid("mac " + mac + " is not one interface's own address");
        }
        List<String> addresses = new ArrayList<>();
        for (String text : nic.addresses()) {
            IpAddress address = checked("addresses", () -> IpAddress.parse(text));
            if (address.isLinkScoped()) {
                throw RefusalException.invalid("addresses: " + address + " never leaves its link; leave it out");
            }
            addresses.add(address.toString());
        }
        return new Resource.Nic(mac.toString(), network, addresses, nic.tap(), null);
    }

    private static List<String> claims(Resource.Nic nic) {
        List<String> claims = new ArrayList<>();
        claims.add(nic.mac() + " in network '" + nic.network() + "'");
        nic.addresses().forEach(address -> claims.add(address + " in network '" + nic.network() + "'"));
        return claims;
    }

    // ---- landing places

    synchronized Resource.Landing createLanding(String vm, Resource.Landing wanted) {
        realm.knownVm(vm);
        String qmp = present("qmp", wanted.qmp());
        if (!qmp.startsWith("/")) {
            throw RefusalException.invalid(
                    "qmp '" + qmp + "': write the absolute path of the QMP socket at that gateway");
        }
        GatewayDocument gateway = place(wanted.site(), wanted.gateway());
        Resource.Landing landing = new Resource.Landing(vm, gateway.site(), gateway.name(), qmp, time.now());
        realm.store()
                .commit(List.of(Write.put(Kind.LANDING, Realm.landingKey(vm, gateway.name()), Json.write(landing))));
        return landing;
    }

    synchronized void deleteLanding(String vm, String gateway) {
        realm.knownVm(vm);
        if (realm.landing(vm, gateway).isEmpty()) {
            throw new RefusalException(
                    404, "unknown-landing", "VM '" + vm + "' has no landing place at gateway '" + gateway + "'");
        }
        realm.store().commit(List.of(new Write.Delete(Kind.LANDING, Realm.landingKey(vm, gateway))));
    }

    // ---- form

    private static String label(String field, @Nullable String name) {
        String given = present(field, name);
        try {
            return new VmId(given).name();
        } catch (IllegalArgumentException e) {
            throw RefusalException.invalid(String.valueOf(e.getMessage()).replace("VM name", field));
        }
    }

    private static String present(String field, @Nullable String value) {
        if (value == null || value.isBlank()) {
            throw RefusalException.invalid(field + " is missing");
        }
        return value;
    }

    private interface Parse<T> {
        T parse();
    }

    private static <T> T checked(String field, Parse<T> parse) {
        try {
            return parse.parse();
        } catch (IllegalArgumentException e) {
            throw RefusalException.invalid(field + ": " + e.getMessage());
        }
    }
}

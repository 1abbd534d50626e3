// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.flow.Rule;
import io.sojourn.flow.RuleSet;
import io.sojourn.handoff.Ordering;
import io.sojourn.ilnp.TrafficRule;
import io.sojourn.ilnp.Transparency;
import io.sojourn.mechanism.Page;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.identity.MacAddress;
import io.sojourn.model.identity.NodeIdentifier;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.Locator;
import io.sojourn.model.location.Locator64;
import io.sojourn.model.location.SiteId;
import io.sojourn.rpc.Gateway;
import io.sojourn.rpc.LocatorRule;
import io.sojourn.rpc.Network;
import io.sojourn.rpc.NetworkLocators;
import io.sojourn.rpc.Nic;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.rpc.Vm;
import io.sojourn.seal.PresharedKey;
import it.unimi.dsi.fastutil.ints.Int2ObjectOpenHashMap;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Who is where, as this gateway acts by it: networks, peers and VMs. It follows the controller's table, except where a
 * handoff has put it ahead: of two bindings the higher epoch wins. The forwarder's thread only.
 */
final class ForwardingTable {
    private static final Logger LOG = LoggerFactory.getLogger(ForwardingTable.class);

    /** Told of what a table update changed that somebody must act upon. */
    interface Changes {
        /** Before anything changes in how packets go. */
        default void willChange() {}

        /** The controller's binding of a VM, whenever an update mentions the VM. */
        void tableSays(VmEntry vm, GatewayId gateway, Epoch epoch);

        void networkAdded(VirtualNetwork network);

        void networkRemoved(VirtualNetwork network);

        void vmRemoved(VmEntry vm);
    }

    private final GatewayId self;
    private final SiteId site;
    private final Changes changes;
    private final Map<String, VirtualNetwork> networks = new TreeMap<>();
    private final Int2ObjectOpenHashMap<VirtualNetwork> byVni = new Int2ObjectOpenHashMap<>();
    private final Map<GatewayId, Peer> peers = new TreeMap<>();
    /** The same, for who looks for one at each packet: an iterator would be an object. */
    private Peer[] byName = {};

    private final Map<VmId, VmEntry> vms = new TreeMap<>();
    private Set<IpPrefix> onUnderlay = Set.of();
    private long version;

    /** Prefixes whose hosts are out on the underlay and have no gateway; ours is their way in. */
    void onUnderlay(Set<IpPrefix> prefixes) {
        onUnderlay = Set.copyOf(prefixes);
    }

    ForwardingTable(GatewayId self, SiteId site, Changes changes) {
        this.self = self;
        this.site = site;
        this.changes = changes;
    }

    SiteId site() {
        return site;
    }

    long version() {
        return version;
    }

    @Nullable
    VirtualNetwork network(int vni) {
        return byVni.get(vni);
    }

    @Nullable
    VirtualNetwork network(String name) {
        return networks.get(name);
    }

    Collection<VirtualNetwork> networks() {
        return networks.values();
    }

    @Nullable
    Peer peer(GatewayId id) {
        return peers.get(id);
    }

    Collection<Peer> peers() {
        return peers.values();
    }

    /** By its number in datagrams of relays. */
    @Nullable
    Peer peer(long number) {
        for (Peer peer : byName) {
            if (peer.number == number) {
                return peer;
            }
        }
        return null;
    }

    @Nullable
    VmEntry vm(VmId id) {
        return vms.get(id);
    }

    Collection<VmEntry> vms() {
        return vms.values();
    }

    GatewayId self() {
        return self;
    }

    /** The gateway that answers for a site's unregistered hosts: the first by name. Null when the site is ours or unknown. */
    @Nullable
    Peer gatewayOf(String homeSite) {
        for (Peer peer : byName) {
            if (peer.site.name().equals(homeSite)) {
                return peer;
            }
        }
        return null;
    }

    /** Whether its unregistered hosts are at our own site, or may be. */
    boolean isHere(VirtualNetwork.Subnet subnet) {
        return isOwnSite(subnet.homeSite()) || isOwnSite(subnet.nextSite());
    }

    boolean isOwnSite(String homeSite) {
        return site.name().equals(homeSite);
    }

    /** Something else than an update or a binding is about to change how packets to a VM, or from it, go. */
    void willChange(VmEntry vm) {
        changes.willChange();
        unsettle(vm);
    }

    /** The peer of a {@link NextHop} that is known. */
    Peer peerOf(long hop) {
        return byName[NextHop.peer(hop)];
    }

    /** Nothing but its binding says by now how packets to a VM go, if it is elsewhere. */
    void settle(VmEntry vm) {
        Peer route = vm.route;
        boolean byBinding =
                !vm.local && !vm.onMove && vm.keeping == Whereabouts.Keeping.NOTHING && vm.routeEpoch == vm.boundEpoch;
        putNextHop(vm, byBinding && route != null ? NextHop.of(route.index, vm.routeEpoch) : NextHop.NONE);
    }

    /** Whatever of a VM is about to change has to be asked of it again, until it has been settled. */
    void unsettle(VmEntry vm) {
        putNextHop(vm, NextHop.NONE);
    }

    private static void putNextHop(VmEntry vm, long hop) {
        for (int i = 0; i < vm.nics.size(); i++) {
            VmEntry.Nic nic = vm.nics.get(i);
            for (int j = 0; j < nic.addresses().size(); j++) {
                IpAddress a = nic.addresses().get(j);
                nic.network().vmByAddress.nextHop(a.isV6(), a.high(), a.low(), vm, hop);
            }
        }
    }

    void apply(TableUpdate update) {
        changes.willChange();
        if (update.getWhole()) {
            removeWhatIsNotIn(update);
        }
        update.getRemovedVmsList().forEach(name -> removeVm(new VmId(name)));
        update.getRemovedNetworksList().forEach(this::removeNetwork);
        update.getRemovedGatewaysList().forEach(name -> peers.remove(new GatewayId(name)));
        update.getGatewaysList().forEach(this::putGateway);
        byName = peers.values().toArray(Peer[]::new);
        for (int i = 0; i < byName.length; i++) {
            byName[i].index = i;
        }
        update.getNetworksList().forEach(this::putNetwork);
        update.getVmsList().forEach(this::putVm);
        version = update.getVersion();
        if (update.getGatewaysCount() + update.getRemovedGatewaysCount() > 0 || update.getWhole()) {
            vms.values().forEach(this::renewRoute);
            vms.values().forEach(this::settle);
        }
    }

    /** Gateways may have come, gone or moved. Whom packets go to stays: while a handoff redirects them, that is not whom the binding names. */
    private void renewRoute(VmEntry vm) {
        Peer route = vm.route;
        if (vm.local) {
            return;
        }
        if (route != null) {
            vm.route = peers.get(route.id);
        } else if (!vm.gateway.equals(self)) {
            resolveRoute(vm);
        }
    }

    private void removeWhatIsNotIn(TableUpdate update) {
        Set<String> keep = new HashSet<>();
        update.getVmsList().forEach(vm -> keep.add(vm.getName()));
        List.copyOf(vms.keySet()).stream()
                .filter(id -> !keep.contains(id.name()))
                .forEach(this::removeVm);
        keep.clear();
        update.getNetworksList().forEach(network -> keep.add(network.getName()));
        List.copyOf(networks.keySet()).stream()
                .filter(name -> !keep.contains(name))
                .forEach(this::removeNetwork);
        keep.clear();
        update.getGatewaysList().forEach(gateway -> keep.add(gateway.getName()));
        peers.keySet().removeIf(id -> !keep.contains(id.name()));
    }

    private void putGateway(Gateway gateway) {
        GatewayId id = new GatewayId(gateway.getName());
        if (id.equals(self)) {
            return;
        }
        Locator locator = Locator.parse(gateway.getLocator());
        Peer known = peers.get(id);
        if (known == null || !known.locator.equals(locator)) {
            known = new Peer(id, new SiteId(gateway.getSite()), locator);
            peers.put(id, known);
        }
        known.sealKey = gateway.getSealKey();
        known.egress = gateway.getEgress();
        known.page = page(gateway, gateway.getPage4(), gateway.getPage6());
        known.otherPages = gateway.getOtherPagesList().stream()
                .map(other -> page(gateway, other.getV4(), other.getV6()))
                .toList();
        known.segments = Map.copyOf(gateway.getSegmentsMap());
        known.locators = prefixes(gateway.getLocatorsList());
        known.routed = prefixes(gateway.getRoutedList());
        known.locatorsDown = gateway.getLocatorsList().stream()
                .flatMap(l -> l.getDownList().stream())
                .map(IpPrefix::parse)
                .collect(Collectors.toUnmodifiableSet());
        known.borders = gateway.getLocatorsList().stream()
                .filter(l -> !l.getBorder().isEmpty())
                .collect(Collectors.toMap(
                        NetworkLocators::getNetwork, l -> new GatewayId(l.getBorder()), (one, again) -> one));
        known.preshared = gateway.getPresharedList().stream()
                .filter(k -> k.getKey().size() == PresharedKey.BYTES)
                .map(k -> new PresharedKey(k.getGeneration(), k.getKey().toByteArray()))
                .toList();
    }

    private static Map<String, List<IpPrefix>> prefixes(List<NetworkLocators> ofNetworks) {
        Map<String, List<IpPrefix>> prefixes = new TreeMap<>();
        ofNetworks.forEach(l -> prefixes.put(
                l.getNetwork(),
                l.getPrefixesList().stream().map(IpPrefix::parse).toList()));
        return prefixes;
    }

    private static Optional<Transparency> transparency(String word) {
        return Arrays.stream(Transparency.values())
                .filter(known -> known.name().equalsIgnoreCase(word))
                .findFirst();
    }

    private static TrafficRule rule(LocatorRule rule) {
        return new TrafficRule(
                node(rule.getNode()),
                node(rule.getCorrespondent()),
                rule.getCorrespondent().isEmpty()
                        ? Optional.empty()
                        : Optional.of(new Locator64(
                                IpAddress.parse(rule.getCorrespondent()).high())),
                new Locator64(IpPrefix.parse(rule.getUse()).address().high()));
    }

    private static Optional<NodeIdentifier> node(String address) {
        return address.isEmpty() ? Optional.empty() : Optional.of(NodeIdentifier.of(IpAddress.parse(address)));
    }

    private static Page page(Gateway gateway, String v4, String v6) {
        try {
            return Page.parse(v4, v6);
        } catch (IllegalArgumentException e) {
            LOG.warn("gateway {}: {}", gateway.getName(), e.getMessage());
            return Page.NONE;
        }
    }

    private void putNetwork(Network network) {
        VirtualNetwork entry = networks.get(network.getName());
        boolean isNew = entry == null;
        if (entry == null) {
            entry = new VirtualNetwork(network.getName(), network.getVni(), 1500);
            networks.put(network.getName(), entry);
            byVni.put(network.getVni(), entry);
        }
        entry.mtuBytes = network.getMtu() == 0 ? 1500 : network.getMtu();
        entry.ordering = Ordering.parse(network.getOrdering());
        entry.mechanism = network.getMechanism();
        boolean otherRules = !entry.rules.equals(network.getRulesList());
        entry.rules = List.copyOf(network.getRulesList());
        entry.withdrawn =
                network.getWithdrawnList().stream().map(IpPrefix::parse).collect(Collectors.toUnmodifiableSet());
        entry.locatorRules = network.getLocatorRulesList().stream()
                .map(ForwardingTable::rule)
                .toList();
        entry.transparency = transparency(network.getTransparency()).orElse(Transparency.VISIBLE);
        entry.subnets(network.getSubnetsList().stream()
                .map(s -> new VirtualNetwork.Subnet(
                        IpPrefix.parse(s.getPrefix()),
                        IpAddress.parse(s.getGatewayAddress()),
                        s.getHomeSite(),
                        s.getPageNumber(),
                        s.getHomeEpoch(),
                        s.getNextSite(),
                        isOwnSite(s.getHomeSite()) && onUnderlay.contains(IpPrefix.parse(s.getPrefix()))))
                .sorted(Comparator.comparingInt(s -> -s.prefix().length()))
                .toList());
        if (otherRules) {
            VirtualNetwork changed = entry;
            vms.values().stream()
                    .filter(vm -> vm.nics.stream().anyMatch(nic -> nic.network() == changed))
                    .forEach(ForwardingTable::renewRules);
        }
        if (isNew) {
            changes.networkAdded(entry);
        }
    }

    private void putVm(Vm vm) {
        VmId id = new VmId(vm.getName());
        GatewayId gateway = new GatewayId(vm.getGateway());
        Epoch epoch = new Epoch(vm.getEpoch());
        VmEntry entry = vms.get(id);
        if (entry == null) {
            entry = new VmEntry(id, List.of(), gateway, Epoch.NONE);
            vms.put(id, entry);
        }
        entry.mechanism = vm.getMechanism();
        entry.transparency = transparency(vm.getTransparency());
        entry.ownRules = List.copyOf(vm.getRulesList());
        entry.floating = List.copyOf(vm.getFloatingList());
        replaceNics(entry, nics(vm));
        renewRules(entry);
        // First the machines: what they do with it may differ from what a table would.
        changes.tableSays(entry, gateway, epoch);
        if (epoch.isAfter(entry.epoch)) {
            bind(entry, gateway, epoch);
        } else {
            settle(entry);
        }
    }

    private static void renewRules(VmEntry vm) {
        Set<String> lines = new LinkedHashSet<>(vm.ownRules);
        vm.nics.forEach(nic -> lines.addAll(nic.network().rules));
        vm.guardedSinceNs = vm.guarded() ? vm.guardedSinceNs : System.nanoTime();
        vm.rules = lines.isEmpty()
                ? RuleSet.NONE
                : new RuleSet(lines.stream().map(ForwardingTable::securityRule).toList());
    }

    private static Rule securityRule(String line) {
        try {
            return Rule.parse(line);
        } catch (IllegalArgumentException e) {
            LOG.error("{}; nothing may begin from outside until that is mended", e.getMessage());
            return Rule.parse("in deny any");
        }
    }

    /** Makes a binding the one that this gateway acts by. The caller has made sure that the epoch is the highest seen. */
    void bind(VmEntry vm, GatewayId gateway, Epoch epoch) {
        changes.willChange();
        if (!gateway.equals(vm.gateway)) {
            vm.cameFrom = vm.gateway;
            vm.movedNs = System.nanoTime();
        }
        vm.gateway = gateway;
        vm.epoch = epoch;
        vm.boundEpoch = epoch.number();
        vm.highestEpoch = Math.max(vm.highestEpoch, epoch.number());
        vm.local = gateway.equals(self);
        vm.tombstone = vm.local ? null : vm.tombstone;
        vm.routeEpoch = epoch.number();
        resolveRoute(vm);
        settle(vm);
    }

    private void resolveRoute(VmEntry vm) {
        if (!vm.local) {
            Peer peer = peers.get(vm.gateway);
            if (peer == null && vms.get(vm.id) == vm) { // a rehearsal's VM is in no table, nor are its gateways
                LOG.warn("VM {}: gateway {} of its binding is not in the table", vm.id, vm.gateway);
            }
            vm.route = peer;
        }
    }

    /** The NICs of a VM as the controller describes it; a NIC in a network that is not in the table is left out, and said. */
    List<VmEntry.Nic> nics(Vm vm) {
        List<VmEntry.Nic> out = new ArrayList<>();
        for (Nic nic : vm.getNicsList()) {
            VirtualNetwork network = networks.get(nic.getNetwork());
            if (network == null) {
                LOG.warn("VM {}: network {} is not in the table", vm.getName(), nic.getNetwork());
                continue;
            }
            out.add(new VmEntry.Nic(
                    MacAddress.parse(nic.getMac()).bits(),
                    network,
                    nic.getAddressesList().stream().map(IpAddress::parse).toList(),
                    nic.getTap(),
                    List.copyOf(nic.getPageNumbersList())));
        }
        return List.copyOf(out);
    }

    private static void replaceNics(VmEntry vm, List<VmEntry.Nic> nics) {
        unindex(vm);
        vm.nics = nics;
        for (VmEntry.Nic nic : nics) {
            nic.network().vmByMac.put(nic.mac(), vm);
            for (IpAddress a : nic.addresses()) {
                nic.network().vmByAddress.put(a.isV6(), a.high(), a.low(), nic.mac(), vm);
            }
        }
    }

    private static void unindex(VmEntry vm) {
        for (VmEntry.Nic nic : vm.nics) {
            nic.network().vmByMac.remove(nic.mac());
            for (IpAddress a : nic.addresses()) {
                nic.network().vmByAddress.remove(a.isV6(), a.high(), a.low(), vm);
            }
        }
    }

    private void removeVm(VmId id) {
        VmEntry vm = vms.remove(id);
        if (vm != null) {
            unindex(vm);
            changes.vmRemoved(vm);
        }
    }

    private void removeNetwork(String name) {
        VirtualNetwork network = networks.remove(name);
        if (network != null) {
            byVni.remove(network.vni);
            changes.networkRemoved(network);
        }
    }
}

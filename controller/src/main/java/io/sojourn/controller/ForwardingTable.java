// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.model.binding.Binding;
import io.sojourn.registry.BindingStore;
import io.sojourn.registry.BindingText;
import io.sojourn.registry.Change;
import io.sojourn.registry.Commit;
import io.sojourn.rpc.Floating;
import io.sojourn.rpc.Gateway;
import io.sojourn.rpc.LocatorRule;
import io.sojourn.rpc.Network;
import io.sojourn.rpc.NetworkLocators;
import io.sojourn.rpc.Nic;
import io.sojourn.rpc.Subnet;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.rpc.UplinkPage;
import io.sojourn.rpc.Vm;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The table that gateways forward by, and what changed in it since any version. Versions are revisions of the registry.
 *
 * <p>A slow gateway costs nothing: it is sent the difference between what it has and what is, whenever it can take it.
 */
final class ForwardingTable implements BindingStore.Listener, AutoCloseable {
    /** @param value null: removed at this version */
    private record Versioned<T>(long version, @Nullable T value) {}

    private static final Logger log = LoggerFactory.getLogger(ForwardingTable.class);

    private final Realm realm;
    private final Map<String, Versioned<Network>> networks = new TreeMap<>();
    private final Map<String, Versioned<Gateway>> gateways = new TreeMap<>();
    private final Map<String, Versioned<Vm>> vms = new TreeMap<>();
    private final Map<String, Resource.Vm> registered = new TreeMap<>();
    private final Map<String, Binding> bound = new TreeMap<>();
    private final Map<String, Resource.Policy> policies = new TreeMap<>();
    private final Map<String, Resource.Network> told = new TreeMap<>();
    private Optional<PresharedKeys.Secrets> preshared = Optional.empty();
    private final List<Runnable> wakeOnChange = new CopyOnWriteArrayList<>();
    private long version;
    private BindingStore.@Nullable Watch watch;

    ForwardingTable(Realm realm) {
        this.realm = realm;
    }

    void start() {
        long revision = realm.store().revision();
        load(revision);
        watch = realm.store().watch(revision, this);
    }

    private synchronized void load(long revision) {
        policies.clear();
        new Policies(realm).all().forEach(p -> policies.put(String.valueOf(p.of()), p));
        told.clear();
        realm.networks().forEach(n -> {
            told.put(n.name(), n);
            refreshNetwork(n.name(), revision);
        });
        preshared = PresharedKeys.Secrets.of(realm);
        realm.gateways().forEach(g -> put(gateways, g.name(), revision, message(g)));
        registered.clear();
        realm.vms().forEach(vm -> registered.put(vm.name(), vm));
        bound.clear();
        realm.store().bindings().forEach(b -> bound.put(b.vm().name(), b));
        registered.keySet().forEach(name -> refreshVm(name, revision));
        version = Math.max(version, revision);
    }

    private static <T> void put(Map<String, Versioned<T>> map, String key, long version, @Nullable T value) {
        map.put(key, new Versioned<>(version, value));
    }

    @Override
    public void committed(Commit commit) {
        boolean changed = false;
        synchronized (this) {
            for (Change change : commit.changes()) {
                changed |= take(change, commit.revision());
            }
            if (changed) {
                version = commit.revision();
            }
        }
        if (changed) {
            wakeOnChange.forEach(Runnable::run);
        }
    }

    private boolean take(Change change, long revision) {
        String key = change.key();
        Optional<String> value = change.value();
        switch (change.kind()) {
            case NETWORK -> {
                value.ifPresentOrElse(v -> told.put(key, Json.read(v, Resource.Network.class)), () -> told.remove(key));
                refreshNetwork(key, revision);
            }
            case POLICY -> {
                policies.put(key, Policies.read(value));
                String name = key.substring(key.indexOf('/') + 1);
                if (key.equals(Policies.ofVm(name))) {
                    refreshVm(name, revision);
                } else {
                    refreshNetwork(name, revision);
                }
            }
            case GATEWAY ->
                put(
                        gateways,
                        key,
                        revision,
                        value.map(v -> message(Json.read(v, GatewayDocument.class)))
                                .orElse(null));
            case VM -> {
                value.ifPresentOrElse(
                        v -> registered.put(key, Json.read(v, Resource.Vm.class)), () -> registered.remove(key));
                refreshVm(key, revision);
            }
            case BINDING -> {
                value.ifPresentOrElse(v -> bound.put(key, BindingText.parse(key, v)), () -> bound.remove(key));
                refreshVm(key, revision);
            }
            case SECRET -> {
                if (!key.equals(PresharedKeys.KEY)) {
                    return false;
                }
                preshared = value.map(v -> Json.read(v, PresharedKeys.Secrets.class));
                gateways.replaceAll((name, g) -> new Versioned<>(revision, g.value()));
            }
            case SITE, LANDING, MIGRATION, NOTICE, CERTIFICATE, SIGNING_KEY -> {
                return false;
            }
        }
        return true;
    }

    private Resource.Policy policy(String key) {
        return policies.getOrDefault(key, Resource.Policy.NONE);
    }

    private void refreshNetwork(String name, long revision) {
        Resource.Network network = told.get(name);
        if (network != null) {
            put(
                    networks,
                    name,
                    revision,
                    message(network).toBuilder()
                            .addAllRules(policy(Policies.ofNetwork(name)).lines())
                            .build());
        } else if (networks.containsKey(name)) {
            put(networks, name, revision, null);
        }
    }

    private Vm withPolicy(Vm vm) {
        Resource.Policy policy = policy(Policies.ofVm(vm.getName()));
        Vm.Builder message = vm.toBuilder().addAllRules(policy.lines());
        for (Resource.Floating floating : policy.addresses()) {
            message.addFloating(Floating.newBuilder()
                    .setAddress(floating.address())
                    .setNetwork(floating.network() == null ? "" : floating.network())
                    .setTo(floating.to() == null ? "" : floating.to())
                    .addAllPorts(floating.ports()));
        }
        return message.build();
    }

    private void refreshVm(String name, long revision) {
        Resource.Vm vm = registered.get(name);
        Binding binding = bound.get(name);
        if (vm != null && binding != null) {
            put(
                    vms,
                    name,
                    revision,
                    withPolicy(message(
                            vm, binding.gateway().name(), binding.epoch().number())));
        } else if (vms.containsKey(name)) {
            put(vms, name, revision, null);
        }
    }

    @Override
    public void compacted(long nowAt) {
        log.warn("the forwarding table fell behind the registry: read again at revision {}", nowAt);
        synchronized (this) {
            networks.clear();
            gateways.clear();
            vms.clear();
            oldest = nowAt;
            load(nowAt);
        }
        wakeOnChange.forEach(Runnable::run);
    }

    /** Differences from before this version cannot be told. */
    private long oldest;

    synchronized long version() {
        return version;
    }

    void wakeOnChange(Runnable wake) {
        wakeOnChange.add(wake);
    }

    void forget(Runnable wake) {
        wakeOnChange.remove(wake);
    }

    /** What the gateway {@code to}, which has a version, needs; empty if it is up to date. @param has -1: nothing yet, send everything */
    synchronized Optional<TableUpdate> since(long has, String to) {
        if (has == version && has >= 0) {
            return Optional.empty();
        }
        boolean whole = has < oldest || has < 0;
        long after = whole ? -1 : has;
        TableUpdate.Builder update =
                TableUpdate.newBuilder().setVersion(version).setWhole(whole);
        networks.forEach((name, v) -> {
            if (v.version() > after && v.value() != null) {
                update.addNetworks(v.value());
            } else if (v.version() > after && !whole) {
                update.addRemovedNetworks(name);
            }
        });
        gateways.forEach((name, v) -> {
            if (v.version() > after && v.value() != null) {
                update.addGateways(withKeys(v.value(), to));
            } else if (v.version() > after && !whole) {
                update.addRemovedGateways(name);
            }
        });
        vms.forEach((name, v) -> {
            if (v.version() > after && v.value() != null) {
                update.addVms(v.value());
            } else if (v.version() > after && !whole) {
                update.addRemovedVms(name);
            }
        });
        return Optional.of(update.build());
    }

    private Gateway withKeys(Gateway gateway, String to) {
        if (preshared.isEmpty() || gateway.getName().equals(to)) {
            return gateway;
        }
        return gateway.toBuilder()
                .addAllPreshared(preshared.get().between(gateway.getName(), to))
                .build();
    }

    private static Network message(Resource.Network n) {
        Network.Builder message = Network.newBuilder()
                .setName(n.name())
                .setVni(n.vni() == null ? 0 : n.vni())
                .setMechanism(n.mechanism() == null ? "overlay" : n.mechanism())
                .setMtu(n.mtu() == null ? 0 : n.mtu())
                .setOrdering(n.isRelaxed() ? Resource.RELAXED : Resource.STRICT)
                .setTransparency(n.transparency() == null ? "" : n.transparency())
                .addAllWithdrawn(n.withdrawn() == null ? List.of() : n.withdrawn());
        for (Resource.LocatorRule rule : n.rules()) {
            message.addLocatorRules(LocatorRule.newBuilder()
                    .setNode(rule.node() == null ? "" : rule.node())
                    .setCorrespondent(rule.correspondent() == null ? "" : rule.correspondent())
                    .setUse(rule.use()));
        }
        for (Resource.Subnet subnet : n.subnets()) {
            message.addSubnets(Subnet.newBuilder()
                    .setPrefix(subnet.prefix())
                    .setGatewayAddress(subnet.gateway() == null ? "" : subnet.gateway())
                    .setHomeSite(subnet.homeSite() == null ? "" : subnet.homeSite())
                    .setPageNumber(subnet.pageNumber() == null ? 0 : subnet.pageNumber())
                    .setHomeEpoch(subnet.homeEpoch() == null ? 0 : subnet.homeEpoch())
                    .setNextSite(subnet.nextSite() == null ? "" : subnet.nextSite()));
        }
        return message.build();
    }

    private static Gateway message(GatewayDocument g) {
        return Gateway.newBuilder()
                .setName(g.name())
                .setSite(g.site())
                .setLocator(g.locator())
                .setConnected(g.connected())
                .setSealKey(g.sealKey() == null ? "" : g.sealKey())
                .setPage4(g.page4() == null ? "" : g.page4())
                .setPage6(g.page6() == null ? "" : g.page6())
                .setEgress(g.hasEgress())
                .putAllSegments(g.segments() == null ? Map.of() : g.segments())
                .addAllOtherPages(others(g))
                .addAllLocators((g.locators() == null ? Map.<String, List<String>>of() : g.locators())
                        .entrySet().stream()
                                .map(l -> NetworkLocators.newBuilder()
                                        .setNetwork(l.getKey())
                                        .addAllPrefixes(l.getValue())
                                        .addAllDown(l.getValue().stream()
                                                .filter(g::isDown)
                                                .toList())
                                        .setBorder(
                                                g.borderIn(l.getKey()).equals(g.name()) ? "" : g.borderIn(l.getKey()))
                                        .build())
                                .toList())
                .addAllRouted(prefixes(g.routed()))
                .build();
    }

    private static List<NetworkLocators> prefixes(@Nullable Map<String, List<String>> ofNetworks) {
        return (ofNetworks == null ? Map.<String, List<String>>of() : ofNetworks)
                .entrySet().stream()
                        .map(l -> NetworkLocators.newBuilder()
                                .setNetwork(l.getKey())
                                .addAllPrefixes(l.getValue())
                                .build())
                        .toList();
    }

    private static List<UplinkPage> others(GatewayDocument g) {
        List<GatewayDocument.UplinkPage> pages = g.otherPages() == null ? List.of() : g.otherPages();
        return pages.stream()
                .map(page -> UplinkPage.newBuilder()
                        .setV4(page.v4())
                        .setV6(page.v6())
                        .build())
                .toList();
    }

    static Vm message(Resource.Vm vm, String gateway, long epoch) {
        Vm.Builder message = Vm.newBuilder()
                .setName(vm.name())
                .setGateway(gateway)
                .setEpoch(epoch)
                .setQmp(vm.qmp())
                .setTemplate(vm.template() == null ? "" : vm.template())
                .putAllParameters(vm.filling())
                .setMechanism(vm.mechanism() == null ? "" : vm.mechanism())
                .setTransparency(vm.transparency() == null ? "" : vm.transparency());
        for (Resource.Nic nic : vm.nics()) {
            message.addNics(Nic.newBuilder()
                    .setMac(nic.mac())
                    .setNetwork(nic.network())
                    .addAllAddresses(nic.addresses())
                    .setTap(nic.tap() == null ? "" : nic.tap())
                    .addAllPageNumbers(nic.numbers()));
        }
        return message.build();
    }

    @Override
    public void close() {
        if (watch != null) {
            watch.close();
        }
    }
}

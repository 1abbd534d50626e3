// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.dns.DnsServer;
import io.sojourn.dns.NamedVm;
import io.sojourn.dns.OutsideServer;
import io.sojourn.dns.Responder;
import io.sojourn.dns.Zone;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * VMs by name: {@code web1.ZONE} for each, and {@code subnet-1.blue.networks.ZONE} for the first subnet of network blue, with that subnet's locator, where its VMs point. A zone is made of
 * the registry when one is asked for and something has changed since the last.
 */
final class Names implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(Names.class);
    private static final int AGAIN_S = 5;

    private record Dated(long version, Zone zone) {}

    private final Realm realm;
    private final ForwardingTable table;
    private final DnsConfig config;
    private final ScheduledExecutorService publishing = Executors.newSingleThreadScheduledExecutor(
            Thread.ofPlatform().daemon().name("dns-publish").factory());
    private final AtomicBoolean due = new AtomicBoolean();
    private final Runnable wake = this::publishSoon;
    private @Nullable DnsServer server;
    private volatile @Nullable Dated last;
    private String lastProblem = "";

    Names(Realm realm, ForwardingTable table, DnsConfig config) {
        this.realm = realm;
        this.table = table;
        this.config = config;
    }

    /** @return the port that it answers at; 0: it only publishes @throws ConfigException if it cannot listen */
    int start() {
        config.outside().ifPresent(outside -> {
            table.wakeOnChange(wake);
            publishSoon();
            var _ = publishing.scheduleWithFixedDelay(() -> publish(outside), AGAIN_S, AGAIN_S, TimeUnit.SECONDS);
        });
        if (config.listen().isEmpty()) {
            return 0;
        }
        var address = config.listen().get();
        try {
            DnsServer started = DnsServer.start(new Responder(this::zone, config.nsid()), address);
            server = started;
            return started.port();
        } catch (IOException e) {
            throw new ConfigException(
                    "cannot listen on " + address.getHostString() + ":" + address.getPort() + " by UDP and TCP ("
                            + e.getMessage() + "): stop what has that port, or change 'dns.listen' in controller.yaml",
                    e);
        }
    }

    private void publishSoon() {
        if (!due.compareAndSet(false, true)) {
            return;
        }
        try {
            publishing.execute(() -> {
                due.set(false);
                config.outside().ifPresent(this::publish);
            });
        } catch (RejectedExecutionException e) {
            // we are ending, and so is whoever wakes us
        }
    }

    private void publish(OutsideServer outside) {
        try {
            String problem = outside.publish(zone()).orElse("");
            if (!problem.equals(lastProblem)) {
                lastProblem = problem;
                if (problem.isEmpty()) {
                    log.info("dns: the names at the outside server are up to date again");
                } else {
                    log.warn("dns: {}; tried again every {} s", problem, AGAIN_S);
                }
            }
        } catch (RuntimeException e) {
            log.warn("dns: publishing failed", e);
        }
    }

    Zone zone() {
        long version = table.version();
        Dated known = last;
        if (known != null && known.version() == version) {
            return known.zone();
        }
        Zone made = make(version);
        last = new Dated(version, made);
        return made;
    }

    private Zone make(long version) {
        Map<String, List<IpPrefix>> places = new LinkedHashMap<>();
        Map<String, List<String>> placesOfNetworks = new LinkedHashMap<>();
        for (Resource.Network network : realm.networks()) {
            List<String> names = new ArrayList<>();
            for (Resource.Subnet subnet : network.subnets()) {
                String name = "subnet-" + (names.size() + 1) + "." + network.name() + ".networks";
                names.add(name);
                places.put(name, List.of(IpPrefix.parse(subnet.prefix())));
            }
            placesOfNetworks.put(network.name(), names);
        }
        for (GatewayDocument gateway : realm.gateways()) {
            for (String network : placesOfNetworks.keySet()) {
                List<IpPrefix> locators = locators(gateway, network);
                if (!locators.isEmpty()) {
                    places.put(place(gateway, network), locators);
                }
            }
        }
        List<NamedVm> vms = new ArrayList<>();
        for (Resource.Vm vm : realm.vms()) {
            List<NamedVm.Address> addresses = new ArrayList<>();
            for (Resource.Nic nic : vm.nics()) {
                List<String> near = placesOfNetworks.getOrDefault(nic.network(), List.of());
                Optional<GatewayDocument> border = border(vm, nic.network());
                for (String text : nic.addresses()) {
                    IpAddress address = IpAddress.parse(text);
                    if (address.isV6() && border.isPresent()) {
                        // Outside it is known by where it is; its address inside leads nowhere there.
                        String place = place(border.get(), nic.network());
                        locators(border.get(), nic.network())
                                .forEach(locator -> addresses.add(new NamedVm.Address(
                                        new IpAddress(true, locator.address().high(), address.low()),
                                        Optional.of(place))));
                        continue;
                    }
                    Optional<String> place = near.stream()
                            .filter(name -> places.getOrDefault(name, List.of()).stream()
                                    .anyMatch(prefix -> prefix.contains(address)))
                            .findFirst();
                    addresses.add(new NamedVm.Address(address, place));
                }
            }
            vms.add(new NamedVm(vm.name(), addresses));
        }
        return Zone.of(config.zone(), version, vms, places);
    }

    /** The gateway by whose locators the VM is reached in that network; empty: by none. */
    private Optional<GatewayDocument> border(Resource.Vm vm, String network) {
        String mechanism = vm.mechanism() == null
                ? realm.network(network).map(Resource.Network::mechanism).orElse("")
                : vm.mechanism();
        if (!Inventory.ILNP.equals(mechanism)) {
            return Optional.empty();
        }
        return realm.binding(vm.name())
                .flatMap(binding -> realm.gateway(binding.gateway().name()))
                .filter(gateway -> !locators(gateway, network).isEmpty());
    }

    /** By which it can be reached just now. */
    private List<IpPrefix> locators(GatewayDocument gateway, String network) {
        Optional<Resource.Network> known = realm.network(network);
        return gateway.locatorsIn(network).stream()
                .filter(locator -> !gateway.isDown(locator)
                        && known.map(its -> !its.isWithdrawn(locator)).orElse(true))
                .map(IpPrefix::parse)
                .toList();
    }

    private static String place(GatewayDocument gateway, String network) {
        return gateway.name() + "." + network + ".networks";
    }

    @Override
    public void close() {
        table.forget(wake);
        publishing.shutdownNow();
        DnsServer running = server;
        if (running != null) {
            running.close();
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.model.binding.Binding;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.rpc.Command;
import io.sojourn.rpc.Explain;
import io.sojourn.rpc.Explained;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;

/** How a packet gets to a VM now, hop by hop, in the words of the gateways that carry it: each is asked what it would do. */
final class Explanations {
    private static final Duration QUICK = Duration.ofSeconds(3);
    /** From the sender's to the VM's, and once on. */
    private static final int HOPS_MAX = 4;

    private final Realm realm;
    private final Gateways gateways;

    Explanations(Realm realm, Gateways gateways) {
        this.realm = realm;
        this.gateways = gateways;
    }

    /** Who sends, and the gateway of the LAN it is on. */
    private record Sender(IpAddress address, String gateway) {}

    /** @param from a VM, an address, or a site, whose hosts are meant */
    Resource.Explanation toVm(String name, @Nullable String from) {
        Resource.Vm vm = realm.knownVm(name).value();
        if (from == null || from.isBlank()) {
            throw RefusalException.invalid("from is missing: name a VM, an address or a site, as in ?from=10.10.3.20");
        }
        List<Resource.Explanation.Way> ways = new ArrayList<>();
        for (Resource.Nic nic : vm.nics()) {
            for (String text : nic.addresses()) {
                IpAddress to = IpAddress.parse(text);
                sender(nic.network(), from, to.isV6()).ifPresent(sender -> ways.add(way(nic.network(), sender, to)));
            }
        }
        if (ways.isEmpty()) {
            throw RefusalException.invalid(
                    "from '" + from + "' is no VM, address or site that shares a network and a family"
                            + " of addresses with VM '" + name + "'");
        }
        return new Resource.Explanation(name, from, ways);
    }

    private Optional<Sender> sender(String network, String from, boolean isV6) {
        Optional<Resource.Vm> vm = realm.vm(from).map(Realm.Stored::value);
        if (vm.isPresent()) {
            return vm.get().nics().stream()
                    .filter(nic -> nic.network().equals(network))
                    .flatMap(nic -> nic.addresses().stream())
                    .map(IpAddress::parse)
                    .filter(address -> address.isV6() == isV6)
                    .findFirst()
                    .flatMap(address -> gatewayOfVm(from).map(gateway -> new Sender(address, gateway)));
        }
        IpAddress given;
        try {
            given = IpAddress.parse(from);
        } catch (IllegalArgumentException noAddress) {
            return host(network, from, isV6);
        }
        if (given.isV6() != isV6) {
            return Optional.empty();
        }
        for (Resource.Vm candidate : realm.vms()) {
            boolean its = candidate.nics().stream()
                    .anyMatch(nic ->
                            nic.network().equals(network) && nic.addresses().contains(given.toString()));
            if (its) {
                return gatewayOfVm(candidate.name()).map(gateway -> new Sender(given, gateway));
            }
        }
        return subnets(network).stream()
                .filter(subnet -> IpPrefix.parse(subnet.prefix()).contains(given))
                .findFirst()
                .flatMap(subnet -> gatewayAt(subnet.homeSite()))
                .map(gateway -> new Sender(given, gateway));
    }

    /** Any host of the site's: the address after the gateway's. */
    private Optional<Sender> host(String network, String site, boolean isV6) {
        return subnets(network).stream()
                .filter(subnet -> site.equals(subnet.homeSite()) && subnet.gateway() != null)
                .map(subnet -> IpAddress.parse(String.valueOf(subnet.gateway())))
                .filter(gateway -> gateway.isV6() == isV6)
                .findFirst()
                .flatMap(gateway -> gatewayAt(site)
                        .map(at -> new Sender(new IpAddress(isV6, gateway.high(), gateway.low() + 1), at)));
    }

    private List<Resource.Subnet> subnets(String network) {
        return realm.network(network).map(Resource.Network::subnets).orElse(List.of());
    }

    private Optional<String> gatewayOfVm(String vm) {
        return realm.binding(vm).map(Binding::gateway).map(gateway -> gateway.name());
    }

    /** The one that answers for a site's hosts: the first by name. */
    private Optional<String> gatewayAt(@Nullable String site) {
        return realm.gateways().stream()
                .filter(gateway -> gateway.site().equals(site))
                .map(GatewayDocument::name)
                .sorted()
                .findFirst();
    }

    private Resource.Explanation.Way way(String network, Sender sender, IpAddress to) {
        List<Resource.Explanation.Hop> hops = new ArrayList<>();
        int added = 0;
        for (String at = sender.gateway(); !at.isEmpty() && hops.size() < HOPS_MAX; ) {
            Explained explained = ask(at, network, sender.address(), to);
            hops.add(new Resource.Explanation.Hop(at, explained.getLinesList(), explained.getAddedBytes()));
            added = Math.max(added, explained.getAddedBytes());
            at = explained.getNext();
        }
        return new Resource.Explanation.Way(network, sender.address().toString(), to.toString(), hops, added);
    }

    private Explained ask(String gateway, String network, IpAddress source, IpAddress destination) {
        Command.Builder explain = Command.newBuilder()
                .setExplain(Explain.newBuilder()
                        .setNetwork(network)
                        .setSource(source.toString())
                        .setDestination(destination.toString()));
        try {
            return gateways.ask(gateway, explain, QUICK).get().getExplained();
        } catch (ExecutionException e) {
            String why = e.getCause() == null ? null : e.getCause().getMessage();
            return Explained.newBuilder()
                    .addLines("not told: " + (why == null ? "no answer" : why))
                    .build();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Explained.newBuilder().addLines("not told: interrupted").build();
        }
    }
}

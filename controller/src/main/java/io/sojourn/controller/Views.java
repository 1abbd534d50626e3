// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.model.binding.Binding;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.identity.VmId;
import io.sojourn.registry.BoundSince;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What REST shows: the registry together with what is only known at this moment. */
final class Views {
    private final Realm realm;
    private final Gateways gateways;
    private final Orchestrator orchestrator;
    private final ForwardingTable table;
    private final Time time;
    private final Instant startedAt;

    Views(Realm realm, Gateways gateways, Orchestrator orchestrator, ForwardingTable table, Time time) {
        this.realm = realm;
        this.gateways = gateways;
        this.orchestrator = orchestrator;
        this.table = table;
        this.time = time;
        this.startedAt = time.now();
    }

    long revision() {
        return realm.store().revision();
    }

    Resource.Network network(String name) {
        return realm.network(name).orElseThrow(() -> RefusalException.unknown("network", name));
    }

    List<Resource.Gateway> gateways() {
        return realm.gateways().stream().map(gateways::shown).toList();
    }

    Optional<Resource.Gateway> gateway(String name) {
        return realm.gateway(name).map(gateways::shown);
    }

    List<Resource.Site> sites() {
        Map<String, List<GatewayDocument>> bySite = realm.gateways().stream()
                .collect(Collectors.groupingBy(GatewayDocument::site, TreeMap::new, Collectors.toList()));
        List<Resource.Vm> vms = vms();
        return bySite.entrySet().stream()
                .map(site -> new Resource.Site(
                        site.getKey(),
                        site.getValue().stream().map(GatewayDocument::name).toList(),
                        vms.stream()
                                .filter(vm -> site.getKey().equals(vm.site()))
                                .map(Resource.Vm::name)
                                .toList(),
                        site.getValue().stream().anyMatch(g -> gateways.isConnected(g.name()))))
                .toList();
    }

    Resource.Vm vm(String name) {
        return vm(realm.knownVm(name).value(), orchestrator.moveOf(name).orElse(null));
    }

    List<Resource.Vm> vms() {
        Map<String, String> moves = orchestrator.movesByVm();
        return realm.vms().stream().map(vm -> vm(vm, moves.get(vm.name()))).toList();
    }

    private Resource.Vm vm(Resource.Vm vm, @Nullable String migration) {
        Optional<Binding> binding = realm.binding(vm.name());
        String gateway = binding.map(b -> b.gateway().name()).orElse("");
        Optional<GatewayDocument> document = realm.gateway(gateway);
        return new Resource.Vm(
                vm.name(),
                vm.nics(),
                document.map(GatewayDocument::site).orElse(null),
                gateway.isEmpty() ? null : gateway,
                vm.hypervisor(),
                vm.template(),
                vm.parameters(),
                vm.mechanism(),
                vm.transparency(),
                binding.map(b -> b.epoch().number()).orElse(null),
                state(vm, gateway, migration),
                migration,
                warnings(vm, document));
    }

    private String state(Resource.Vm vm, String gateway, @Nullable String migration) {
        if (migration != null) {
            return "MIGRATING";
        }
        if (!gateways.isConnected(gateway)) {
            return "UNREACHABLE";
        }
        return switch (gateways.hostedState(gateway, vm.name()).orElse("")) {
            case "running" -> "RUNNING";
            case "paused" -> "PAUSED";
            case "gone" -> "GONE";
            default -> "UNKNOWN";
        };
    }

    private List<String> warnings(Resource.Vm vm, Optional<GatewayDocument> gateway) {
        List<String> warnings = new ArrayList<>();
        for (Resource.Nic nic : vm.nics()) {
            List<IpPrefix> prefixes =
                    realm.network(nic.network()).map(Resource.Network::subnets).orElse(List.of()).stream()
                            .map(subnet -> IpPrefix.parse(subnet.prefix()))
                            .toList();
            for (String address : nic.addresses()) {
                if (prefixes.stream().noneMatch(p -> p.contains(IpAddress.parse(address)))) {
                    warnings.add(address + " is in no subnet of network '" + nic.network()
                            + "': other sites will not route to it");
                }
            }
            gateway.filter(g -> !g.networks().contains(nic.network()))
                    .ifPresent(g -> warnings.add(
                            "gateway '" + g.name() + "' has no bridge for network '" + nic.network() + "'"));
        }
        return warnings;
    }

    Resource.History history(String name) {
        List<BoundSince> lines = realm.store().history(new VmId(name));
        if (lines.isEmpty()) {
            throw RefusalException.unknown("vm", name);
        }
        Map<String, GatewayDocument> known = realm.gatewaysByName();
        return new Resource.History(
                name,
                lines.stream()
                        .map(line -> {
                            GatewayDocument at =
                                    known.get(line.binding().gateway().name());
                            return new Resource.History.Line(
                                    line.binding().gateway().name(),
                                    at == null ? null : at.site(),
                                    line.binding().epoch().number(),
                                    Time.instant(line.sinceUs()),
                                    line.revision(),
                                    line.cause());
                        })
                        .toList(),
                realm.notices(name));
    }

    Resource.Migration migration(String id) {
        return realm.findMove(id).shown();
    }

    /** Newest first. */
    List<Resource.Migration> migrations(Optional<String> vm, boolean onlyActive) {
        List<Resource.Migration> all = onlyActive
                ? orchestrator.active()
                : realm.moves().stream().map(MoveDocument::shown).toList();
        return all.stream()
                .filter(move -> vm.isEmpty() || vm.get().equals(move.vm()))
                .toList();
    }

    Resource.Status status() {
        long revision = revision();
        List<Resource.Gateway> all = gateways();
        List<Resource.Vm> vms = vms();
        List<String> warnings = new ArrayList<>();
        if (all.isEmpty()) {
            warnings.add("no gateway has attached yet: start one with 'sojourn gateway --config gateway.yaml'");
        }
        for (Resource.Gateway gateway : all) {
            if (!gateway.connected()) {
                warnings.add("gateway '" + gateway.name() + "' at '" + gateway.site() + "' is not connected");
            } else if (gateway.appliedVersion() < gateway.tableVersion()) {
                warnings.add("gateway '" + gateway.name() + "' forwards by table " + gateway.appliedVersion()
                        + ", current is " + gateway.tableVersion());
            }
        }
        for (Resource.Path path : gateways.paths()) {
            boolean both = gateways.isConnected(path.from()) && gateways.isConnected(path.to());
            if (both && !path.reachable()) {
                warnings.add("gateway '" + path.from() + "' cannot reach '" + path.to() + "'");
            }
        }
        vms.forEach(vm -> {
            if (vm.warnings() != null) {
                vm.warnings().forEach(w -> warnings.add("VM '" + vm.name() + "': " + w));
            }
        });
        return new Resource.Status(
                Software.VERSION,
                startedAt,
                time.nowUs(),
                revision,
                table.version(),
                realm.networks().size(),
                vms.size(),
                all,
                gateways.paths(),
                orchestrator.active(),
                warnings);
    }
}

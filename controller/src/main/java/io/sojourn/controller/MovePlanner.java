// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.handoff.MigrationId;
import io.sojourn.model.binding.Binding;
import io.sojourn.rpc.CheckHypervisor;
import io.sojourn.rpc.Command;
import io.sojourn.rpc.ProbePath;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** PLAN: everything that can be found out before anything is touched. Each refusal is one line with a code of its own. */
final class MovePlanner {
    /** A move that nothing is known to speak against. */
    record Plan(
            Resource.Vm vm,
            long boundEpoch,
            GatewayDocument source,
            GatewayDocument destination,
            List<String> correspondents,
            @Nullable String landingQmp,
            String ordering,
            Resource.MigrationRequest request) {

        /** @param epoch reserved for this move alone */
        MoveDocument document(long epoch, Instant now) {
            Resource.Migration shown = new Resource.Migration(
                    new MigrationId(UUID.randomUUID()).toString(),
                    vm.name(),
                    source.site(),
                    destination.site(),
                    source.name(),
                    destination.name(),
                    epoch,
                    new MoveState.Planned().shown(),
                    null,
                    request.bandwidthMbit(),
                    request.maxPauseMs(),
                    request.maxTotalS(),
                    ordering,
                    request.capture(),
                    Resource.Progress.NONE,
                    List.of(),
                    Resource.Counts.NONE,
                    null,
                    null,
                    null,
                    now,
                    null);
            return new MoveDocument(
                    shown, new MoveState.Planned(), correspondents, vm, boundEpoch, landingQmp, null, null, Map.of());
        }
    }

    private final Realm realm;
    private final Gateways gateways;
    private final Duration timeout;

    MovePlanner(Realm realm, Gateways gateways, Duration timeout) {
        this.realm = realm;
        this.gateways = gateways;
        this.timeout = timeout;
    }

    static RefusalException underWay(String vm, String migration) {
        return new RefusalException(
                409,
                "migration-under-way",
                "VM '" + vm + "' is moving already: wait for " + migration + ", or 'sojourn cancel " + migration + "'");
    }

    private static RefusalException refuse(String code, String message) {
        return new RefusalException(422, code, message);
    }

    /** @throws RefusalException with the first reason against it */
    Plan plan(Resource.MigrationRequest request) {
        checkForm(request);
        Resource.Vm vm = realm.knownVm(request.vm()).value();
        Binding binding = realm.binding(vm.name())
                .orElseThrow(() -> refuse(
                        "not-bound",
                        "VM '" + vm.name() + "' is bound nowhere: 'sojourn vm set " + vm.name() + " --site SITE'"));
        GatewayDocument source = realm.gateway(binding.gateway().name())
                .orElseThrow(() -> refuse(
                        "source-not-connected",
                        notConnected("source", binding.gateway().name())));
        GatewayDocument destination = destination(request.to(), source, vm);
        if (vm.qmp().isEmpty()) {
            throw refuse(
                    "not-managed",
                    "VM '" + vm.name() + "' has no hypervisor registered: 'sojourn vm set " + vm.name()
                            + " --hypervisor qemu+unix:///path/to.qmp'");
        }
        if (!gateways.isConnected(source.name())) {
            throw refuse("source-not-connected", notConnected("source", source.name()));
        }
        if (!gateways.isConnected(destination.name())) {
            throw refuse("destination-not-connected", notConnected("destination", destination.name()));
        }
        checkNetworks(vm, destination);
        checkTransparency(vm, source, destination);
        Optional<Resource.Landing> landing = realm.landing(vm.name(), destination.name());
        checkRoom(vm, destination, landing.isPresent());
        checkPath(source.name(), destination.name());
        checkPath(destination.name(), source.name());
        checkHypervisor(vm, source.name());
        return new Plan(
                vm,
                binding.epoch().number(),
                source,
                destination,
                correspondents(vm, source, destination),
                landing.map(Resource.Landing::qmp).orElse(null),
                request.ordering() == null ? ordering(vm) : request.ordering(),
                request);
    }

    /** Relaxed if all of its networks are: the stricter one holds for a VM in several. */
    private String ordering(Resource.Vm vm) {
        Set<String> its = vm.nics().stream().map(Resource.Nic::network).collect(Collectors.toSet());
        boolean isRelaxed = realm.networks().stream()
                .filter(network -> its.contains(network.name()))
                .allMatch(Resource.Network::isRelaxed);
        return isRelaxed && !its.isEmpty() ? Resource.RELAXED : Resource.STRICT;
    }

    /** The VMs of a gang. @throws RefusalException if there is none, or one of them twice */
    @SuppressWarnings("ConstantConditions") // JSON may leave out what the record demands
    static List<String> gang(Resource.GangRequest request) {
        if (request.vms() == null || request.vms().isEmpty()) {
            throw RefusalException.invalid("'vms' is needed: which VMs shall move together");
        }
        if (Set.copyOf(request.vms()).size() != request.vms().size()) {
            throw RefusalException.invalid("vms: the same VM is named twice");
        }
        return request.vms();
    }

    /** Each has been found to fit by itself; now all of them. They have one destination. */
    void checkRoomForAll(List<Plan> plans) {
        GatewayDocument destination = plans.getFirst().destination();
        long free = gateways.host(destination).memoryFreeBytes();
        long needed = plans.stream()
                .filter(plan -> plan.landingQmp() == null)
                .mapToLong(plan -> MemorySize.of(plan.vm().filling()).orElse(0L))
                .sum();
        if (free > 0 && needed > free) {
            throw refuse(
                    "not-enough-memory",
                    "gateway '" + destination.name() + "' has " + MemorySize.show(free) + " free, the " + plans.size()
                            + " VMs together need " + MemorySize.show(needed));
        }
    }

    @SuppressWarnings("ConstantConditions") // JSON may leave out what the record demands
    private static void checkForm(Resource.MigrationRequest request) {
        if (request.vm() == null || request.to() == null) {
            throw RefusalException.invalid(
                    "'vm' and 'to' are needed: which VM, and the site or gateway where it shall go");
        }
        String wrong = Resource.wrongOrdering(request.ordering());
        if (wrong != null) {
            throw RefusalException.invalid(wrong);
        }
        checkNotNegative("bandwidthMbit", request.bandwidthMbit());
        checkNotNegative("maxPauseMs", request.maxPauseMs());
        checkNotNegative("maxTotalS", request.maxTotalS());
    }

    private static void checkNotNegative(String field, @Nullable Integer value) {
        if (value != null && value < 0) {
            throw RefusalException.invalid(field + " " + value + ": must not be negative");
        }
    }

    private static String notConnected(String role, String gateway) {
        return role + " gateway '" + gateway + "' is not connected: start it, or look in its log";
    }

    private GatewayDocument destination(String to, GatewayDocument source, Resource.Vm vm) {
        Map<String, GatewayDocument> all = realm.gatewaysByName();
        List<GatewayDocument> atSite =
                all.values().stream().filter(g -> g.site().equals(to)).toList();
        if (atSite.isEmpty()) {
            GatewayDocument named = all.get(to);
            if (named == null) {
                String sites = all.values().stream()
                        .map(GatewayDocument::site)
                        .distinct()
                        .sorted()
                        .collect(Collectors.joining(", "));
                throw refuse(
                        "unknown-destination",
                        "no site or gateway named '" + to + "'; known sites: "
                                + (sites.isEmpty() ? "none yet" : sites));
            }
            if (named.name().equals(source.name())) {
                throw alreadyThere(vm, to);
            }
            return named;
        }
        if (source.site().equals(to)) {
            throw alreadyThere(vm, to);
        }
        List<GatewayDocument> connected =
                atSite.stream().filter(g -> gateways.isConnected(g.name())).toList();
        List<GatewayDocument> candidates = connected.isEmpty() ? atSite : connected;
        if (candidates.size() > 1) {
            String names =
                    candidates.stream().map(GatewayDocument::name).sorted().collect(Collectors.joining(", "));
            throw refuse(
                    "ambiguous-destination",
                    "site '" + to + "' has several gateways: name one of " + names + " as the destination");
        }
        return candidates.getFirst();
    }

    private static RefusalException alreadyThere(Resource.Vm vm, String to) {
        return new RefusalException(409, "already-there", "VM '" + vm.name() + "' is at '" + to + "' already");
    }

    private Resource.Network network(Resource.Vm vm, Resource.Nic nic) {
        return realm.network(nic.network())
                .orElseThrow(() ->
                        refuse("network-missing", "network '" + nic.network() + "' of VM '" + vm.name() + "' is gone"));
    }

    private void checkNetworks(Resource.Vm vm, GatewayDocument destination) {
        for (Resource.Nic nic : vm.nics()) {
            Resource.Network network = network(vm, nic);
            String mechanism = vm.mechanism() == null ? network.mechanism() : vm.mechanism();
            if ((Inventory.PAGING.equals(mechanism) || Inventory.MAT.equals(mechanism)) && !destination.hasPage()) {
                throw refuse(
                        "mechanism-impossible",
                        "packets of VM '" + vm.name() + "' go by " + mechanism + ", and gateway '" + destination.name()
                                + "' has no page: add one to its gateway.yaml, as in page: [100.80.0.0/16, fd50:1::/48]");
            }
            if (Inventory.SEGMENT.equals(mechanism) && !destination.hasSegment(nic.network())) {
                throw refuse(
                        "mechanism-impossible",
                        "VM '" + vm.name() + "' is segmented, and gateway '" + destination.name()
                                + "' has no segment of network '" + nic.network()
                                + "': add one to its gateway.yaml, as in networks: [{name: " + nic.network()
                                + ", bridge: br0, segment: 70001}]");
            }
            if (Inventory.ILNP.equals(mechanism)
                    && destination.locatorsIn(nic.network()).isEmpty()) {
                throw refuse(
                        "mechanism-impossible",
                        "packets of VM '" + vm.name() + "' go by ilnp, and gateway '" + destination.name()
                                + "' has no locator in network '" + nic.network()
                                + "': add one to its gateway.yaml, as in networks: [{name: " + nic.network()
                                + ", bridge: br0, locators: [\"fd66:1::/64\"]}]");
            }
            if (Inventory.LABEL.equals(mechanism)
                    && destination.routedIn(nic.network()).isEmpty()) {
                throw refuse(
                        "mechanism-impossible",
                        "packets of VM '" + vm.name() + "' go by label, and the underlay routes no prefix of network '"
                                + nic.network() + "' to gateway '" + destination.name()
                                + "': name those that it does in gateway.yaml, as in networks: [{name: " + nic.network()
                                + ", bridge: br0, routed: [10.10.1.0/24]}]");
            }
            if (!destination.networks().contains(nic.network())) {
                throw refuse(
                        "network-missing",
                        "gateway '" + destination.name() + "' has no bridge for network '" + nic.network()
                                + "': add it to networks in its gateway.yaml");
            }
        }
    }

    /** Nobody outside is to notice: both places must be behind one border. */
    private void checkTransparency(Resource.Vm vm, GatewayDocument source, GatewayDocument destination) {
        for (Resource.Nic nic : vm.nics()) {
            Resource.Network network = network(vm, nic);
            String mechanism = vm.mechanism() == null ? network.mechanism() : vm.mechanism();
            String transparency = vm.transparency() == null ? network.transparency() : vm.transparency();
            String border = source.borderIn(nic.network());
            if (Inventory.ILNP.equals(mechanism)
                    && Inventory.LOCAL.equals(transparency)
                    && !border.equals(destination.borderIn(nic.network()))) {
                throw refuse(
                        "leaves-its-site",
                        "VM '" + vm.name() + "' is local to the site behind gateway '" + border + "', and gateway '"
                                + destination.name() + "' is not a place of it: 'sojourn vm set " + vm.name()
                                + " --transparency invisible' lets it go");
            }
        }
    }

    private void checkRoom(Resource.Vm vm, GatewayDocument destination, boolean hasLanding) {
        if (hasLanding) {
            return; // that QEMU has its memory already
        }
        Resource.Host host = gateways.host(destination);
        if (!host.canLaunch()) {
            throw refuse(
                    "no-landing-place",
                    "gateway '" + destination.name() + "' has no launch template and VM '" + vm.name()
                            + "' has no landing place there: add one of them ('sojourn vm landing add')");
        }
        Optional<Long> needed = MemorySize.of(vm.filling());
        long free = host.memoryFreeBytes();
        if (free > 0 && needed.isPresent() && needed.get() > free) {
            throw refuse(
                    "not-enough-memory",
                    "gateway '" + destination.name() + "' has " + MemorySize.show(free) + " free, VM '" + vm.name()
                            + "' needs " + MemorySize.show(needed.get()));
        }
    }

    /** What the gateway last reported, or else what a probe finds now. */
    private void checkPath(String from, String to) {
        if (gateways.path(from, to).map(Resource.Path::reachable).orElse(false)) {
            return;
        }
        String problem = ask(
                from, Command.newBuilder().setProbePath(ProbePath.newBuilder().setGateway(to)));
        if (!problem.isEmpty()) {
            throw refuse("unreachable", "gateway '" + from + "' cannot reach '" + to + "': " + problem);
        }
    }

    private void checkHypervisor(Resource.Vm vm, String source) {
        String problem = ask(
                source,
                Command.newBuilder()
                        .setCheckHypervisor(
                                CheckHypervisor.newBuilder().setVm(vm.name()).setQmp(vm.qmp())));
        if (!problem.isEmpty()) {
            throw refuse("hypervisor-unavailable", "VM '" + vm.name() + "' at gateway '" + source + "': " + problem);
        }
    }

    /** Empty if the gateway says yes. */
    private String ask(String gateway, Command.Builder command) {
        try {
            gateways.ask(gateway, command, timeout).get();
            return "";
        } catch (ExecutionException | CompletionException e) {
            return switch (e.getCause()) {
                case Attachment.RefusedException refused -> String.valueOf(refused.getMessage());
                case TimeoutException _ -> "no answer within " + timeout.toSeconds() + " s";
                case null, default -> "it went away";
            };
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return "interrupted";
        }
    }

    /** Everybody else who is connected and has one of the VM's networks. */
    private List<String> correspondents(Resource.Vm vm, GatewayDocument source, GatewayDocument destination) {
        Set<String> networks = vm.nics().stream().map(Resource.Nic::network).collect(Collectors.toSet());
        return realm.gateways().stream()
                .filter(g -> gateways.isConnected(g.name()))
                .filter(g -> !g.name().equals(source.name()) && !g.name().equals(destination.name()))
                .filter(g -> g.networks().stream().anyMatch(networks::contains))
                .map(GatewayDocument::name)
                .sorted()
                .toList();
    }
}

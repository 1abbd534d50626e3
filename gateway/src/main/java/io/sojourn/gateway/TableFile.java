// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.model.binding.Binding;
import io.sojourn.rpc.Gateway;
import io.sojourn.rpc.Network;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.rpc.Vm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The forwarding table on disk, so that a gateway that comes back while its controller is away forwards by what it knew, and never
 * by less than it has followed: of a VM's binding in the table and the one that a handoff has put ahead of it, the newer is kept.
 * Thread-safe.
 */
final class TableFile {
    private static final Logger LOG = LoggerFactory.getLogger(TableFile.class);

    private final Path file;
    private final Map<String, Network> networks = new TreeMap<>();
    private final Map<String, Gateway> gateways = new TreeMap<>();
    private final Map<String, Vm> vms = new TreeMap<>();

    TableFile(Path file) {
        this.file = file;
    }

    /** What the last process knew, as one whole update of no version; empty if there is nothing that can be used. */
    synchronized Optional<TableUpdate> read() {
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try {
            TableUpdate saved = TableUpdate.parseFrom(Files.readAllBytes(file));
            take(saved);
            return Optional.of(saved);
        } catch (IOException e) {
            LOG.warn(
                    "cannot use {}: {}; forwarding begins when the controller has told the table",
                    file,
                    e.getMessage());
            return Optional.empty();
        }
    }

    /** An update from the controller. */
    synchronized void told(TableUpdate update) {
        take(update);
        write();
    }

    /** A handoff has put this gateway ahead of the controller. */
    synchronized void followed(Binding binding) {
        Vm vm = vms.get(binding.vm().name());
        if (vm != null && binding.epoch().number() > vm.getEpoch()) {
            vms.put(
                    vm.getName(),
                    at(vm, binding.gateway().name(), binding.epoch().number()));
            write();
        }
    }

    private static Vm at(Vm vm, String gateway, long epoch) {
        return vm.toBuilder().setGateway(gateway).setEpoch(epoch).build();
    }

    private void take(TableUpdate update) {
        Map<String, Vm> before = Map.copyOf(vms);
        if (update.getWhole()) {
            networks.clear();
            gateways.clear();
            vms.clear();
        }
        update.getRemovedNetworksList().forEach(networks::remove);
        update.getRemovedGatewaysList().forEach(gateways::remove);
        update.getRemovedVmsList().forEach(vms::remove);
        update.getNetworksList().forEach(network -> networks.put(network.getName(), network));
        update.getGatewaysList().forEach(gateway -> gateways.put(gateway.getName(), gateway));
        for (Vm vm : update.getVmsList()) {
            Vm known = before.get(vm.getName());
            vms.put(
                    vm.getName(),
                    known != null && known.getEpoch() > vm.getEpoch()
                            ? at(vm, known.getGateway(), known.getEpoch())
                            : vm);
        }
    }

    private void write() {
        TableUpdate whole = TableUpdate.newBuilder()
                .setWhole(true)
                .addAllNetworks(networks.values())
                .addAllGateways(gateways.values())
                .addAllVms(vms.values())
                .build();
        try {
            Path fresh = file.resolveSibling(file.getFileName() + ".new");
            // There are keys in it.
            Files.deleteIfExists(fresh);
            Files.createFile(fresh, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            Files.write(fresh, whole.toByteArray());
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            LOG.error("cannot save the forwarding table in {}: {}", file, e.getMessage());
        }
    }
}

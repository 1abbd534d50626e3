// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.hypervisor.GuestState;
import io.sojourn.hypervisor.HypervisorException;
import io.sojourn.hypervisor.LaunchedGuest;
import io.sojourn.hypervisor.QemuLauncher;
import io.sojourn.model.identity.VmId;
import io.sojourn.rpc.HostedVm;
import java.io.IOException;
import java.net.ConnectException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The guests whose hypervisors this gateway holds. What it knows of each survives it in a small file, so that a gateway that was
 * killed finds its guests again. Thread-safe.
 */
final class HostedGuests {
    private static final Logger LOG = LoggerFactory.getLogger(HostedGuests.class);
    private static final Duration ATTACH_PATIENCE = Duration.ofSeconds(3);

    private final Path directory;
    private final QemuLauncher launcher;
    private final Map<VmId, HostedGuest> guests = new ConcurrentHashMap<>();
    /** QMP sockets that the table names for VMs bound here. */
    private final Map<VmId, Path> wanted = new ConcurrentHashMap<>();

    private final Map<VmId, String> complaints = new ConcurrentHashMap<>();

    HostedGuests(Path directory, QemuLauncher launcher) {
        this.directory = directory;
        this.launcher = launcher;
    }

    /** The controller binds this VM here; its hypervisor is to be held. An empty path: it has none that we could hold. */
    void want(VmId vm, String qmp) {
        if (!qmp.isEmpty() || Files.exists(fileOf(vm))) {
            wanted.put(vm, Path.of(qmp.isEmpty() ? "/" : qmp));
        }
    }

    void unwant(VmId vm) {
        wanted.remove(vm);
    }

    @Nullable
    HostedGuest find(VmId vm) {
        return guests.get(vm);
    }

    /** The guest, connected, or one line why not. */
    HostedGuest require(VmId vm) {
        HostedGuest guest = attach(vm);
        if (guest == null) {
            throw new GatewayException(
                    "VM " + vm + ": " + complaints.getOrDefault(vm, "no hypervisor is known for it at this gateway"));
        }
        return guest;
    }

    /** What the guest does here by its hypervisor; GONE if that has ended; empty if none is known, or it cannot be asked. */
    Optional<GuestState> state(VmId vm) {
        HostedGuest guest = find(vm);
        if (guest == null || !guest.attached()) {
            guest = remembered(vm);
            if (guest == null) {
                return Optional.empty();
            }
            if (!listens(guest.qmp)) {
                return Optional.of(GuestState.GONE);
            }
            guest = attach(vm);
        }
        try {
            return guest == null ? Optional.empty() : Optional.of(guest.guest().status());
        } catch (HypervisorException e) {
            LOG.warn("VM {}: {}", vm, e.getMessage());
            return Optional.empty();
        }
    }

    /** False if certainly no process has the socket open. */
    private static boolean listens(Path socket) {
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.configureBlocking(false);
            channel.connect(UnixDomainSocketAddress.of(socket));
            return true;
        } catch (ConnectException e) {
            return false;
        } catch (IOException e) {
            return Files.exists(socket);
        }
    }

    /** Connects to those that are wanted and not connected; called now and then. */
    void attachWanted() {
        wanted.keySet().forEach(this::attach);
    }

    private synchronized @Nullable HostedGuest attach(VmId vm) {
        HostedGuest known = guests.get(vm);
        if (known != null && known.attached()) {
            return known;
        }
        HostedGuest guest = remembered(vm);
        if (guest == null) {
            return null;
        }
        try {
            guest.attach(ATTACH_PATIENCE, event -> {});
        } catch (HypervisorException e) {
            String line = e.getMessage() == null ? "no connection to " + guest.qmp : e.getMessage();
            if (!line.equals(complaints.put(vm, line))) {
                LOG.warn("VM {}: {}", vm, line);
            }
            return null;
        }
        complaints.remove(vm);
        guests.put(vm, guest);
        LOG.info("VM {}: holding {}", vm, guest.qmp);
        return guest;
    }

    private @Nullable HostedGuest remembered(VmId vm) {
        Path file = fileOf(vm);
        if (Files.exists(file)) {
            try {
                List<String> lines = Files.readAllLines(file);
                Path qmp = Path.of(lines.getFirst());
                Optional<LaunchedGuest> launched = launcher.running(vm.name()).stream()
                        .filter(l -> l.qmpSocket().equals(qmp))
                        .findFirst();
                return new HostedGuest(vm, qmp, launched, lines.subList(1, lines.size()));
            } catch (IOException e) {
                LOG.warn("cannot read {}: {}", file, e.getMessage());
            }
        }
        Path qmp = wanted.get(vm);
        return qmp == null ? null : new HostedGuest(vm, qmp, Optional.empty(), List.of());
    }

    /** A guest has come to stay. */
    void settled(HostedGuest guest) {
        List<String> lines = new ArrayList<>();
        lines.add(guest.qmp.toString());
        lines.addAll(guest.ownTaps);
        try {
            Files.createDirectories(directory);
            Files.write(fileOf(guest.vm), lines);
        } catch (IOException e) {
            LOG.error("cannot remember VM {} in {}: {}", guest.vm, directory, e.getMessage());
        }
        guests.put(guest.vm, guest);
    }

    /** A guest has left, or never came: what was made for it goes. */
    void left(HostedGuest guest) {
        if (guests.remove(guest.vm, guest)) {
            wanted.remove(guest.vm);
            try {
                Files.deleteIfExists(fileOf(guest.vm));
            } catch (IOException e) {
                LOG.warn("cannot delete {}: {}", fileOf(guest.vm), e.getMessage());
            }
        }
        guest.detach();
        guest.launched.ifPresent(LaunchedGuest::destroy);
        GuestTaps.remove(guest.ownTaps);
    }

    private Path fileOf(VmId vm) {
        return directory.resolve(vm.name());
    }

    List<HostedVm> list() {
        List<HostedVm> out = new ArrayList<>();
        guests.forEach((vm, guest) -> {
            GuestState state = guest.attached() ? guest.guest().status() : GuestState.GONE;
            out.add(HostedVm.newBuilder()
                    .setVm(vm.name())
                    .setState(state.name().toLowerCase(Locale.ROOT))
                    .setQmp(guest.qmp.toString())
                    .build());
        });
        return out;
    }

    /** Lets go of all; the guests go on. */
    void detachAll() {
        guests.values().forEach(HostedGuest::detach);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.hypervisor.GuestEvent;
import io.sojourn.hypervisor.GuestState;
import io.sojourn.hypervisor.HypervisorException;
import io.sojourn.hypervisor.LaunchedGuest;
import io.sojourn.hypervisor.QemuGuest;
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
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
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

    private final GuestFiles files;
    private final QemuLauncher launcher;
    private final Map<VmId, HostedGuest> guests = new ConcurrentHashMap<>();
    /** QMP sockets that the table names for VMs bound here. */
    private final Map<VmId, Path> wanted = new ConcurrentHashMap<>();

    private volatile BiConsumer<VmId, GuestEvent> watcher = (vm, event) -> {};
    private final Map<VmId, String> complaints = new ConcurrentHashMap<>();

    HostedGuests(GuestFiles files, QemuLauncher launcher) {
        this.files = files;
        this.launcher = launcher;
    }

    /** Who hears what guests do, moving or not; called on threads of their own. */
    void watchedBy(BiConsumer<VmId, GuestEvent> who) {
        watcher = who;
    }

    BiConsumer<VmId, GuestEvent> watcher() {
        return watcher;
    }

    /** The controller binds this VM here; its hypervisor is to be held. An empty path: it has none that we could hold. */
    void want(VmId vm, String qmp) {
        if (!qmp.isEmpty() || files.hosted(vm.name()).isPresent()) {
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
            guest.attach(ATTACH_PATIENCE, event -> watcher.accept(vm, event));
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
        Path told = wanted.get(vm);
        Optional<HostedGuest> known = files.hosted(vm.name())
                .or(() -> files.arriving(vm.name()))
                .filter(file -> file.qmp().isPresent())
                .map(this::guest);
        // A socket that is gone belongs to a QEMU that is: then what the table says is newer.
        boolean isStale = known.isPresent() && told != null && !Files.exists(known.get().qmp) && Files.exists(told);
        if (known.isPresent() && !isStale) {
            return known.get();
        }
        return told == null ? null : new HostedGuest(vm, told, Optional.empty(), List.of());
    }

    private HostedGuest guest(GuestFiles.Remembered file) {
        Path qmp = file.qmp().orElseThrow();
        Optional<LaunchedGuest> launched = launcher.running(file.vm()).stream()
                .filter(l -> l.qmpSocket().equals(qmp))
                .findFirst();
        return new HostedGuest(new VmId(file.vm()), qmp, launched, file.taps());
    }

    /**
     * At the start of a gateway, before anything is commanded: of guests that were on their way in when the last process died, those that no handoff will take up
     * are ended, with all that was made for them. Not so one that has been continued: its handoff was over before that had been remembered here, and it runs nowhere else.
     *
     * @param takenUp VMs whose handoff at this destination was not over
     */
    void clearAway(Set<String> takenUp) {
        launcher.running(); // which removes the files of the dead
        for (GuestFiles.Remembered file : files.arriving()) {
            if (file.qmp().isPresent() && takenUp.contains(file.vm())) {
                continue;
            }
            if (file.qmp().isPresent() && hasBegun(file.qmp().get())) {
                LOG.info("VM {}: it had arrived, and stays", file.vm());
                files.settle(file);
                continue;
            }
            LOG.info("VM {}: its arrival was cut short before it was under way; what was made for it goes", file.vm());
            Optional<Path> livesHere = files.hosted(file.vm()).flatMap(GuestFiles.Remembered::qmp);
            for (LaunchedGuest launched : launcher.running(file.vm())) {
                if (!livesHere.equals(Optional.of(launched.qmpSocket()))) {
                    launched.destroy();
                }
            }
            GuestTaps.remove(file.taps());
            files.forgetArrival(file.vm());
        }
    }

    /** Only what has arrived is continued. A hypervisor that does not answer is given the benefit of the doubt: a guest too many can be ended by hand, one too few is lost. */
    private static boolean hasBegun(Path qmp) {
        if (!Files.exists(qmp)) {
            return false;
        }
        try (QemuGuest guest = QemuGuest.attach(qmp, ATTACH_PATIENCE, event -> {})) {
            return switch (guest.status()) {
                case INCOMING, PAUSED, GONE -> false;
                case RUNNING, FINISHING, POSTMIGRATE, SHUT_DOWN, BROKEN -> true;
            };
        } catch (HypervisorException e) {
            boolean lives = listens(qmp);
            if (lives) {
                LOG.warn("{}: {}; whether its guest has begun here is not known, so it stays", qmp, e.getMessage());
            }
            return lives;
        }
    }

    /** Something is about to be made for a guest that comes. @param qmp empty: its hypervisor is not there yet */
    void expect(VmId vm, Optional<Path> qmp, List<String> taps) {
        files.expect(new GuestFiles.Remembered(vm.name(), qmp, taps));
    }

    void expectNoMore(VmId vm) {
        files.forgetArrival(vm.name());
    }

    /** A guest has come to stay, or is about to leave: from here on a restarted gateway must find it, whatever the table says. */
    void settled(HostedGuest guest) {
        guests.put(guest.vm, guest);
        try {
            files.settle(new GuestFiles.Remembered(guest.vm.name(), Optional.of(guest.qmp), guest.ownTaps));
        } catch (GatewayException e) {
            LOG.error("VM {} will not be found again after a restart: {}", guest.vm, e.getMessage());
        }
    }

    /** A guest has left, or never came: what was made for it goes. */
    void left(HostedGuest guest) {
        if (guests.remove(guest.vm, guest)) {
            wanted.remove(guest.vm);
        }
        guest.detach();
        guest.launched.ifPresent(LaunchedGuest::destroy);
        if (guest.launched.isEmpty()) {
            launcher.forget(guest.qmp); // a QEMU of ours that ended by itself leaves its socket behind
        }
        GuestTaps.remove(guest.ownTaps);
        files.forget(guest.vm.name(), guest.qmp);
    }

    /** The hypervisor of a VM that is not to be here is gone already, or cannot be reached: what is left of it goes. */
    synchronized void clear(VmId vm) {
        HostedGuest guest = remembered(vm);
        if (guest != null) {
            left(guest);
        }
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

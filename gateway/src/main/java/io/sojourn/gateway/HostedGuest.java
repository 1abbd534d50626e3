// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.hypervisor.GuestEvent;
import io.sojourn.hypervisor.LaunchedGuest;
import io.sojourn.hypervisor.QemuGuest;
import io.sojourn.linux.Threads;
import io.sojourn.model.identity.VmId;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * A guest of this host as the gateway holds it: its QMP connection, and what the gateway made for it and must take away again.
 * Events go to whoever holds it at the time: nobody, a {@link Departure} or an {@link Arrival}.
 */
final class HostedGuest {
    final VmId vm;
    final Path qmp;
    final Optional<LaunchedGuest> launched;
    /** Taps that this gateway made; they go with the guest. */
    final List<String> ownTaps;

    private volatile Consumer<GuestEvent> holder = event -> {};
    private volatile @org.jspecify.annotations.Nullable QemuGuest guest;
    private volatile int reader;

    HostedGuest(VmId vm, Path qmp, Optional<LaunchedGuest> launched, List<String> ownTaps) {
        this.vm = vm;
        this.qmp = qmp;
        this.launched = launched;
        this.ownTaps = List.copyOf(ownTaps);
    }

    void attach(java.time.Duration patience, Consumer<GuestEvent> everyEvent) {
        guest = QemuGuest.attach(qmp, patience, this::readingThread, event -> {
            everyEvent.accept(event);
            holder.accept(event);
        });
        Spurt.end(guest); // of a gateway that was killed in the middle of a move
    }

    private Thread readingThread(Runnable work) {
        return Thread.ofPlatform().daemon().unstarted(() -> {
            reader = Threads.current();
            work.run();
        });
    }

    /** The kernel's number of the thread that hears what the hypervisor says. It has said something by the time that there is a guest. */
    int reader() {
        return reader;
    }

    /** Whom events go to from now on. */
    void hold(Consumer<GuestEvent> newHolder) {
        holder = newHolder;
    }

    QemuGuest guest() {
        QemuGuest g = guest;
        if (g == null) {
            throw new GatewayException("VM " + vm + ": no connection to its QMP socket " + qmp);
        }
        return g;
    }

    boolean attached() {
        QemuGuest g = guest;
        return g != null && g.attached();
    }

    void detach() {
        QemuGuest g = guest;
        if (g != null) {
            g.close();
        }
    }
}

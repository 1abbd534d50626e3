// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.handoff.HandoffAction;
import io.sojourn.handoff.MigrationId;
import io.sojourn.handoff.Signal;
import io.sojourn.handoff.SignalCodec;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Where signals leave and come in: numbered and authenticated, screened, and heard in their order with the packets that are held around them. What a signal means to
 * a handoff is {@link Handoffs}' affair. Forwarder's thread only.
 */
final class SignalPort {
    /** Who listens. */
    interface Listener {
        /** One that is authentic and new, once nothing is held any more that it must come behind. */
        void heard(Signal signal, GatewayId from, long nowNs);

        /** What this gateway has to say to itself: of one handoff's machine to that same handoff. */
        void own(Signal signal);

        /** A signal about this VM was refused. */
        void refused(VmId vm, String how);

        /** Whether packets are held that the signal must wait behind; then {@link #goesOn} follows. */
        boolean waits(Signal signal, GatewayId from);
    }

    /** A sender that goes on by the old path is told again after this long. */
    static final long MOVED_EVERY_NS = TimeUnit.MILLISECONDS.toNanos(50);

    private final ForwardingTable table;
    private final WanPort wan;
    private final Counters counters;
    private final Consumer<Runnable> later;
    private final Listener listener;
    private @Nullable SignalCodec codec;
    private @Nullable SignalScreen screen;
    /** Grows with every datagram, also across restarts: it starts at the time of day. */
    private long number = WallClock.nowUs();

    /** @param later has something done on the same thread, after what is being done */
    SignalPort(ForwardingTable table, WanPort wan, Counters counters, Consumer<Runnable> later, Listener listener) {
        this.table = table;
        this.wan = wan;
        this.counters = counters;
        this.later = later;
        this.listener = listener;
    }

    void key(byte[] key) {
        SignalCodec c = new SignalCodec(key);
        codec = c;
        screen = new SignalScreen(c, counters, listener::refused);
    }

    boolean hasKey() {
        return codec != null;
    }

    /** Above all that this gateway has used in earlier lives. */
    void numberFrom(long first) {
        number = Math.max(number, first);
    }

    // --- out

    void send(GatewayId to, Signal signal) {
        Peer peer = table.peer(to);
        SignalCodec c = codec;
        if (to.equals(table.self())) {
            later.accept(() -> listener.own(signal));
        } else if (peer != null && c != null) {
            counters.add(Kind.SIGNALS_OUT);
            wan.handoffUnderWay();
            byte[] datagram = c.encode(signal, ++number);
            counters.add(Kind.SIGNAL_OCTETS, datagram.length);
            wan.sendBytes(peer, datagram);
            wan.flush();
        }
    }

    /** To ourselves it goes behind what is held of our own LAN's packets. */
    void sendInOrder(GatewayId to, Signal signal) {
        if (to.equals(table.self())) {
            later.accept(() -> inOrder(signal, to));
        } else {
            send(to, signal);
        }
    }

    void answer(List<HandoffAction> answers) {
        for (HandoffAction action : answers) {
            if (action instanceof HandoffAction.Send(GatewayId to, Signal answer)) {
                send(to, answer);
            } else if (action instanceof HandoffAction.SendInOrder(GatewayId to, Signal answer)) {
                sendInOrder(to, answer);
            }
        }
    }

    /** A gateway still sends here what is for a VM that has gone. Of a redirect nothing is said: MOVED proves that a binding is active. */
    void late(VmEntry vm, Peer from, long nowNs) {
        MigrationId tombstone = vm.tombstone;
        if (tombstone == null
                || vm.onMove
                || vm.routeEpoch != vm.epoch.number()
                || nowNs - vm.movedSaidNs < MOVED_EVERY_NS) {
            return;
        }
        vm.movedSaidNs = nowNs;
        send(from.id, new Signal(tombstone, vm.id, vm.epoch, table.self(), new Signal.Moved(vm.gateway, vm.epoch)));
    }

    // --- in

    void receive(Peer from, byte[] datagram, long nowNs) {
        SignalScreen s = screen;
        if (s != null) {
            s.admit(from, datagram, nowNs).ifPresent(signal -> {
                wan.handoffUnderWay();
                inOrder(signal, from.id);
            });
        }
    }

    /** A marker has waited behind packets that are on their way now. */
    void goesOn(Hold.Marker marker) {
        later.accept(() -> inOrder(marker.signal(), marker.from()));
    }

    private void inOrder(Signal signal, GatewayId from) {
        if (!listener.waits(signal, from)) {
            listener.heard(signal, from, System.nanoTime());
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.label.ControlMessage;
import io.sojourn.label.Flow;
import io.sojourn.label.FlowTransfer;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.SojournDatagram;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What labels do at the steps of a move. COPY, HOLD: the source sends the destination what it knows of the VM's connections. ACTIVATE: the destination resumes each, from an address of its own. What other
 * boundaries still say to the source goes after the VM, as it came. Forwarder's thread.
 *
 * <pre>
 *   {@link KeyedDatagrams} of type 15 | kind: 1 FOLLOW, others are of {@link LabelIntroductions} | body: family 4 or 6 (8) | who said it (32 or 128) | what
 * </pre>
 */
final class LabelMoves implements MovedState {
    private static final Logger LOG = LoggerFactory.getLogger(LabelMoves.class);
    private static final int FOLLOW = 1;
    /** States of VMs that never came are forgotten. */
    private static final long KEPT_NS = TimeUnit.MINUTES.toNanos(30);
    /** What a VM's old site knows is good for what is late. */
    private static final long LATE_NS = TimeUnit.SECONDS.toNanos(60);

    private static final long SWEEP_NS = TimeUnit.SECONDS.toNanos(5);
    private static final int EARLY_MOST = 1024;

    private static final class Leaving {
        final VmEntry vm;
        final Peer to;
        final long epoch;
        boolean held;

        Leaving(VmEntry vm, Peer to, long epoch) {
            this.vm = vm;
            this.to = to;
            this.epoch = epoch;
        }
    }

    /** It has come ahead of its VM. */
    private record Ahead(long epoch, byte[] state, long sinceNs) {}

    /** A message about a connection that is not here yet. */
    private record Early(byte[] message, IpAddress from, long atNs) {}

    private final ForwardingTable table;
    private final WanPort wan;
    private final Counters counters;
    private final LabelPath path;
    private final NodeStates states;
    private final KeyedDatagrams datagrams;
    private final Map<VmId, Leaving> leaving = new HashMap<>();
    private final Map<VmId, Ahead> ahead = new HashMap<>();
    private final ArrayDeque<Early> early = new ArrayDeque<>();
    private long number = WallClock.nowUs();
    private long sweptNs;

    LabelMoves(ForwardingTable table, WanPort wan, Counters counters, LabelPath path) {
        this.table = table;
        this.wan = wan;
        this.counters = counters;
        this.path = path;
        this.states = new NodeStates(SojournDatagram.LABEL_STATE, table, wan, counters, this::arrived);
        this.datagrams = new KeyedDatagrams(SojournDatagram.LABEL_CONTROL, table, counters);
    }

    void key(byte[] key) {
        states.key(key);
        datagrams.key(key);
    }

    NodeStates states() {
        return states;
    }

    private boolean isHere(VmEntry vm) {
        return vm.gateway.equals(table.self());
    }

    /** Whose end of the connection is ours; null: a host's. */
    private @Nullable VmEntry vmOf(Flow flow) {
        IpAddress own = flow.own().address();
        for (LabelNetwork here : path.networks()) {
            VmEntry vm = here.network.vmByAddress.get(own.isV6(), own.high(), own.low());
            if (vm != null) {
                return vm;
            }
        }
        return null;
    }

    private List<Flow> flowsOf(VmEntry vm) {
        return path.boundary().flows(flow -> vmOf(flow) == vm);
    }

    private boolean isLabelled(VmEntry vm) {
        return path.networks().stream()
                .anyMatch(here ->
                        vm.nics.stream().anyMatch(nic -> nic.network() == here.network) && vm.isLabelled(here.network));
    }

    /** It was stopped, and not to move; or goes on. */
    void guestRuns(VmEntry vm, boolean runs) {
        List<Flow> flows = flowsOf(vm);
        if (!flows.isEmpty()) {
            LOG.info(
                    "VM {}: {}, {} connections by label are told",
                    vm.id,
                    runs ? "goes on" : "was stopped",
                    flows.size());
        }
        for (Flow flow : flows) {
            if (runs) {
                path.boundary().runs(flow, LabelPath.nowMs());
            } else {
                path.boundary().stopped(flow, LabelPath.nowMs());
            }
        }
        path.hurry();
    }

    @Override
    public String mechanism() {
        return "label";
    }

    // --- at the source

    @Override
    public void leaves(VmEntry vm, GatewayId to, long epoch, long nowNs) {
        Peer peer = table.peer(to);
        if (peer != null && isLabelled(vm)) {
            Leaving begun = new Leaving(vm, peer, epoch);
            leaving.put(vm.id, begun);
            send(begun, nowNs);
        }
    }

    @Override
    public void held(VmEntry vm, long nowNs) {
        Leaving begun = leaving.get(vm.id);
        if (begun != null) {
            begun.held = true;
            send(begun, nowNs);
        }
    }

    private void send(Leaving begun, long nowNs) {
        states.send(begun.to, begun.vm.id, 0, begun.epoch, FlowTransfer.write(flowsOf(begun.vm)), nowNs);
        path.hurry();
    }

    /** Passes on what is said about a connection whose VM has gone, or is about to. @return false: it is ours to hear */
    boolean follows(byte[] message, IpAddress from) {
        Flow flow = path.boundary().meant(message);
        VmEntry vm = flow == null ? null : vmOf(flow);
        if (vm == null) {
            return false;
        }
        Leaving begun = leaving.get(vm.id);
        Peer next = begun != null && begun.held ? begun.to : isHere(vm) ? null : vm.route;
        if (next == null) {
            return false;
        }
        path.boundary().overhear(message, from);
        byte[] address = from.toBytes();
        byte[] body = ByteBuffer.allocate(1 + address.length + message.length)
                .put((byte) (from.isV6() ? 6 : 4))
                .put(address)
                .put(message)
                .array();
        if (datagrams.hasKey()) {
            wan.sendBytes(next, datagrams.write(FOLLOW, ++number, body));
            counters.add(Kind.RELAYED);
        }
        return true;
    }

    // --- at the destination

    /** Another gateway passes on what was said to it. */
    void heard(Peer from, byte[] datagram) {
        KeyedDatagrams.Heard heard = datagrams.read(from, datagram);
        if (heard == null) {
            return;
        }
        if (heard.kind() != FOLLOW) {
            path.introductions().heard(from, heard);
            return;
        }
        try {
            ByteBuffer in = heard.body();
            byte[] address = new byte[in.get() == 6 ? 16 : 4];
            in.get(address);
            byte[] message = new byte[in.remaining()];
            in.get(message);
            if (!ControlMessage.isOne(message)) {
                counters.drop(DropReason.MALFORMED_CONTROL);
                return;
            }
            DropReason why = path.heard(message, IpAddress.of(address));
            if (why.isDrop()) {
                counters.drop(why);
            }
        } catch (BufferUnderflowException e) {
            counters.drop(DropReason.MALFORMED_CONTROL);
        }
    }

    /** Something is said about a connection that may be on its way here. @return false: none is */
    boolean keep(byte[] message, IpAddress from) {
        if (ahead.isEmpty() || early.size() >= EARLY_MOST) {
            return false;
        }
        early.add(new Early(message, from, System.nanoTime()));
        return true;
    }

    private void arrived(GatewayId from, VmId id, long nid, long epoch, byte[] state, long nowNs) {
        VmEntry vm = table.vm(id);
        if (vm == null) {
            return;
        }
        ahead.put(id, new Ahead(epoch, state, nowNs));
        if (isHere(vm) && vm.epoch.number() == epoch) {
            adopt(vm, epoch); // the guest was faster
        }
    }

    @Override
    public void activated(VmEntry vm, GatewayId from, long epoch, long nowNs) {
        leaving.remove(vm.id);
        if (isLabelled(vm)) {
            path.services().arrived(vm, nowNs);
            adopt(vm, epoch);
        }
    }

    private void adopt(VmEntry vm, long epoch) {
        Ahead state = ahead.remove(vm.id);
        List<Flow> flows = state == null || state.epoch() != epoch
                ? List.of()
                : FlowTransfer.read(state.state(), LabelPath.FLOWS_MOST, LabelPath.nowMs())
                        .orElse(List.of());
        int adopted = path.boundary().adopt(flows, path::placeOf, LabelPath.nowMs());
        LOG.info(
                "VM {}: {} connections by label go on from here{}",
                vm.id,
                adopted,
                state == null ? "; what the other boundary knew of them has not come" : "");
        for (Early said = early.poll(); said != null; said = early.poll()) {
            DropReason why = path.boundary().heard(said.message(), said.from(), LabelPath.nowMs());
            if (why.isDrop()) {
                counters.drop(why);
            }
        }
        path.hurry();
    }

    // --- time

    /** Whether there is something to be called soon for. */
    boolean tick(long nowNs) {
        states.tick(nowNs);
        leaving.values().removeIf(begun -> !begun.vm.onMove || !isHere(begun.vm));
        ahead.values().removeIf(state -> nowNs - state.sinceNs() > KEPT_NS);
        early.removeIf(said -> nowNs - said.atNs() > LATE_NS);
        if (nowNs - sweptNs > SWEEP_NS) {
            sweptNs = nowNs;
            path.boundary()
                    .flows(flow -> {
                        VmEntry vm = vmOf(flow);
                        return vm != null && !isHere(vm) && nowNs - vm.movedNs > LATE_NS;
                    })
                    .forEach(path.boundary()::leave);
        }
        return states.isWaiting();
    }
}

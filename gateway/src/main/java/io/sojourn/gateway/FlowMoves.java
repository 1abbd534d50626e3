// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.flow.FlowRecord;
import io.sojourn.flow.FlowTable;
import io.sojourn.gateway.Counters.Kind;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.wire.DropReason;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A VM's flows go ahead of it. COPY: all that are known, a few at a time, and what changes; HOLD, and when the guest has fallen silent: what has changed since. ACTIVATE: whose flow is not known yet at the destination leaves by way of
 * the source, until everything is there. Afterwards the source's table forgets what neither leaves there nor is of the binding that is in force: nothing is deleted because a move ended. Forwarder's thread.
 */
final class FlowMoves implements MovedState, FlowDatagrams.Taker {
    private static final long AGAIN_NS = TimeUnit.MILLISECONDS.toNanos(50);
    /** Longer than any WAN needs to bring what the source knows. */
    private static final long AWAITED_NS = TimeUnit.SECONDS.toNanos(1);

    /** Of the gateway by which a flow leaves that does not leave. */
    private static final long NOWHERE = 0;

    private static final int PARTS_MOST = 1 << 20;
    private static final int LOOKED_AT_ONCE = 10_000;
    private static final long SWEEP_EVERY_NS = TimeUnit.MILLISECONDS.toNanos(100);
    /** Each is looked at once in so many sweeps. */
    private static final int SWEEPS = 300;

    private static final class Leaving {
        final VmEntry vm;
        final Peer to;
        final long epoch;
        /** The first that has not been looked at; 0: all have. */
        int cursor = 1;
        /** As the table counts them: what changed later has not been sent. */
        int changes;

        int parts;
        boolean silent;
        int saidAll = -1;
        long lookedNs;

        Leaving(VmEntry vm, Peer to, long epoch, int changes) {
            this.vm = vm;
            this.to = to;
            this.epoch = epoch;
            this.changes = changes;
        }
    }

    private static final class Arriving {
        final GatewayId from;
        final long epoch;
        final BitSet parts = new BitSet();
        int of = -1;

        Arriving(GatewayId from, long epoch) {
            this.from = from;
            this.epoch = epoch;
        }

        boolean isComplete() {
            return parts.cardinality() == of;
        }
    }

    private final ForwardingTable table;
    private final FlowBook book;
    private final FlowPath path;
    private final Counters counters;
    private final FlowDatagrams datagrams;
    private final FlowRecord record = new FlowRecord();
    private final ByteBuffer records = ByteBuffer.allocate(FlowDatagrams.RECORDS_BYTES);
    private final Map<VmId, Leaving> leaving = new HashMap<>();
    private final Map<VmId, Arriving> arriving = new HashMap<>();
    private long sweptNs;

    FlowMoves(ForwardingTable table, WanPort wan, FlowBook book, FlowPath path, Counters counters) {
        this.table = table;
        this.book = book;
        this.path = path;
        this.counters = counters;
        this.datagrams = new FlowDatagrams(table, wan, counters, this);
    }

    FlowDatagrams datagrams() {
        return datagrams;
    }

    private boolean concerns(VmEntry vm) {
        return path.isUsed() || vm.guarded();
    }

    @Override
    public String mechanism() {
        return "flows";
    }

    // --- at the source

    @Override
    public void leaves(VmEntry vm, GatewayId to, long epoch, long nowNs) {
        Peer peer = table.peer(to);
        if (peer != null && concerns(vm)) {
            leaving.put(vm.id, new Leaving(vm, peer, epoch, book.flows().changes()));
            tick(nowNs);
        }
    }

    @Override
    public void held(VmEntry vm, long nowNs) {
        Leaving begun = leaving.get(vm.id);
        if (begun != null) {
            while (begun.cursor != 0) {
                more(begun, nowNs);
            }
            changed(begun, nowNs);
        }
    }

    @Override
    public void silent(VmEntry vm, long nowNs) {
        Leaving begun = leaving.get(vm.id);
        if (begun != null) {
            held(vm, nowNs);
            begun.silent = true;
            all(begun, nowNs);
        }
    }

    private void all(Leaving begun, long nowNs) {
        if (begun.saidAll != begun.parts) {
            begun.saidAll = begun.parts;
            datagrams.all(begun.to, begun.vm.id, begun.epoch, begun.parts, nowNs);
        }
    }

    /** The next of all flows, whosever they are: their numbers stay, whatever changes meanwhile. */
    private void more(Leaving begun, long nowNs) {
        FlowTable flows = book.flows();
        int number = book.vm(begun.vm);
        int end = Math.min(flows.limit(), begun.cursor + LOOKED_AT_ONCE);
        for (int flow = begun.cursor; flow < end; flow++) {
            if (flows.isUsed(flow) && flows.vm(flow) == number) {
                put(begun, flow, nowNs);
            }
        }
        begun.cursor = end == flows.limit() ? 0 : end;
        flush(begun, nowNs);
    }

    private void changed(Leaving begun, long nowNs) {
        FlowTable flows = book.flows();
        int since = begun.changes;
        begun.changes = flows.changes();
        begun.lookedNs = nowNs;
        for (int flow = flows.firstOf(book.vm(begun.vm));
                flow != FlowTable.NONE && flows.isChanged(flow, since);
                flow = flows.nextOf(flow)) {
            put(begun, flow, nowNs);
        }
        flush(begun, nowNs);
    }

    private void put(Leaving begun, int flow, long nowNs) {
        if (records.remaining() < FlowRecord.MOST_BYTES) {
            flush(begun, nowNs);
        }
        FlowTable flows = book.flows();
        boolean stays = flows.owner(flow) == FlowTable.HERE && !flows.isTranslated(flow);
        long owner = stays ? NOWHERE : Peer.numberOf(book.owner(flows.owner(flow)));
        record.write(flows, flow, owner, FlowBook.second(nowNs), records);
        counters.add(Kind.FLOWS_SENT);
    }

    private void flush(Leaving begun, long nowNs) {
        if (records.position() > 0) {
            byte[] octets = Arrays.copyOf(records.array(), records.position());
            datagrams.flows(begun.to, begun.vm.id, begun.epoch, begun.parts++, octets, nowNs);
            records.clear();
        }
    }

    // --- at the destination

    @Override
    public void expected(VmEntry vm, GatewayId from, long epoch) {
        Arriving before = arriving.get(vm.id);
        if (before == null || before.epoch != epoch) {
            arriving.put(vm.id, new Arriving(from, epoch));
        }
    }

    @Override
    public void activated(VmEntry vm, GatewayId from, long epoch, long nowNs) {
        leaving.remove(vm.id);
        expected(vm, from, epoch);
        Arriving state = arriving.get(vm.id);
        if (concerns(vm) && state != null && !state.isComplete()) {
            vm.flowsAwaitedFrom = from;
            vm.flowsAwaitedUntilNs = nowNs + AWAITED_NS;
        }
    }

    /** What comes of the VM: only from where it was, and of its latest move to here; null: it is not that. */
    private @Nullable Arriving expected(GatewayId from, VmId vm, long epoch) {
        Arriving state = arriving.get(vm);
        return state != null && state.epoch == epoch && state.from.equals(from) ? state : null;
    }

    @Override
    public boolean flows(GatewayId from, VmId id, long epoch, int part, ByteBuffer in, long nowNs) {
        VmEntry vm = table.vm(id);
        Arriving state = expected(from, id, epoch);
        if (vm == null || state == null || part < 0 || part > PARTS_MOST) {
            counters.drop(DropReason.STALE_EPOCH);
            return false;
        }
        while (!state.parts.get(part) && in.hasRemaining()) {
            record.read(in);
            take(vm, epoch, nowNs);
        }
        state.parts.set(part);
        complete(vm, state, nowNs);
        return true;
    }

    @Override
    public boolean all(GatewayId from, VmId id, long epoch, int parts, long nowNs) {
        VmEntry vm = table.vm(id);
        Arriving state = expected(from, id, epoch);
        if (vm == null || state == null) {
            return false;
        }
        state.of = Math.max(state.of, parts);
        complete(vm, state, nowNs);
        return true;
    }

    private static void complete(VmEntry vm, Arriving state, long nowNs) {
        if (state.isComplete() && vm.flowsAwaitedUntilNs - nowNs > 0) {
            vm.flowsAwaitedUntilNs = nowNs;
        }
    }

    private void take(VmEntry vm, long epoch, long nowNs) {
        VirtualNetwork network = table.network(record.key.realm());
        if (network == null
                || network.vmByAddress.get(record.key.isV6(), record.key.localHigh(), record.key.localLow()) != vm) {
            counters.drop(DropReason.UNKNOWN_SOURCE);
            return;
        }
        FlowTable flows = book.flows();
        int second = FlowBook.second(nowNs);
        int owner = owner(record.owner());
        int flow = flows.find(record.key);
        if (flow == FlowTable.NONE) {
            flow = flows.add(record.key, book.vm(vm), epoch, owner, record.isLocalFirst(), record.state(), second);
        } else {
            flows.epoch(flow, epoch);
            if (flows.owner(flow) != owner) {
                flows.owner(flow, owner, epoch);
            }
            if (owner != FlowTable.HERE && flows.state(flow) != record.state()) {
                flows.state(flow, record.state());
            }
            flows.seenS(flow, second);
        }
        counters.add(Kind.FLOWS_TAKEN);
    }

    private int owner(long number) {
        if (number == NOWHERE || number == Peer.numberOf(table.self())) {
            return FlowTable.HERE;
        }
        Peer peer = table.peer(number);
        return peer == null ? FlowTable.HERE : book.owner(peer.id);
    }

    // --- time

    /** Whether there is something to be called soon for. */
    boolean tick(long nowNs) {
        FlowTable flows = book.peek();
        if (flows == null && leaving.isEmpty() && !datagrams.isWaiting()) {
            return false;
        }
        datagrams.tick(nowNs);
        if (!leaving.isEmpty()) {
            goOn(nowNs);
        }
        if (flows != null && nowNs - sweptNs > SWEEP_EVERY_NS) {
            sweptNs = nowNs;
            int second = FlowBook.second(nowNs);
            flows.sweep(flows.limit() / SWEEPS + 16, second, this::forgets);
        }
        return !leaving.isEmpty() || datagrams.isWaiting();
    }

    private void goOn(long nowNs) {
        leaving.values().removeIf(begun -> !begun.vm.onMove);
        for (Leaving begun : leaving.values()) {
            if (begun.cursor != 0 && datagrams.hasRoom()) {
                more(begun, nowNs);
            } else if (!begun.silent && nowNs - begun.lookedNs > AGAIN_NS) {
                changed(begun, nowNs);
            }
        }
    }

    /** What is not of the binding in force, and does not leave here, is nobody's; what may still be told of is kept. */
    private boolean forgets(int flow, boolean isOver) {
        FlowTable flows = book.flows();
        VmEntry vm = book.vm(flows.vm(flow));
        if (vm == null) {
            return true;
        }
        if (vm.onMove) {
            return false;
        }
        boolean stale = !flows.isTranslated(flow) && !vm.local && flows.epoch(flow) < vm.boundEpoch;
        return isOver || stale;
    }
}

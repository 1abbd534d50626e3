// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.flow.FlowKey;
import io.sojourn.flow.FlowKey.Found;
import io.sojourn.flow.FlowState;
import io.sojourn.flow.FlowTable;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.NeighborDiscovery;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.Tcp;
import java.util.concurrent.TimeUnit;

/**
 * Security rules, where the VM is: what belongs to a flow that has begun passes, what begins is judged. Packets of VMs without rules never come here. Forwarder's thread.
 */
final class FlowGuard {
    /** So long after a VM's first rule TCP sessions that show are taken as begun. */
    private static final long PICKED_UP_NS = TimeUnit.SECONDS.toNanos(30);

    private final FlowBook book;
    private final Counters counters;
    private final FlowKey key = new FlowKey();
    private final ParsedFrame parsed = new ParsedFrame();

    FlowGuard(FlowBook book, Counters counters) {
        this.book = book;
        this.counters = counters;
    }

    /** Whether a run may go to the guest; what may not is counted. */
    boolean admits(VmEntry vm, VirtualNetwork network, FrameRun run, long nowNs) {
        if (parsed.parse(run.memory(), run.frameAt(), run.frameLength()).isDrop()) {
            return false;
        }
        if (!parsed.isIp() || passes(vm, network, run, parsed, false, nowNs)) {
            return true; // who has an address is not a flow's business
        }
        for (int i = 0; i < run.count(); i++) {
            counters.drop(DropReason.FILTERED);
        }
        return false;
    }

    /** A TCP session that began before anybody judged. */
    private static boolean isUnderWay(VmEntry vm, ParsedFrame f, long nowNs) {
        return f.protocol() == IpProtocol.TCP
                && !f.isFragment()
                && (f.tcpFlags() & (Tcp.SYN | Tcp.RST)) == 0
                && nowNs - vm.guardedSinceNs < PICKED_UP_NS;
    }

    /** @param f the first of the run, parsed: IP */
    boolean passes(VmEntry vm, VirtualNetwork network, FrameRun run, ParsedFrame f, boolean fromVm, long nowNs) {
        Found found = key.of(run.memory(), f, network.vni, fromVm);
        if (found == Found.LATER_FRAGMENT || f.ndKind() != NeighborDiscovery.Kind.NONE) {
            return true; // of no use without the first one, which is judged
        }
        FlowTable flows = book.flows();
        int second = FlowBook.second(nowNs);
        int flow = found == Found.NOTHING ? FlowTable.NONE : flows.find(key);
        if (flow != FlowTable.NONE) {
            if (found == Found.FLOW) {
                flows.saw(flow, fromVm, run.tcpFlags(f), second);
            }
            return true;
        }
        boolean awaited = fromVm && nowNs - vm.flowsAwaitedUntilNs < 0 && vm.flowsAwaitedFrom != null;
        if (awaited && FlowPath.isWorld(network, f.isV6(), f.destinationHigh(), f.destinationLow())) {
            return true; // it goes by way of where the VM was, and is judged there
        }
        if (found != Found.FLOW || !vm.rules.allows(key, !fromVm) && !isUnderWay(vm, f, nowNs)) {
            return false;
        }
        flows.add(key, book.vm(vm), vm.boundEpoch, FlowTable.HERE, fromVm, FlowState.NEW, second);
        return true;
    }
}

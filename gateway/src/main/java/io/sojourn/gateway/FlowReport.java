// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.flow.FlowKey;
import io.sojourn.flow.FlowTable;
import io.sojourn.flow.FlowTiming;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.rpc.FlowInfo;
import io.sojourn.rpc.Flows;
import io.sojourn.wire.IpProtocol;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** What is known here of a VM's flows, for a person. Forwarder's thread. */
final class FlowReport {
    private FlowReport() {}

    /** @param most flows that are described; all are counted */
    static Flows of(FlowBook book, VmEntry vm, int most, long nowNs) {
        Flows.Builder report = Flows.newBuilder();
        FlowTable flows = book.peek();
        if (flows == null) {
            return report.build();
        }
        int second = FlowBook.second(nowNs);
        Map<String, Integer> byEgress = new TreeMap<>();
        int described = 0;
        for (int flow = flows.firstOf(book.vm(vm)); flow != FlowTable.NONE; flow = flows.nextOf(flow)) {
            String egress = egress(book, flows, flow);
            if (!egress.isEmpty()) {
                byEgress.merge(egress, 1, Integer::sum);
            }
            if (described++ < most) {
                report.addFlows(describe(flows, flow, egress, second));
            }
        }
        return report.setOfVm(flows.countOf(book.vm(vm)))
                .putAllByEgress(byEgress)
                .setInTable(flows.size())
                .setCapacity(flows.capacity())
                .build();
    }

    private static String egress(FlowBook book, FlowTable flows, int flow) {
        boolean stays = flows.owner(flow) == FlowTable.HERE && !flows.isTranslated(flow);
        return stays ? "" : book.owner(flows.owner(flow)).name();
    }

    private static FlowInfo describe(FlowTable flows, int flow, String egress, int second) {
        FlowKey key = flows.key(flow, new FlowKey());
        int idleS = second - flows.seenS(flow);
        FlowInfo.Builder info = FlowInfo.newBuilder()
                .setProtocol(protocol(key.protocol()))
                .setLocal(end(key.isV6(), key.localHigh(), key.localLow(), key.localPort()))
                .setRemote(end(key.isV6(), key.remoteHigh(), key.remoteLow(), key.remotePort()))
                .setEgress(egress)
                .setState(flows.state(flow).name().toLowerCase(Locale.ROOT).replace('_', '-'))
                .setIdleS(idleS)
                .setEndsInS(Math.max(0, FlowTiming.DEFAULT.seconds(key.protocol(), flows.state(flow)) - idleS))
                .setAgeS(second - flows.sinceS(flow));
        if (flows.isTranslated(flow) && flows.owner(flow) == FlowTable.HERE) {
            info.setOuter(end(key.isV6(), flows.outerHigh(flow), flows.outerLow(flow), flows.outerPort(flow)));
        }
        return info.build();
    }

    private static String end(boolean v6, long high, long low, int port) {
        String address = new IpAddress(v6, high, low).toString();
        return v6 ? "[" + address + "]:" + port : address + ":" + port;
    }

    private static String protocol(int number) {
        return switch (number) {
            case IpProtocol.TCP -> "tcp";
            case IpProtocol.UDP -> "udp";
            case IpProtocol.ICMP -> "icmp";
            case IpProtocol.ICMPV6 -> "icmp6";
            default -> Integer.toString(number);
        };
    }
}

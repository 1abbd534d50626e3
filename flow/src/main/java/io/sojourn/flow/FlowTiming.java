// SPDX-License-Identifier: Apache-2.0
package io.sojourn.flow;

import io.sojourn.wire.IpProtocol;

/**
 * After how many seconds without a packet a flow is over.
 *
 * @param tcpS established, or closed on one side only: not less than 2 hours 4 minutes (RFC 5382, REQ-5)
 * @param tcpTransitoryS opening or closed: not less than 4 minutes (the same)
 * @param udpS answered: 5 minutes are recommended (RFC 4787, REQ-5)
 * @param udpNewS not answered: not less than 2 minutes (the same)
 * @param icmpS queries: not less than 60 s (RFC 5508, REQ-1)
 * @param otherS of any other protocol
 */
public record FlowTiming(int tcpS, int tcpTransitoryS, int udpS, int udpNewS, int icmpS, int otherS) {
    public static final FlowTiming DEFAULT = new FlowTiming(7_440, 240, 300, 120, 60, 600);

    /** Of a flow of that protocol in that state. */
    public int seconds(int protocol, FlowState state) {
        return switch (protocol) {
            case IpProtocol.TCP -> state.isLive() ? tcpS : tcpTransitoryS;
            case IpProtocol.UDP, IpProtocol.UDP_LITE -> state.isLive() ? udpS : udpNewS;
            case IpProtocol.ICMP, IpProtocol.ICMPV6 -> icmpS;
            default -> otherS;
        };
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.List;

/**
 * A second way of a site to the WAN, a place of its own there: its address, and a page, are routed to it.
 *
 * @param number of its addresses on the WAN, as a site has one
 */
record Uplink(String name, Topology.Site site, int number) {
    static final String DEVICE = "wan1";
    /** Worse than that of the first. */
    private static final int METRIC = 4_096;

    String page4() {
        return "100." + (80 + number) + ".0.0/16";
    }

    String page6() {
        return "fd50:" + number + "::/48";
    }

    void furnish(Place host) {
        host.ip(List.of("tuntap add dev " + DEVICE + " mode tun"));
        host.sysctl(
                "net/ipv6/conf/" + DEVICE + "/disable_ipv6=0", "net/ipv6/conf/" + DEVICE + "/router_solicitations=0");
        host.ip(List.of(
                "addr add " + Topology.wanAddress4(number) + "/24 dev " + DEVICE,
                "addr add " + Topology.wanAddress6(number) + "/64 dev " + DEVICE + " nodad",
                "link set " + DEVICE + " txqueuelen 10000",
                "link set " + DEVICE + " up",
                "route add default dev " + DEVICE + " metric " + METRIC,
                "route add ::/0 dev " + DEVICE + " metric " + METRIC));
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import io.sojourn.lab.Place;
import io.sojourn.lab.Run;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Four network namespaces in a row: host, gateway, gateway, host. What carries packets between the gateways is not made here. */
final class Bed {
    static final String HOST_B = "10.10.2.20";
    static final String HOST_B_6 = "fd10:10:2::20";
    static final String WAN_A = "100.64.0.1";
    static final String WAN_B = "100.64.0.2";
    static final String BRIDGE = "br-blue";

    final Run run;
    final String name;
    final Place hostA;
    final Place gatewayA;
    final Place gatewayB;
    final Place hostB;

    private Bed(Run run, String name) {
        this.run = run;
        this.name = name;
        hostA = run.addPlace(name + "ha");
        gatewayA = run.addPlace(name + "ga");
        gatewayB = run.addPlace(name + "gb");
        hostB = run.addPlace(name + "hb");
    }

    /**
     * @param bridged the hosts hang on a bridge, for a gateway that works at Ethernet; else the gateways route
     * @param mtuBytes the largest packet that fits what lies between the gateways
     */
    static Bed build(Run run, String name, boolean bridged, int mtuBytes) {
        Bed bed = new Bed(run, name);
        for (Place place : List.of(bed.hostA, bed.gatewayA, bed.gatewayB, bed.hostB)) {
            place.sysctl(
                    "net/ipv6/conf/default/accept_dad=0", "net/ipv6/conf/all/forwarding=1", "net/ipv4/ip_forward=1");
            place.ip(List.of("link set lo up"));
        }
        bed.gatewayA.ip(List.of("link add wan type veth peer name wan netns " + bed.gatewayB.namespace()));
        bed.side(bed.gatewayA, bed.hostA, 1, bridged, mtuBytes);
        bed.side(bed.gatewayB, bed.hostB, 2, bridged, mtuBytes);
        return bed;
    }

    private void side(Place gateway, Place host, int number, boolean bridged, int mtuBytes) {
        gateway.ip(List.of(
                "addr add 100.64.0." + number + "/24 dev wan",
                "addr add fd64::" + number + "/64 dev wan nodad",
                "link set wan up",
                "link add lan type veth peer name eth0 netns " + host.namespace()));
        if (bridged) {
            gateway.sysctl("net/ipv6/conf/lan/disable_ipv6=1", "net/ipv6/conf/default/disable_ipv6=1");
            if (Files.exists(Path.of("/proc/sys/net/bridge"))) {
                // As libvirt has it on hosts with bridges: the firewall is not asked about each frame.
                gateway.sysctl("net/bridge/bridge-nf-call-iptables=0", "net/bridge/bridge-nf-call-ip6tables=0");
            }
            gateway.ip(List.of(
                    "link add " + BRIDGE + " type bridge mcast_snooping 0 forward_delay 0",
                    "link set " + BRIDGE + " up",
                    "link set lan master " + BRIDGE + " up"));
        } else {
            gateway.ip(List.of(
                    "addr add 10.10." + number + ".1/24 dev lan",
                    "addr add fd10:10:" + number + "::1/64 dev lan nodad",
                    "link set lan up"));
        }
        host.ip(List.of(
                "addr add 10.10." + number + ".20/24 dev eth0",
                "addr add fd10:10:" + number + "::20/64 dev eth0 nodad",
                "link set eth0 up",
                "route add default via 10.10." + number + ".1 mtu " + mtuBytes,
                "route add default via fd10:10:" + number + "::1 mtu " + mtuBytes));
    }

    /** The other site's hosts are behind {@code via}, such as {@code via 100.64.0.2} or {@code dev tun0}, at both gateways. */
    void route(String viaB, String viaA, boolean v6, String via6B, String via6A) {
        gatewayA.ip(List.of("route add 10.10.2.0/24 " + viaB));
        gatewayB.ip(List.of("route add 10.10.1.0/24 " + viaA));
        if (v6) {
            gatewayA.ip(List.of("route add fd10:10:2::/64 " + via6B));
            gatewayB.ip(List.of("route add fd10:10:1::/64 " + via6A));
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import io.sojourn.lab.Run;
import java.util.List;

/** What Linux does by itself: the bounds of everything else. */
record KernelWay(String name, Bed bed) implements Way {
    private static final int VXLAN_MTU = 1450;

    /** The gateways forward. */
    static KernelWay direct(Run run) {
        Bed bed = Bed.build(run, "di", false, 1500);
        bed.route("via " + Bed.WAN_B, "via " + Bed.WAN_A, true, "via fd64::2", "via fd64::1");
        return new KernelWay("direct", bed);
    }

    /** The gateways forward into a vxlan device each (RFC 7348). */
    static KernelWay vxlan(Run run) {
        Bed bed = Bed.build(run, "vx", false, VXLAN_MTU);
        bed.gatewayA.ip(device(Bed.WAN_A, Bed.WAN_B, 1));
        bed.gatewayB.ip(device(Bed.WAN_B, Bed.WAN_A, 2));
        bed.route("via 10.99.0.2", "via 10.99.0.1", true, "via fd99::2", "via fd99::1");
        return new KernelWay("kernel-vxlan", bed);
    }

    private static List<String> device(String local, String remote, int number) {
        return List.of(
                "link add vx0 type vxlan id 42 local " + local + " remote " + remote + " dstport 4789",
                "addr add 10.99.0." + number + "/24 dev vx0",
                "addr add fd99::" + number + "/64 dev vx0 nodad",
                "link set vx0 up");
    }

    @Override
    public String version() {
        return "Linux " + System.getProperty("os.version");
    }
}

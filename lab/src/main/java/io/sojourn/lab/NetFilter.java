// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.ArrayList;
import java.util.List;

/** NATs and firewalls of the lab: the kernel's own (nftables), in their place's namespace. */
final class NetFilter {
    private NetFilter() {}

    /** What leaves by the WAN has this place's address from here on; what comes is let in if it answers. */
    static void masquerade(Place nat) {
        rules(
                nat,
                "table inet nat {",
                " chain out { type nat hook postrouting priority srcnat; oifname " + Lab.WAN_DEVICE + " masquerade; }",
                " chain in { type filter hook forward priority filter; policy accept;",
                "  iifname " + Lab.WAN_DEVICE + " ct state new drop; }",
                // As routers do: what is for nobody leaves no trace, or it would take the place that an answer needs.
                " chain self { type filter hook input priority filter; policy accept;",
                "  iifname " + Lab.WAN_DEVICE + " icmp type echo-request accept;",
                "  iifname " + Lab.WAN_DEVICE + " ct state new drop; }",
                "}");
    }

    /** Nobody reaches this place who has not been spoken to; ping is answered, so that the underlay can be measured. */
    static void outboundOnly(Place place) {
        rules(
                place,
                "table inet firewall {",
                " chain in { type filter hook input priority filter; policy accept;",
                "  iifname " + Lab.WAN_DEVICE + " icmp type echo-request accept;",
                "  iifname " + Lab.WAN_DEVICE + " ct state new,invalid counter drop; }",
                "}");
    }

    /** How many packets the firewall of {@link #outboundOnly} has turned away. */
    static long turnedAway(Place place) {
        return counted(place.run("nft", "list", "table", "inet", "firewall"));
    }

    /** Nothing passes between the two addresses here, from now on. */
    static void block(Place router, String address) {
        rules(
                router,
                "table inet block {",
                " chain between { type filter hook forward priority -10; policy accept;",
                "  ip saddr " + address + " drop; ip daddr " + address + " drop; }",
                "}");
    }

    static void unblock(Place router) {
        router.run("nft", "delete", "table", "inet", "block");
    }

    /** An uplink that carries no more packets than that towards this place. */
    static void narrow(Place place, String device, int packetsPerS) {
        rules(
                place,
                "table inet narrow {",
                " chain in { type filter hook prerouting priority -20; policy accept;",
                "  iifname " + device + " limit rate over " + packetsPerS + "/second burst 20 packets drop; }",
                "}");
    }

    /** No Locator Update is let in any more. */
    static void deafToUpdates(Place place) {
        rules(
                place,
                "table inet deaf {",
                " chain in { type filter hook prerouting priority -10; policy accept;",
                "  iifname " + Lab.WAN_DEVICE + " icmpv6 type 156 counter drop; }",
                "}");
    }

    /** Whether one has been dropped since. */
    static boolean hasMissedUpdates(Place place) {
        String rules = place.run("nft", "list", "table", "inet", "deaf");
        return !rules.contains("counter packets 0 ");
    }

    static void hearsAgain(Place place) {
        place.run("nft", "delete", "table", "inet", "deaf");
    }

    /** Label options are taken out of whatever is routed here, as by a firewall that does not know them. */
    static void stripLabels(Place router) {
        rules(
                router,
                "table inet strip {",
                " chain through { type filter hook forward priority -10; policy accept;",
                "  tcp flags & syn == syn counter reset tcp option 253",
                " }",
                "}");
    }

    /** Segments of TCP that come from the WAN are counted, from now on. */
    static void countTcp(Place place) {
        rules(
                place,
                "table inet spoils {",
                " chain in { type filter hook prerouting priority -10; policy accept;",
                "  iifname " + Lab.WAN_DEVICE + " meta l4proto tcp counter; }",
                "}");
    }

    static long countedTcp(Place place) {
        return counted(place.run("nft", "list", "table", "inet", "spoils"));
    }

    private static long counted(String rules) {
        var counter = java.util.regex.Pattern.compile("counter packets (\\d+)").matcher(rules);
        return counter.find() ? Long.parseLong(counter.group(1)) : 0;
    }

    private static void rules(Place place, String... lines) {
        List<String> command = new ArrayList<>(List.of("nft", String.join("\n", lines)));
        place.run(command.toArray(String[]::new));
    }
}

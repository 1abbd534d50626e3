// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.Links;
import io.sojourn.linux.SyscallException;
import io.sojourn.linux.Tap;
import io.sojourn.mechanism.Page;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.wire.BigEndian;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.function.IntConsumer;

/**
 * The gateway's end of the underlay's own routing: a device of this host behind which its page is. The kernel routes what is for the page to it, and what comes from it to
 * wherever other pages are; it merges and divides super-frames at the underlay's interface, and nowhere else.
 */
final class PagePort {
    static final int QUEUE_FRAMES = 4096;
    private static final String NAME = "sjpage";
    private static final String LOCATORS_NAME = "sjilnp";
    private static final String LABELS_NAME = "sjlabel";
    private static final String OUTSIDE_NAME = "sjout";
    /** Whatever the underlay carries fits: 65,535 octets with the Ethernet header. */
    private static final int MTU_BYTES = 65_521;

    private static final Path SETTINGS = Path.of("/proc/sys/net");

    /** @param mac of the device */
    record Opened(LanDevice device, long mac) {}

    private PagePort() {}

    /** @param pages at least one */
    static Opened openPages(List<Page> pages, Links links, Stations stations) {
        List<IpPrefix> v4 = pages.stream().flatMap(page -> page.v4().stream()).toList();
        List<IpPrefix> v6 = pages.stream().flatMap(page -> page.v6().stream()).toList();
        v4.forEach(prefix -> requireForwarding(prefix, "ipv4/ip_forward", "net.ipv4.ip_forward"));
        v6.forEach(prefix -> requireForwarding(prefix, "ipv6/conf/all/forwarding", "net.ipv6.conf.all.forwarding"));
        return open(NAME, !v6.isEmpty(), links, stations, ifindex -> {
            v4.forEach(prefix -> address(links, ifindex, prefix));
            v6.forEach(prefix -> address(links, ifindex, prefix));
        });
    }

    /** The same for locators: every identifier is a node's, so the device has no address of its own behind them. */
    static Opened open(List<IpPrefix> locators, Links links, Stations stations) {
        locators.stream()
                .limit(1)
                .forEach(locator ->
                        requireForwarding(locator, "ipv6/conf/all/forwarding", "net.ipv6.conf.all.forwarding"));
        return open(
                LOCATORS_NAME,
                true,
                links,
                stations,
                ifindex -> locators.forEach(
                        locator -> links.addRoute(ifindex, locator.address().toBytes(), locator.length())));
    }

    /** The same for what the world outside knows VMs by. */
    static Opened openOutside(List<IpPrefix> prefixes, Links links, Stations stations) {
        return open(OUTSIDE_NAME, prefixes, links, stations);
    }

    /** The same for prefixes of networks, whose addresses are all members'. */
    static Opened openRouted(List<IpPrefix> routed, Links links, Stations stations) {
        return open(LABELS_NAME, routed, links, stations);
    }

    private static Opened open(String name, List<IpPrefix> prefixes, Links links, Stations stations) {
        boolean v6 = prefixes.stream().anyMatch(p -> p.address().isV6());
        for (IpPrefix prefix : prefixes) {
            if (prefix.address().isV6()) {
                requireForwarding(prefix, "ipv6/conf/all/forwarding", "net.ipv6.conf.all.forwarding");
            } else {
                requireForwarding(prefix, "ipv4/ip_forward", "net.ipv4.ip_forward");
            }
        }
        return open(
                name,
                v6,
                links,
                stations,
                ifindex -> prefixes.forEach(
                        prefix -> links.addRoute(ifindex, prefix.address().toBytes(), prefix.length())));
    }

    private static Opened open(String name, boolean v6, Links links, Stations stations, IntConsumer routes) {
        try {
            Tap tap = make(name, links);
            int ifindex = tap.ifindex();
            if (v6) {
                set("ipv6/conf/" + name + "/addr_gen_mode", "1"); // no link-local address, no announcements
                set("ipv6/conf/" + name + "/disable_ipv6", "0");
            }
            links.up(ifindex);
            routes.accept(ifindex);
            long mac = BigEndian.u48(MemorySegment.ofArray(links.mac(ifindex)), 0);
            return new Opened(new BridgedTap(0, tap, stations), mac);
        } catch (SyscallException e) {
            throw new GatewayException(
                    "cannot make the device " + name + " (" + e.getMessage()
                            + "); run as root, and see that no other gateway runs on this host",
                    e);
        }
    }

    /** A device for native packets, not up yet. Behind it is nobody to ask for an address: the kernel sends everything to the device's own. */
    static Tap make(String name, Links links) {
        Tap tap = Tap.openTap(name, Set.of(Tap.Flag.VNET_HDR));
        BridgedTap.superFrames(tap, true);
        links.setMtu(tap.ifindex(), MTU_BYTES);
        links.setTxQueueLength(tap.ifindex(), QUEUE_FRAMES);
        links.noArp(tap.ifindex());
        return tap;
    }

    /** The first address of the page, which is nobody's, with the prefix: that is the route. */
    private static void address(Links links, int ifindex, IpPrefix prefix) {
        byte[] first = prefix.address().toBytes();
        first[first.length - 1] |= 1;
        links.addAddress(ifindex, first, prefix.length());
    }

    private static void requireForwarding(IpPrefix prefix, String setting, String name) {
        try {
            if (!Files.readString(SETTINGS.resolve(setting)).strip().equals("0")) {
                return;
            }
        } catch (IOException e) {
            throw new GatewayException(prefix + ": cannot read " + name + ": " + e.getMessage(), e);
        }
        throw new GatewayException(
                prefix + ": this host forwards no packets of that family; set it with: sysctl -w " + name + "=1");
    }

    private static void set(String setting, String value) {
        try {
            Files.writeString(SETTINGS.resolve(setting), value);
        } catch (IOException e) {
            throw new GatewayException(
                    "cannot set " + SETTINGS.resolve(setting) + " to " + value + ": " + e.getMessage(), e);
        }
    }
}

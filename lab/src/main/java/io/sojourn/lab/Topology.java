// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Which sites there are and what lies between them. Addresses follow from a site's number N: its host is 100.64.N.2 and fd64:N::2 on the WAN (RFC 6598 space),
 * its part of network blue 10.10.N.0/24 and fd10:10:N::/64, in which .1 is the gateway everywhere and .20 a plain host, the correspondent.
 *
 * <pre>
 *   PREFIX-SITE                                        PREFIX-SITE-c
 *   [guest]-tap-[br-blue]-[gateway]-wan0 ... WAN       eth0 10.10.N.20, default via 10.10.N.1
 *                  '------------------ veth -----------'
 * </pre>
 */
public record Topology(List<Site> sites, List<Link> links) {
    /** The controller's number: its place is a host on the WAN with no LAN behind it. */
    static final int CONTROLLER_NUMBER = 9;

    static final String CONTROLLER = "controller";

    private static final int RATE_MBIT = 1_000;

    public record Site(String name, int number) {
        String wan4() {
            return wanAddress4(number);
        }

        String wan6() {
            return wanAddress6(number);
        }

        String lan4(int host) {
            return "10.10." + number + "." + host;
        }

        String lan6(int host) {
            return "fd10:10:" + number + "::" + host;
        }

        /** By which the site's members are named on the WAN while they are paged. */
        String page4() {
            return "100." + (80 + number) + ".0.0/16";
        }

        String page6() {
            return "fd50:" + number + "::/48";
        }

        /** By which members of a network, by its place in the list, are reached there by ILNP; all are in {@link #locators}. */
        String locator(int network) {
            return Topology.locator(number, network);
        }

        String locators() {
            return Topology.locators(number);
        }

        String prefix4() {
            return "10.10." + number + ".0/24";
        }

        String prefix6() {
            return "fd10:10:" + number + "::/64";
        }
    }

    /** Both directions between two places. {@code loss} is a share of packets, 0 to 1. */
    public record Link(String a, String b, double rttMs, double loss, int rateMbit) {}

    public Topology {
        sites = List.copyOf(sites);
        links = List.copyOf(links);
    }

    /** Three continents: 250, 180 and 110 ms apart, 1 Gbit/s each; the controller stands beside St Andrews. */
    public static Topology threeContinents() {
        return of(
                List.of("st-andrews", "hiroshima", "gainesville"),
                new double[][] {{0, 250, 110}, {250, 0, 180}, {110, 180, 0}});
    }

    /** Sites in a full mesh. {@code rttMs[i][j]} between sites i and j; the controller is 1 ms from the first. */
    public static Topology of(List<String> names, double[][] rttMs) {
        List<Site> sites = new ArrayList<>();
        List<Link> links = new ArrayList<>();
        for (int i = 0; i < names.size(); i++) {
            sites.add(new Site(names.get(i), i + 1));
            links.add(new Link(CONTROLLER, names.get(i), 1 + rttMs[0][i], 0, RATE_MBIT));
            for (int j = 0; j < i; j++) {
                links.add(new Link(names.get(j), names.get(i), rttMs[j][i], 0, RATE_MBIT));
            }
        }
        return new Topology(sites, links);
    }

    /** The same with links of another rate. */
    Topology withRate(int rateMbit) {
        return new Topology(
                sites,
                links.stream()
                        .map(link -> new Link(link.a(), link.b(), link.rttMs(), link.loss(), rateMbit))
                        .toList());
    }

    /** The same with a host on the WAN beside the sites, as far from each of them. */
    Topology withOutsider(String name, double rttMs) {
        Topology grown = this;
        for (Site site : sites) {
            grown = grown.withLink(name, site.name(), rttMs);
        }
        return grown;
    }

    /** The same with one more link, of 1 Gbit/s. */
    Topology withLink(String a, String b, double rttMs) {
        return with(List.of(new Link(a, b, rttMs, 0, RATE_MBIT)));
    }

    /** The same with a second uplink of a site: to wherever its first goes, that much longer. */
    Topology withUplink(Uplink uplink, double longerMs) {
        String site = uplink.site().name();
        return with(links.stream()
                .filter(link -> link.a().equals(site) || link.b().equals(site))
                .map(link -> new Link(
                        uplink.name(),
                        link.a().equals(site) ? link.b() : link.a(),
                        link.rttMs() + longerMs,
                        0,
                        link.rateMbit()))
                .toList());
    }

    private Topology with(List<Link> more) {
        return new Topology(sites, Stream.concat(links.stream(), more.stream()).toList());
    }

    public Site site(String name) {
        return sites.stream()
                .filter(site -> site.name().equals(name))
                .findFirst()
                .orElseThrow(() -> new LabException("no site '" + name + "' in this lab; there are "
                        + String.join(", ", sites.stream().map(Site::name).toList())));
    }

    /** Half the round trip; 0 within a place. */
    public double oneWayMs(String from, String to) {
        return links.stream()
                .filter(link -> link.a().equals(from) && link.b().equals(to)
                        || link.a().equals(to) && link.b().equals(from))
                .mapToDouble(link -> link.rttMs() / 2)
                .findFirst()
                .orElse(0);
    }

    static String locator(int number, int network) {
        return "fd66:" + number + ":" + network + "::/64";
    }

    static String locators(int number) {
        return "fd66:" + number + "::/32";
    }

    static String wanPrefix4(int number) {
        return "100.64." + number + ".0/24";
    }

    static String wanPrefix6(int number) {
        return "fd64:" + number + "::/64";
    }

    static String wanAddress4(int number) {
        return "100.64." + number + ".2";
    }

    static String wanAddress6(int number) {
        return "fd64:" + number + "::2";
    }
}

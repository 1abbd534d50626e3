// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A network that moves as a whole, router and all (MAT-MONET): its hosts are known to nobody but by their prefix, and one mapping a family leads to all of them. It gets a second
 * cable, its prefix another home, and loses the first cable; then it goes back. One of its hosts is a real guest, which everybody talks to.
 *
 * <pre>
 *                          ┌─ leg1 ── st-andrews' LAN
 *   guest ── deck, a router┤                               10.10.5.0/24, fd10:10:5::/64
 *                          └─ leg2 ── hiroshima's LAN
 * </pre>
 */
final class MobileNetwork extends Scenario {
    private static final Topology.Site DECK = new Topology.Site("deck", 5);
    private static final int GUEST = 10;
    private static final int ROUTER = 2;
    private static final Duration WATCHED = Duration.ofSeconds(4);
    private static final Duration MAPPED = Duration.ofSeconds(5);

    MobileNetwork() {
        super("mat-monet", "a network moves as a whole, with its router: one mapping for its prefix", 2, 2);
    }

    @Override
    String mechanism(ScenarioOptions options) {
        return Lab.MAT;
    }

    @Override
    List<Object> subnets() {
        String home = Topology.threeContinents().sites().getFirst().name();
        return List.of(
                Map.of("prefix", DECK.prefix4(), "gateway", DECK.lan4(1), "homeSite", home),
                Map.of("prefix", DECK.prefix6(), "gateway", DECK.lan6(1), "homeSite", home));
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    private static String leg(Topology.Site site) {
        return "leg" + site.number();
    }

    @Override
    void furnish(Lab lab) {
        Place deck = lab.addPlace(DECK.name());
        deck.sysctl(
                "net/ipv4/ip_forward=1",
                "net/ipv4/conf/all/rp_filter=0",
                "net/ipv4/conf/default/rp_filter=0",
                "net/ipv4/conf/all/send_redirects=0",
                "net/ipv4/conf/default/send_redirects=0",
                "net/ipv6/conf/all/forwarding=1",
                "net/ipv6/conf/default/forwarding=1",
                "net/ipv6/conf/default/accept_dad=0");
        deck.ip(List.of(
                "link add " + Lab.BRIDGE + " type bridge mcast_snooping 0 forward_delay 0",
                "addr add " + DECK.lan4(ROUTER) + "/24 dev " + Lab.BRIDGE,
                "addr add " + DECK.lan6(ROUTER) + "/64 dev " + Lab.BRIDGE + " nodad",
                "link set " + Lab.BRIDGE + " up"));
        standsFor(deck, Lab.BRIDGE, 1);
        List<Topology.Site> sites = lab.topology().sites().subList(0, 2);
        for (Topology.Site site : sites) {
            lab.place(site.name())
                    .ip(List.of(
                            "link add lan-deck type veth peer name " + leg(site) + " netns " + deck.namespace(),
                            "link set lan-deck master " + Lab.BRIDGE,
                            "link set lan-deck up"));
        }
        plug(deck, sites.getFirst());
        leaveBy(deck, sites.getFirst());
    }

    /** The router answers, on a device, for a host that is beyond it. */
    private static void standsFor(Place deck, String device, int host) {
        deck.sysctl(
                "net/ipv6/conf/" + device + "/proxy_ndp=1",
                "net/ipv4/neigh/" + device + "/proxy_delay=0",
                "net/ipv6/neigh/" + device + "/proxy_delay=0");
        deck.ip(List.of(
                "neigh replace proxy " + DECK.lan4(host) + " dev " + device,
                "neigh replace proxy " + DECK.lan6(host) + " dev " + device));
    }

    private static void plug(Place deck, Topology.Site site) {
        deck.ip(List.of("link set " + leg(site) + " up"));
        standsFor(deck, leg(site), GUEST);
    }

    private static void unplug(Place deck, Topology.Site site) {
        deck.ip(List.of("link set " + leg(site) + " down"));
    }

    /** Any gateway answers for the anycast address of any subnet. */
    private static void leaveBy(Place deck, Topology.Site site) {
        String leg = leg(site);
        deck.ip(List.of(
                "route replace " + DECK.lan4(1) + "/32 dev " + leg,
                "route replace default via " + site.lan4(1) + " dev " + leg + " onlink",
                "route replace default via " + site.lan6(1) + " dev " + leg + " onlink"));
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        int moves = count(options);
        return (stage, findings) -> {
            Lab lab = stage.lab();
            GuestPlan guest = new GuestPlan(
                    "deck1",
                    Lab.NETWORK,
                    "52:54:00:10:05:0a", // of its own LAN, and nobody else's business
                    DECK.lan4(GUEST),
                    DECK.lan6(GUEST),
                    DECK,
                    GuestPlan.web1(topology).memoryMb());
            Path qmp = lab.boot(guest, lab.acceleration().acceleration());
            lab.awaitReachable(guest);
            stage.say("guest " + guest.name() + " runs on " + DECK.name()
                    + ", a network that nobody knows the hosts of (" + qmp.getFileName() + ")");
            try (Traffic traffic = Traffic.start(
                    lab.run(),
                    lab.correspondents(),
                    lab.image(),
                    guest.address4(),
                    guest.address6(),
                    load(),
                    options.seed())) {
                stage.calmDown(MAPPED);
                native4(stage, guest, 0, findings);
                traffic.begin();
                stage.calmDown(Duration.ofSeconds(1));
                for (int i = 0; i < moves; i++) {
                    go(
                            stage,
                            traffic,
                            guest,
                            topology.sites().get(i % 2),
                            topology.sites().get((i + 1) % 2),
                            findings);
                }
            }
            Traffic.Window bystander = stage.mover().traffic().end();
            judge(stage, "web1, which stood still all the time", bystander, 2, findings);
            return false;
        };
    }

    private static void go(
            Stage stage, Traffic traffic, GuestPlan guest, Topology.Site from, Topology.Site to, Findings findings) {
        Lab lab = stage.lab();
        Place deck = lab.place(DECK.name());
        traffic.moveStarts();
        plug(deck, to);
        long beganNs = System.nanoTime();
        List<Object> subnets = new ArrayList<>();
        for (String prefix : List.of(DECK.prefix4(), DECK.prefix6())) {
            subnets.add(Map.of("prefix", prefix, "homeSite", to.name()));
        }
        lab.rest().patch("/v1/networks/" + Lab.NETWORK, Map.of("subnets", subnets));
        leaveBy(deck, to);
        double tookMs = (System.nanoTime() - beganNs) / 1e6;
        stage.calmDown(WATCHED);
        unplug(deck, from);
        stage.calmDown(Duration.ofSeconds(1));
        judge(
                stage,
                String.format(Locale.ROOT, "%s moved to %s, commanded in %.0f ms", DECK.name(), to.name(), tookMs),
                traffic.end(),
                4,
                findings);
        Topology.Site far = lab.topology().sites().getLast();
        double directMs = stage.direct().rttMs(far.name(), to.name());
        double rttMs = native4(stage, guest, directMs, findings);
        stage.say(String.format(
                Locale.ROOT, "%s to %s: RTT %.1f ms (direct %.1f)", far.name(), guest.name(), rttMs, directMs));
    }

    /** From the last site, pings have their own length on the WAN, and take the direct path. Returns their round trip. */
    private static double native4(Stage stage, GuestPlan guest, double directMs, Findings findings) {
        Lab lab = stage.lab();
        Topology.Site far = lab.topology().sites().getLast();
        Place host = lab.correspondents().getLast();
        int added = WireCost.measure(lab, host, far.name(), guest.address4()).addedBytes();
        if (added != 0) {
            findings.problems.add("packets of " + guest.name() + " carry " + added + " octets more on the WAN, not 0");
        }
        double rttMs = DirectPaths.ping(host, guest.address4());
        if (directMs > 0 && !(Math.abs(rttMs - directMs) <= Math.max(2, directMs / 10))) {
            findings.problems.add(String.format(
                    Locale.ROOT,
                    "%s to %s: RTT %.1f ms, not the direct %.1f",
                    far.name(),
                    guest.name(),
                    rttMs,
                    directMs));
        }
        return rttMs;
    }

    private static void judge(Stage stage, String what, Traffic.Window window, int path, Findings findings) {
        stage.say(String.format(
                Locale.ROOT,
                "%s: %s, RTT %.1f ms",
                what,
                window.counts(),
                window.paths().get(path).rttAfterMs()));
        if (window.lost() + window.duplicated() + window.tcpBroken() + window.bytesMismatched() > 0) {
            findings.problems.add(what + ":");
            findings.problems.addAll(window.faults());
        }
    }
}

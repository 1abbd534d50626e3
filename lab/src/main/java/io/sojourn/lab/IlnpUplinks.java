// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.wan.WanControl;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/**
 * The VM's site has a locator of each of two providers (RFC 6748 sections 3 and 5). What the operator does with them is what the kinds of this differ in; each says by the WAN's own counters, link by
 * link, which locator a site's packets use. The overlay, the controller and DNS are on the second uplink, so that all that the first carries is the VM's IPv6.
 *
 * <pre>
 *                 ┌ wan0  fd66:1:0::/64   preferred
 *   st-andrews ───┤
 *                 └ wan1  fd66:11:0::/64  100.64.11.2: the gateway itself
 * </pre>
 */
abstract class IlnpUplinks extends Scenario {
    static final Uplink SECOND = new Uplink("st-andrews-2", home(), 11);
    private static final int TABLE = 66;
    private static final int MAIN_METRIC = 1024;
    private static final Duration TOLD = Duration.ofSeconds(20);
    private static final Duration LOOK = Duration.ofMillis(400);
    static final Duration WATCHED = Duration.ofSeconds(4);
    private static final Duration RECOVERY = Duration.ofSeconds(30);

    IlnpUplinks(String id, String description) {
        super(id, description, 1, 1);
    }

    static Topology.Site home() {
        return Topology.threeContinents().sites().getFirst();
    }

    static String first() {
        return home().locator(0);
    }

    static String second() {
        return Topology.locator(SECOND.number(), 0);
    }

    @Override
    String mechanism(ScenarioOptions options) {
        return Lab.ILNP;
    }

    @Override
    List<Uplink> uplinks() {
        return List.of(SECOND);
    }

    /** Both are as long: what is seen to change is the locator, not the delay. */
    @Override
    Topology topology() {
        return Topology.threeContinents().withUplink(SECOND, 0);
    }

    @Override
    Map<String, Object> gatewayExtras(Topology.Site site) {
        return site.equals(home())
                ? Map.of(
                        "listen",
                        Topology.wanAddress4(SECOND.number()) + ":" + Configs.GATEWAY_PORT,
                        "uplinks",
                        List.of(
                                Map.of("device", Lab.WAN_DEVICE, "locators", List.of(first())),
                                Map.of("device", Uplink.DEVICE, "locators", List.of(second()))))
                : Map.of();
    }

    @Override
    void furnish(Lab lab) {
        Place host = lab.place(home().name());
        host.sysctl(
                "net/ipv4/conf/all/rp_filter=0",
                "net/ipv4/conf/" + Lab.WAN_DEVICE + "/rp_filter=0",
                "net/ipv4/conf/" + Uplink.DEVICE + "/rp_filter=0");
        host.ip(List.of(
                "route del default dev " + Lab.WAN_DEVICE,
                "route add default dev " + Uplink.DEVICE,
                "route del ::/0 dev " + Lab.WAN_DEVICE,
                "route add ::/0 dev " + Uplink.DEVICE + " metric " + MAIN_METRIC));
        host.run("ip", "-6", "rule", "add", "from", home().locators(), "lookup", Integer.toString(TABLE));
        routeFirst(host);
    }

    /** What comes from the first provider's locator leaves by its uplink. */
    private static void routeFirst(Place host) {
        host.ip(List.of("route replace ::/0 dev " + Lab.WAN_DEVICE + " table " + TABLE));
    }

    static void cut(Lab lab) {
        lab.place(home().name()).ip(List.of("link set " + Lab.WAN_DEVICE + " down"));
    }

    /** As the host's own configuration does when a cable is plugged in. */
    static void restore(Lab lab) {
        Place host = lab.place(home().name());
        host.ip(List.of(
                "link set " + Lab.WAN_DEVICE + " up",
                "addr replace " + home().wan6() + "/64 dev " + Lab.WAN_DEVICE + " nodad"));
        routeFirst(host);
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    /** The sites whose packets come over the WAN. */
    static List<Topology.Site> others(Stage stage) {
        return stage.lab().topology().sites().stream()
                .filter(site -> !site.equals(home()))
                .toList();
    }

    /** Packets between the first uplink and that site, both ways, so far. */
    private static long byFirst(Lab lab, String site) {
        try (WanControl wan = lab.wan()) {
            return wan.stats(home().name(), site).packets()
                    + wan.stats(site, home().name()).packets();
        }
    }

    /** Until the site's packets with the VM use that uplink, and the other not at all. @return how long that took, about; NaN: too long */
    static double awaitBy(Stage stage, String site, boolean first, Findings findings) {
        long beganNs = System.nanoTime();
        while (System.nanoTime() - beganNs < TOLD.toNanos()) {
            long fromNs = System.nanoTime();
            long before = byFirst(stage.lab(), site);
            LockSupport.parkNanos(LOOK.toNanos());
            boolean used = byFirst(stage.lab(), site) != before;
            if (used == first) {
                return (fromNs - beganNs) / 1e6;
            }
        }
        findings.problems.add(
                "not within " + TOLD.toSeconds() + " s: " + site + " by " + (first ? first() : second()) + " alone");
        return Double.NaN;
    }

    static void awaitAllBy(Stage stage, boolean first, Findings findings) {
        others(stage).forEach(site -> awaitBy(stage, site.name(), first, findings));
    }

    /** Says what a window had, and finds fault with it. @param mayLose packets that were on their way when something broke */
    static Traffic.Window judge(Stage stage, String what, boolean mayLose, Findings findings) {
        Traffic.Window window = stage.mover().traffic().end();
        stage.say(String.format(
                Locale.ROOT,
                "%s: silence at most %.0f ms, %s",
                what,
                window.paths().stream()
                        .mapToDouble(path -> path.figures().gapMs())
                        .max()
                        .orElse(Double.NaN),
                window.counts()));
        long bad = window.duplicated() + window.tcpBroken() + window.bytesMismatched() + (mayLose ? 0 : window.lost());
        if (bad > 0) {
            findings.problems.add(what + ":");
            findings.problems.addAll(window.faults());
        }
        return window;
    }

    /** After something was lost: until everything goes on again. */
    static void recovered(Stage stage, Findings findings) {
        Traffic traffic = stage.mover().traffic();
        traffic.outageEnds();
        findings.problems.addAll(traffic.recovered(RECOVERY));
        traffic.end(); // what came twice or late for the outage
    }

    static void policy(Stage stage, Map<String, Object> change) {
        stage.lab().rest().patch("/v1/networks/" + Lab.NETWORK, change);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A correspondent whose edge is a Linux kernel and nothing else: one vxlan device a place, and a route that binds the VM's prefix to one of them. The VM moves twice; after each
 * move the edge is bound anew with one route a family, and from then on its packets take the direct path.
 *
 * <pre>
 *   far, no Sojourn              vx1 = VNI 70001 ═══ gateway st-andrews
 *   10.10.7.20, fd10:10:7::20    vx2 = VNI 70002 ═══ gateway hiroshima
 *   route 10.10.1.0/24 dev vxN   vx3 = VNI 70003 ═══ gateway gainesville
 * </pre>
 */
class KernelPeer extends Scenario {
    static final String FAR = "far";
    private static final int NUMBER = 7;
    static final double RTT_MS = 60;
    private static final String ADDRESS4 = "10.10.7.20";
    private static final String ADDRESS6 = "fd10:10:7::20";
    /** Of its own subnet; every gateway answers for it. */
    private static final String GATEWAY4 = "10.10.7.1";

    private static final String GATEWAY6 = "fd10:10:7::1";
    private static final Duration WATCHED = Duration.ofSeconds(3);

    KernelPeer() {
        super(
                "segment-kernel-peer",
                "segments whose other end is a Linux vxlan device: two moves, two re-bindings",
                2,
                2);
    }

    KernelPeer(String id, String description, int moves, int mostMoves) {
        super(id, description, moves, mostMoves);
    }

    @Override
    String mechanism(ScenarioOptions options) {
        return Lab.SEGMENT;
    }

    @Override
    Topology topology() {
        return Topology.threeContinents().withOutsider(FAR, RTT_MS);
    }

    @Override
    Map<String, Integer> outsiders() {
        return Map.of(FAR, NUMBER);
    }

    @Override
    List<Object> subnets() {
        return List.of(
                Map.of("prefix", "10.10.7.0/24", "gateway", GATEWAY4, "homeSite", FAR),
                Map.of("prefix", "fd10:10:7::/64", "gateway", GATEWAY6, "homeSite", FAR));
    }

    @Override
    Map<String, Object> gatewayExtras(Topology.Site site) {
        Map<String, Object> edge = new LinkedHashMap<>();
        edge.put("network", Lab.NETWORK);
        edge.put("site", FAR);
        edge.put("address", Topology.wanAddress4(NUMBER) + ":" + Configs.GATEWAY_PORT);
        return Map.of("edges", List.of(edge));
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    @Override
    void furnish(Lab lab) {
        Place far = lab.place(FAR);
        far.sysctl(
                "net/ipv4/conf/all/rp_filter=0",
                "net/ipv4/conf/default/rp_filter=0",
                "net/ipv6/conf/default/accept_dad=0",
                "net/ipv6/conf/default/router_solicitations=0");
        for (Topology.Site site : lab.topology().sites()) {
            String device = "vx" + site.number();
            far.ip(List.of(
                    "link add " + device + " type vxlan id " + Configs.segmentVni(0, site) + " local "
                            + Topology.wanAddress4(NUMBER) + " remote " + site.wan4() + " dstport "
                            + Configs.GATEWAY_PORT,
                    "addr add " + ADDRESS4 + "/32 dev " + device,
                    "link set " + device + " mtu 1450 up"));
            far.sysctl("net/ipv4/conf/" + device + "/rp_filter=0");
            far.ip(List.of("addr add " + ADDRESS6 + "/128 dev " + device + " nodad"));
        }
    }

    /** The edge's one rule a family: which segment the VM's prefix is in. */
    static void bind(Lab lab, Topology.Site home, Topology.Site at) {
        lab.place(FAR)
                .ip(List.of(
                        "route replace " + home.prefix4() + " via " + GATEWAY4 + " dev vx" + at.number()
                                + " onlink src " + ADDRESS4,
                        "route replace " + home.prefix6() + " via " + GATEWAY6 + " dev vx" + at.number()
                                + " onlink src " + ADDRESS6));
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = Tour.destinations(topology, count(options));
        return (stage, findings) -> {
            Lab lab = stage.lab();
            Mover mover = stage.mover();
            Topology.Site home = mover.plan().home();
            bind(lab, home, home);
            try (Traffic far = Traffic.start(
                    lab.run(),
                    List.of(lab.place(FAR)),
                    lab.image(),
                    mover.plan().address4(),
                    mover.plan().address6(),
                    load(),
                    options.seed())) {
                stage.calmDown(Duration.ofSeconds(2));
                far.begin();
                stage.calmDown(Duration.ofSeconds(1));
                for (String destination : destinations) {
                    String from = mover.at();
                    far.moveStarts();
                    stage.tour(List.of(destination), findings);
                    judge(stage, far.end(), "VM moved, edge bound to " + from, findings);
                    far.moveStarts();
                    bind(lab, home, topology.site(destination));
                    stage.calmDown(WATCHED);
                    Traffic.Window window = far.end();
                    judge(stage, window, "edge bound to " + destination, findings);
                    direct(window, destination, findings);
                }
            }
            return false;
        };
    }

    static void judge(Stage stage, Traffic.Window window, String what, Findings findings) {
        stage.say(String.format(
                Locale.ROOT,
                "Linux edge: %s: %s, RTT %.1f ms",
                what,
                window.counts(),
                window.paths().getFirst().rttAfterMs()));
        if (window.lost() + window.duplicated() + window.tcpBroken() + window.bytesMismatched() > 0) {
            findings.problems.add("Linux edge: " + what + ":");
            findings.problems.addAll(window.faults());
        }
    }

    private static void direct(Traffic.Window window, String site, Findings findings) {
        for (Traffic.Path path : window.paths()) {
            if (Math.abs(path.rttAfterMs() - RTT_MS) > Math.max(1, RTT_MS / 10)) {
                findings.problems.add(String.format(
                        Locale.ROOT,
                        "Linux edge, IPv%d: bound to %s, its round trip is %.1f ms, and the direct one %.1f ms",
                        path.family(),
                        site,
                        path.rttAfterMs(),
                        RTT_MS));
            }
        }
    }
}

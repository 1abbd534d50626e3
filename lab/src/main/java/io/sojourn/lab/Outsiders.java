// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/**
 * A host of the world outside, behind no gateway, and 200 flows between it and the VM: in by a floating address, out by SNAT, TCP and UDP, IPv4 and IPv6. The VM moves on and back again: flows leave
 * where they began, new ones where the VM is, and none notices.
 *
 * <pre>
 *   world 100.64.6.2 ── WAN ── floating 100.71.1.10, SNAT 100.70.1.0/28: st-andrews ══ where the VM is
 *                          '── SNAT 100.70.2.0/28: hiroshima, 100.70.3.0/28: gainesville
 * </pre>
 */
final class Outsiders extends Scenario {
    static final String WORLD = "world";
    static final int NUMBER = 6;
    private static final double RTT_MS = 40;
    static final String FLOATING4 = "100.71.1.10";
    static final String FLOATING6 = "fd71:1::10";
    private static final int NEW_PORT = 9_100;

    Outsiders() {
        super(
                "outsiders",
                "200 flows with a host behind no gateway, by floating addresses and SNAT, while the VM moves and comes back",
                6,
                1_000);
    }

    @Override
    Topology topology() {
        return world(Topology.threeContinents());
    }

    static Topology world(Topology sites) {
        return sites.withOutsider(WORLD, RTT_MS);
    }

    @Override
    Map<String, Integer> outsiders() {
        return Map.of(WORLD, NUMBER);
    }

    static List<String> snat(Topology.Site site) {
        return List.of("100.70." + site.number() + ".0/28", "fd70:" + site.number() + "::/112");
    }

    static List<String> floating(Topology.Site site) {
        return List.of("100.71." + site.number() + ".0/24", "fd71:" + site.number() + "::/64");
    }

    @Override
    List<String> routedTo(Topology.Site site) {
        List<String> prefixes = new ArrayList<>(snat(site));
        prefixes.addAll(floating(site));
        return prefixes;
    }

    @Override
    Map<String, Object> gatewayExtras(Topology.Site site) {
        return egress(site);
    }

    static Map<String, Object> egress(Topology.Site site) {
        return Map.of("egress", Map.of("snat", snat(site), "floating", floating(site)));
    }

    @Override
    void furnish(Lab lab) {
        forward(lab);
    }

    static void forward(Lab lab) {
        lab.topology()
                .sites()
                .forEach(site ->
                        lab.place(site.name()).sysctl("net/ipv4/ip_forward=1", "net/ipv6/conf/all/forwarding=1"));
    }

    /** As {@code sojourn floating add} does. Only two ports lead to the VM by IPv6, all by IPv4. */
    @Override
    void prepare(Lab lab) {
        lab.rest()
                .patch(
                        "/v1/vms/web1/policy",
                        Map.of(
                                "floating",
                                List.of(
                                        Map.of("address", FLOATING6, "ports", List.of("tcp/7", "udp/7")),
                                        // Its own flows out are to leave by SNAT.
                                        Map.of("address", FLOATING4, "ports", List.of("tcp/7", "udp/7")))));
    }

    /** Of some memory more: 140 of the flows have a process each in it. */
    @Override
    List<GuestPlan> guests(Topology topology, ScenarioOptions options) {
        return List.of(GuestPlan.web1(topology).withMemory(192));
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    /** On, back, and further: each of the three sites is left and come back to. */
    static List<String> destinations(Topology topology, int count) {
        int[] round = {1, 0, 2, 1, 2, 0};
        List<String> destinations = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            destinations.add(topology.sites().get(round[i % round.length]).name());
        }
        return destinations;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = destinations(topology, count(options));
        return (stage, findings) -> {
            Lab lab = stage.lab();
            try (WorldFlows flows = new WorldFlows(
                    lab, stage.mover().plan(), lab.place(WORLD), NUMBER, FLOATING4, FLOATING6, options.seed())) {
                stage.say("outsider: " + flows.figures() + "; the guest is seen as " + flows.seenAs());
                stage.calmDown(Duration.ofSeconds(3));
                flows.countFromNow();
                stage.mover().traffic().begin();
                stage.calmDown(Duration.ofSeconds(1));
                int number = 0;
                for (String destination : destinations) {
                    if (!stage.step(destination, destinations.size(), findings)) {
                        break;
                    }
                    stage.calmDown(Duration.ofSeconds(1));
                    judge(stage, destination, flows.faults(), findings);
                    if (number < 3) {
                        judgeNew(stage, topology.site(destination), flows.seenAnew(NEW_PORT + number), findings);
                    }
                    number++;
                }
                judge(stage, "(the end)", flows.lastFaults(), findings);
                stage.say("outsider: " + flows.figures());
            }
            return false;
        };
    }

    private static void judge(Stage stage, String site, List<String> faults, Findings findings) {
        JsonNode known = stage.lab().rest().get("/v1/vms/web1/flows?most=0");
        stage.say(String.format(
                Locale.ROOT,
                "  outsider, VM at %s: %s; %d flows, %d draining elsewhere, by egress %s",
                site,
                faults.isEmpty() ? "0 broken, 0 lost" : String.join("; ", faults),
                known.path("count").asInt(0),
                known.path("draining").asInt(0),
                known.path("byEgress")));
        faults.forEach(fault -> findings.problems.add("outsider, VM at " + site + ": " + fault));
    }

    /** A new flow leaves where the VM is. */
    private static void judgeNew(Stage stage, Topology.Site site, List<String> seen, Findings findings) {
        stage.say("  outsider: a new flow of the VM at " + site.name() + " comes from " + seen);
        for (String address : seen) {
            boolean there = snat(site).stream()
                    .anyMatch(prefix -> io.sojourn.model.identity.IpPrefix.parse(prefix)
                            .contains(io.sojourn.model.identity.IpAddress.parse(address.replaceFirst("%.*", ""))));
            if (!there) {
                findings.problems.add("a new flow of the VM at " + site.name() + " came from " + address);
            }
        }
    }
}

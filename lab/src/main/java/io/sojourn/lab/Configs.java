// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.json.JsonMapper;

/** Writes the files by which the lab's processes are configured. JSON is YAML, too, so all are written as JSON. */
final class Configs {
    static final int GATEWAY_PORT = 7400;
    static final int GRPC_PORT = 7401;
    static final int REST_PORT = 7480;
    private static final JsonMapper MAPPER = new JsonMapper();

    private Configs() {}

    static Path controller(Run run, Map<String, Object> extras) {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("rest", "127.0.0.1:" + REST_PORT);
        config.put("grpc", Topology.wanAddress4(Topology.CONTROLLER_NUMBER) + ":" + GRPC_PORT);
        config.put("state-dir", run.folder().resolve("controller").toString());
        config.putAll(extras);
        return write(run, "controller.yaml", config);
    }

    static Path gateway(
            Run run,
            Topology.Site site,
            List<String> networks,
            String token,
            LabQemu qemu,
            String acceleration,
            Map<String, Object> extras) {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("gateway", site.name());
        config.put("site", site.name());
        config.put("controller", Topology.wanAddress4(Topology.CONTROLLER_NUMBER) + ":" + GRPC_PORT);
        config.put("enrolment-token", token);
        config.put("listen", site.wan4() + ":" + GATEWAY_PORT);
        config.put("state-dir", run.folder().resolve(site.name()).toString());
        config.put("accel", acceleration);
        // Below what the links carry, so that no queue builds up in which the guest's own packets would wait.
        config.put("bandwidth-mbit", 800);
        // Three sites and what is between them share this machine's processors: a copy at full speed would leave the
        // guest none.
        config.put("copy-mbit", 240);
        config.put(
                "networks",
                networks.stream()
                        .map(name -> Map.of("name", name, "bridge", Lab.bridge(name)))
                        .toList());
        config.put(
                "templates",
                Map.of(
                        GuestPlan.TEMPLATE,
                        Map.of(
                                "command",
                                GuestPlan.template(qemu, acceleration, GuestMemory.at(run, site.name()))
                                        .command())));
        config.putAll(extras);
        return write(run, "gateway-" + site.name() + ".yaml", config);
    }

    /** Each network with what it has of its own at the site. @param border whose locators it is reached by; empty: it is reached by none */
    static List<Map<String, Object>> networks(
            List<String> networks,
            Topology.Site site,
            boolean segments,
            Optional<Topology.Site> border,
            boolean routed,
            List<Uplink> uplinks,
            List<String> outsiders) {
        List<Map<String, Object>> all = new ArrayList<>();
        for (String name : networks) {
            int place = networks.indexOf(name);
            Map<String, Object> network = new LinkedHashMap<>(Map.of("name", name, "bridge", Lab.bridge(name)));
            if (segments) {
                network.put("segment", segmentVni(place, site));
            }
            border.ifPresent(by -> {
                network.put("locators", locators(by, uplinks, place));
                network.put("outsiders", outsiders);
                if (!by.equals(site)) {
                    network.put("border", by.name());
                }
            });
            if (routed) {
                network.put("routed", List.of(site.prefix4(), site.prefix6()));
                network.put("outsiders", outsiders);
            }
            all.add(network);
        }
        return all;
    }

    /** The site's own, which is preferred, and those of its other uplinks. */
    private static List<String> locators(Topology.Site site, List<Uplink> uplinks, int network) {
        List<String> locators = new ArrayList<>(List.of(site.locator(network)));
        uplinks.stream()
                .filter(uplink -> uplink.site().equals(site))
                .forEach(uplink -> locators.add(Topology.locator(uplink.number(), network)));
        return locators;
    }

    /** VNI of the segment that a network, by its place in the list, has at a site. */
    static int segmentVni(int network, Topology.Site site) {
        return 70_000 + 100 * network + site.number();
    }

    /** @param routed each site's part of the network is routed to it */
    static Path wan(
            Run run, Topology topology, Scenario scenario, Map<String, Place> places, boolean routed, long seed) {
        List<Object> placeList = new ArrayList<>();
        for (Topology.Site site : topology.sites()) {
            List<String> prefixes = new ArrayList<>(List.of(site.page4(), site.page6(), site.locators()));
            prefixes.addAll(scenario.routedTo(site));
            if (routed) {
                prefixes.addAll(List.of(site.prefix4(), site.prefix6()));
            }
            placeList.add(place(site.name(), site.number(), places, prefixes));
        }
        placeList.add(place(Topology.CONTROLLER, Topology.CONTROLLER_NUMBER, places, List.of()));
        for (Uplink uplink : scenario.uplinks()) {
            placeList.add(place(
                    uplink.name(),
                    uplink.number(),
                    namespace(uplink.site().name(), places),
                    Uplink.DEVICE,
                    List.of(uplink.page4(), uplink.page6(), Topology.locators(uplink.number()))));
        }
        scenario.outsiders()
                .forEach((name, number) ->
                        placeList.add(place(name, number, places, List.of(Topology.locators(number)))));
        List<Object> links = new ArrayList<>();
        for (Topology.Link link : topology.links()) {
            links.add(direction(link.a(), link.b(), link));
            links.add(direction(link.b(), link.a(), link));
        }
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("seed", seed);
        config.put("control", wanSocket(run).toString());
        config.put("places", placeList);
        config.put("links", links);
        return write(run, "wan.json", config);
    }

    static Path wanSocket(Run run) {
        return run.folder().resolve("wan.sock");
    }

    private static Map<String, Object> place(String name, int number, Map<String, Place> places, List<String> pages) {
        String inside = places.containsKey(name + Lab.NAT_SUFFIX) ? name + Lab.NAT_SUFFIX : name;
        return place(name, number, namespace(inside, places), Lab.WAN_DEVICE, pages);
    }

    private static String namespace(String name, Map<String, Place> places) {
        Place place = places.get(name);
        if (place == null) {
            throw new IllegalStateException("place " + name + " is not made yet");
        }
        return place.namespace();
    }

    private static Map<String, Object> place(
            String name, int number, String namespace, String device, List<String> pages) {
        List<String> prefixes = new ArrayList<>(List.of("100.64." + number + ".0/24", "fd64:" + number + "::/64"));
        prefixes.addAll(pages);
        return Map.of("name", name, "netns", namespace, "device", device, "prefixes", prefixes);
    }

    private static Map<String, Object> direction(String from, String to, Topology.Link link) {
        return Map.of(
                "from",
                from,
                "to",
                to,
                "delay_ms",
                link.rttMs() / 2,
                "loss",
                link.loss(),
                "rate_mbit",
                link.rateMbit());
    }

    private static Path write(Run run, String name, Map<String, Object> config) {
        Path file = run.folder().resolve(name);
        try {
            Files.write(file, MAPPER.writeValueAsBytes(config));
            return file;
        } catch (IOException e) {
            throw new LabException("cannot write " + file + ": " + e.getMessage(), e);
        }
    }
}

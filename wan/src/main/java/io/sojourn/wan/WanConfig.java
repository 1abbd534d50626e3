// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The emulator's JSON file, names in snake case.
 *
 * @param seed of all random decisions
 * @param control path of the control socket
 * @param memoryMib bound on the packets under way, in MiB of slots of 2 KiB
 * @param realtime the forwarding thread runs before all ordinary ones, so that delays are true on a busy machine; default true
 * @param defaultLink what a pair that {@code links} does not name gets; empty: it is unreachable
 */
public record WanConfig(
        long seed,
        Path control,
        int memoryMib,
        boolean realtime,
        List<PlaceConfig> places,
        List<LinkConfig> links,
        Optional<LinkProfile> defaultLink) {
    /** @param netns name of the namespace, as in {@code ip netns} @param device its tun device towards the WAN */
    public record PlaceConfig(String name, String netns, String device, List<String> prefixes) {}

    /** One direction between two places, by their names. */
    public record LinkConfig(String from, String to, LinkProfile profile) {}

    private static final JsonMapper MAPPER = new JsonMapper();
    private static final Set<String> KEYS =
            Set.of("seed", "control", "memory_mib", "realtime", "places", "links", "default_link");
    private static final Set<String> PLACE_KEYS = Set.of("name", "netns", "device", "prefixes");

    public WanConfig {
        places = List.copyOf(places);
        links = List.copyOf(links);
    }

    /** Reads and checks a file; what is wrong is told with file and key in one line, by {@link IllegalArgumentException}. */
    public static WanConfig read(Path file) {
        try {
            return parse(MAPPER.readTree(Files.readAllBytes(file)));
        } catch (NoSuchFileException missing) {
            throw new IllegalArgumentException("there is no file " + file, missing);
        } catch (IOException unreadable) {
            throw new IllegalArgumentException("cannot read " + file + ": " + unreadable.getMessage(), unreadable);
        } catch (JacksonException broken) {
            throw new IllegalArgumentException(file + " is no JSON: " + broken.getOriginalMessage(), broken);
        } catch (IllegalArgumentException wrong) {
            throw new IllegalArgumentException(file + ": " + wrong.getMessage(), wrong);
        }
    }

    static WanConfig parse(JsonNode root) {
        refuseUnknown(root, KEYS, "");
        List<PlaceConfig> places = new ArrayList<>();
        for (JsonNode place : root.path("places")) {
            places.add(parsePlace(place, "places[" + places.size() + "]."));
        }
        List<LinkConfig> links = new ArrayList<>();
        for (JsonNode link : root.path("links")) {
            links.add(parseLink(link, "links[" + links.size() + "]."));
        }
        WanConfig config = new WanConfig(
                root.path("seed").asLong(1),
                Path.of(text(root, "control", "")),
                root.path("memory_mib").asInt(256),
                root.path("realtime").asBoolean(true),
                places,
                links,
                root.has("default_link")
                        ? Optional.of(overlay(LinkProfile.IDEAL, root.get("default_link"), "default_link."))
                        : Optional.empty());
        config.check();
        return config;
    }

    private static PlaceConfig parsePlace(JsonNode place, String where) {
        refuseUnknown(place, PLACE_KEYS, where);
        List<String> prefixes = new ArrayList<>();
        for (JsonNode prefix : place.path("prefixes")) {
            prefixes.add(prefix.asString());
            try {
                Prefix.parse(prefix.asString());
            } catch (IllegalArgumentException wrong) {
                throw new IllegalArgumentException(where + "prefixes: " + wrong.getMessage(), wrong);
            }
        }
        return new PlaceConfig(
                text(place, "name", where),
                text(place, "netns", where),
                place.path("device").asString("wan0"),
                prefixes);
    }

    private static LinkConfig parseLink(JsonNode link, String where) {
        String from = text(link, "from", where);
        String to = text(link, "to", where);
        return new LinkConfig(from, to, overlay(LinkProfile.IDEAL, link, where));
    }

    /** A profile with the fields that {@code changes} names replaced; {@code from}, {@code to} and {@code op} are passed over. */
    static LinkProfile overlay(LinkProfile base, JsonNode changes, String where) {
        Map<String, JsonNode> left = new HashMap<>();
        changes.properties().forEach(field -> left.put(field.getKey(), field.getValue()));
        left.keySet().removeAll(Set.of("op", "from", "to"));
        try {
            LinkProfile profile = new LinkProfile(
                    number(left, "delay_ms", base.delayMs()),
                    number(left, "jitter_ms", base.jitterMs()),
                    number(left, "loss", base.loss()),
                    number(left, "duplicate", base.duplicate()),
                    number(left, "reorder", base.reorder()),
                    number(left, "corrupt", base.corrupt()),
                    number(left, "corrupt_segments", base.corruptSegments()),
                    number(left, "rate_mbit", base.rateMbit()),
                    number(left, "queue_ms", base.queueMs()),
                    (int) number(left, "mtu", base.mtu()),
                    flag(left, "down", base.down()));
            if (!left.isEmpty()) {
                throw new IllegalArgumentException(left.keySet().iterator().next() + " is no property of a link");
            }
            return profile;
        } catch (IllegalArgumentException wrong) {
            throw new IllegalArgumentException(where + wrong.getMessage(), wrong);
        }
    }

    /** The file's form of a profile. */
    static ObjectNode describe(LinkProfile profile) {
        return MAPPER.createObjectNode()
                .put("delay_ms", profile.delayMs())
                .put("jitter_ms", profile.jitterMs())
                .put("loss", profile.loss())
                .put("duplicate", profile.duplicate())
                .put("reorder", profile.reorder())
                .put("corrupt", profile.corrupt())
                .put("corrupt_segments", profile.corruptSegments())
                .put("rate_mbit", profile.rateMbit())
                .put("queue_ms", profile.queueMs())
                .put("mtu", profile.mtu())
                .put("down", profile.down());
    }

    private void check() {
        List<String> names = places.stream().map(PlaceConfig::name).toList();
        require(!names.isEmpty(), "places: at least one is needed");
        require(Set.copyOf(names).size() == names.size(), "places: two have the same name");
        require(memoryMib >= 1 && memoryMib <= 65_536, "memory_mib is " + memoryMib + ", must be from 1 to 65536");
        for (LinkConfig link : links) {
            require(names.contains(link.from()), "links: there is no place \"" + link.from() + "\"");
            require(names.contains(link.to()), "links: there is no place \"" + link.to() + "\"");
        }
    }

    private static double number(Map<String, JsonNode> fields, String key, double otherwise) {
        JsonNode value = fields.remove(key);
        require(value == null || value.isNumber(), key + " must be a number");
        return value == null ? otherwise : value.asDouble();
    }

    private static boolean flag(Map<String, JsonNode> fields, String key, boolean otherwise) {
        JsonNode value = fields.remove(key);
        require(value == null || value.isBoolean(), key + " must be true or false");
        return value == null ? otherwise : value.asBoolean();
    }

    private static String text(JsonNode node, String key, String where) {
        String value = node.path(key).asString("");
        require(!value.isBlank(), where + key + " is missing");
        return value;
    }

    private static void refuseUnknown(JsonNode node, Set<String> keys, String where) {
        require(node.isObject(), (where.isEmpty() ? "the file" : where) + " must be a JSON object");
        for (String key : node.propertyNames()) {
            require(keys.contains(key), where + key + " is not known here; known are " + String.join(", ", keys));
        }
    }

    private static void require(boolean condition, String otherwise) {
        if (!condition) {
            throw new IllegalArgumentException(otherwise);
        }
    }
}

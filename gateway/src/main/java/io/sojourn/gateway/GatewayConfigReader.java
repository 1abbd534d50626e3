// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.mechanism.Page;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.Locator;
import io.sojourn.model.location.Locator64;
import io.sojourn.model.location.SiteId;
import io.sojourn.rpc.EnrolmentToken;
import io.sojourn.wire.Vxlan;
import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/** Reads {@code gateway.yaml}. Every complaint names the file and the key. */
public final class GatewayConfigReader {
    private static final Set<String> KEYS = Set.of(
            "gateway",
            "site",
            "controller",
            "enrolment-token",
            "enrolment-token-file",
            "listen",
            "advertise",
            "state-dir",
            "networks",
            "templates",
            "accel",
            "probe-kernel",
            "bandwidth-mbit",
            "copy-mbit",
            "vm-mbit",
            "vm-kpps",
            "transport",
            "plain-peers",
            "relays",
            "rekey-after-s",
            "offload",
            "page",
            "uplinks",
            "edges",
            "on-underlay",
            "egress",
            "resolvers");

    private static final List<String> OFFLOADS = List.of("segmentation", "merging", "tap");

    private final Path file;

    private GatewayConfigReader(Path file) {
        this.file = file;
    }

    public static GatewayConfig read(Path file) {
        return new GatewayConfigReader(file).read();
    }

    private GatewayConfig read() {
        Map<?, ?> root = map("", load());
        if (root.containsKey("token")) {
            throw wrong(
                    "token",
                    "is no longer a key; get an enrolment-token by 'sojourn gateway token SITE/NAME' at the controller");
        }
        for (Object key : root.keySet()) {
            if (!KEYS.contains(String.valueOf(key))) {
                throw wrong(String.valueOf(key), "is not a key of a gateway; the keys are " + new TreeSet<>(KEYS));
            }
        }
        Locator listen = value(root, "listen", Locator::parse);
        List<GatewayConfig.Uplink> uplinks = uplinks(root.get("uplinks"));
        if (!uplinks.isEmpty() && root.containsKey("page")) {
            throw wrong("page", "is said twice: with uplinks, each has a page of its own; leave this one out");
        }
        return new GatewayConfig(
                value(root, "gateway", GatewayId::new),
                value(root, "site", SiteId::new),
                value(root, "controller", Locator::parse),
                enrolmentToken(root),
                listen,
                root.containsKey("advertise") ? value(root, "advertise", Locator::parse) : listen,
                Path.of(text(root, "state-dir")),
                attachments(root.get("networks")),
                templates(root.get("templates")),
                acceleration(root),
                root.containsKey("probe-kernel") ? text(root, "probe-kernel") : "",
                bytesPerS(root, "bandwidth-mbit"),
                bytesPerS(root, "copy-mbit"),
                limits(root),
                transport(root),
                uplinks.isEmpty()
                        ? page("page", root.get("page"))
                        : uplinks.getFirst().page(),
                edges(root.get("edges")),
                onUnderlay(root.get("on-underlay")),
                uplinks,
                egress(root.get("egress")),
                resolvers(root));
    }

    private List<GatewayConfig.Uplink> uplinks(@Nullable Object value) {
        List<GatewayConfig.Uplink> out = new ArrayList<>();
        for (Object item : list("uplinks", value)) {
            String at = "uplinks[" + out.size() + "]";
            Map<?, ?> entry = map(at, item);
            Page page = page(at + ".page", entry.get("page"));
            List<IpPrefix> locators = locators(entry, at);
            if (page.isNone() && locators.isEmpty()) {
                throw wrong(
                        at + ".page", "is missing: the prefixes that are routed here by that uplink; or say locators");
            }
            out.add(new GatewayConfig.Uplink(text(entry, at, "device"), page, locators));
        }
        return List.copyOf(out);
    }

    /** Each an address, with a port if that is not 53. */
    private List<Locator> resolvers(Map<?, ?> root) {
        List<Locator> out = new ArrayList<>();
        for (Object item : list("resolvers", root.get("resolvers"))) {
            String at = "resolvers[" + out.size() + "]";
            String said = String.valueOf(item);
            boolean hasPort =
                    said.startsWith("[") || said.indexOf(':') == said.lastIndexOf(':') && said.indexOf(':') > 0;
            try {
                out.add(hasPort ? Locator.parse(said) : new Locator(InetAddress.ofLiteral(said), Resolvers.PORT));
            } catch (IllegalArgumentException e) {
                throw wrong(at, "is '" + said + "': give an address such as 192.0.2.53, or [2001:db8::53]:5353");
            }
        }
        return List.copyOf(out);
    }

    private GatewayConfig.Egress egress(@Nullable Object value) {
        if (value == null) {
            return GatewayConfig.Egress.NONE;
        }
        Map<?, ?> entry = map("egress", value);
        int flows = entry.containsKey("flows") ? value(entry, "flows", Integer::parseInt) : GatewayConfig.Egress.FLOWS;
        if (flows < 1_024 || flows > 1 << 26) {
            throw wrong("egress.flows", "must be 1,024 to 67,108,864");
        }
        return new GatewayConfig.Egress(
                prefixes(entry, "egress", "snat"), prefixes(entry, "egress", "floating"), flows);
    }

    private Set<IpPrefix> onUnderlay(@Nullable Object value) {
        Set<IpPrefix> prefixes = new HashSet<>();
        for (Object item : list("on-underlay", value)) {
            try {
                prefixes.add(IpPrefix.parse(String.valueOf(item)));
            } catch (IllegalArgumentException e) {
                throw wrong("on-underlay", ": " + e.getMessage());
            }
        }
        return Set.copyOf(prefixes);
    }

    private List<GatewayConfig.Edge> edges(@Nullable Object value) {
        List<GatewayConfig.Edge> out = new ArrayList<>();
        int i = 0;
        for (Object item : list("edges", value)) {
            String at = "edges[" + i++ + "]";
            Map<?, ?> entry = map(at, item);
            try {
                out.add(new GatewayConfig.Edge(
                        text(entry, at, "network"),
                        text(entry, at, "site"),
                        Locator.parse(text(entry, at, "address"))));
            } catch (IllegalArgumentException e) {
                throw wrong(at + ".address", e.getMessage());
            }
        }
        return List.copyOf(out);
    }

    /** A list of at most one prefix a family. */
    private Page page(String key, @Nullable Object value) {
        String[] prefixes = {"", ""};
        for (Object item : list(key, value)) {
            String text = String.valueOf(item);
            int family = text.indexOf(':') < 0 ? 0 : 1;
            if (!prefixes[family].isEmpty()) {
                throw wrong(
                        key, "has two prefixes of the same family; give one each, as in [100.80.0.0/16, fd50:1::/48]");
            }
            prefixes[family] = text;
        }
        try {
            return Page.parse(prefixes[0], prefixes[1]);
        } catch (IllegalArgumentException e) {
            throw wrong(key, ": " + e.getMessage());
        }
    }

    private long bytesPerS(Map<?, ?> root, String megabits) {
        return root.containsKey(megabits) ? value(root, megabits, Long::parseLong) * 1_000_000 / 8 : 0;
    }

    private GatewayConfig.Limits limits(Map<?, ?> root) {
        long bytesPerS = bytesPerS(root, "vm-mbit");
        long packetsPerS = root.containsKey("vm-kpps") ? value(root, "vm-kpps", Long::parseLong) * 1_000 : 0;
        if (bytesPerS < 0 || packetsPerS < 0) {
            throw wrong(bytesPerS < 0 ? "vm-mbit" : "vm-kpps", "must be 0 (anything) or more");
        }
        return bytesPerS + packetsPerS == 0
                ? GatewayConfig.Limits.NONE
                : new GatewayConfig.Limits(bytesPerS, packetsPerS);
    }

    private @Nullable Object load() {
        try {
            return new Load(LoadSettings.builder().setLabel(file.toString()).build())
                    .loadFromString(Files.readString(file));
        } catch (NoSuchFileException e) {
            throw new GatewayException("no configuration file " + file, e);
        } catch (IOException e) {
            throw new GatewayException("cannot read " + file + ": " + e.getMessage(), e);
        } catch (YamlEngineException e) {
            throw new GatewayException(
                    file + " is not YAML: "
                            + String.valueOf(e.getMessage()).lines().findFirst().orElse("?"),
                    e);
        }
    }

    private Optional<String> enrolmentToken(Map<?, ?> root) {
        String key = "enrolment-token";
        Optional<String> token = Optional.empty();
        if (root.containsKey(key)) {
            token = Optional.of(text(root, key));
        } else if (root.containsKey("enrolment-token-file")) {
            key = "enrolment-token-file";
            Path from = Path.of(text(root, key));
            try {
                token = Optional.of(Files.readString(from).strip());
            } catch (NoSuchFileException e) {
                return Optional.empty(); // may be removed once it has been used
            } catch (IOException e) {
                throw wrong(key, "cannot be read: " + e.getMessage());
            }
        }
        try {
            token.ifPresent(EnrolmentToken::parse);
            return token;
        } catch (IllegalArgumentException e) {
            throw wrong(key, e.getMessage());
        }
    }

    private String acceleration(Map<?, ?> root) {
        String accel = root.containsKey("accel") ? text(root, "accel") : "auto";
        if (!Set.of("auto", "kvm", "tcg").contains(accel)) {
            throw wrong("accel", "is '" + accel + "'; use auto, kvm or tcg");
        }
        return accel;
    }

    private GatewayConfig.Transport transport(Map<?, ?> root) {
        String transport = root.containsKey("transport") ? text(root, "transport") : "sealed";
        if (!Set.of("sealed", "plain").contains(transport)) {
            throw wrong("transport", "is '" + transport + "'; use sealed, or plain on an underlay that you trust");
        }
        Set<String> plain = names(root, "plain-peers");
        int rekeyAfterS = root.containsKey("rekey-after-s")
                ? value(root, "rekey-after-s", Integer::parseInt)
                : GatewayConfig.Transport.REKEY_AFTER_S;
        if (rekeyAfterS < 2 || rekeyAfterS > GatewayConfig.Transport.REKEY_AFTER_S) {
            throw wrong("rekey-after-s", "must be 2 to " + GatewayConfig.Transport.REKEY_AFTER_S);
        }
        return new GatewayConfig.Transport(
                transport.equals("sealed"), plain, names(root, "relays"), rekeyAfterS, offloads(root.get("offload")));
    }

    private Set<String> names(Map<?, ?> root, String key) {
        Set<String> names = new TreeSet<>();
        list(key, root.get(key)).forEach(name -> names.add(String.valueOf(name)));
        return Set.copyOf(names);
    }

    private GatewayConfig.Offloads offloads(@Nullable Object value) {
        if (value == null) {
            return GatewayConfig.Offloads.AUTO;
        }
        Map<?, ?> map = map("offload", value);
        for (Object key : map.keySet()) {
            if (!OFFLOADS.contains(String.valueOf(key))) {
                throw wrong("offload." + key, "is not an offload; there are " + OFFLOADS);
            }
        }
        return new GatewayConfig.Offloads(
                offload(map, OFFLOADS.get(0)), offload(map, OFFLOADS.get(1)), offload(map, OFFLOADS.get(2)));
    }

    private GatewayConfig.Offload offload(Map<?, ?> map, String key) {
        if (!map.containsKey(key)) {
            return GatewayConfig.Offload.AUTO;
        }
        String path = "offload." + key;
        // YAML 1.2 has on and off as words, YAML 1.1 as booleans: both are meant.
        return switch (text(map, "offload", key)) {
            case "auto" -> GatewayConfig.Offload.AUTO;
            case "on", "true" -> GatewayConfig.Offload.ON;
            case "off", "false" -> GatewayConfig.Offload.OFF;
            default -> throw wrong(path, "must be auto, on or off");
        };
    }

    private List<GatewayConfig.Attachment> attachments(@Nullable Object value) {
        List<GatewayConfig.Attachment> out = new ArrayList<>();
        int i = 0;
        for (Object item : list("networks", value)) {
            String at = "networks[" + i++ + "]";
            Map<?, ?> entry = map(at, item);
            out.add(new GatewayConfig.Attachment(
                    text(entry, at, "name"),
                    text(entry, at, "bridge"),
                    segmentVni(entry, at),
                    locators(entry, at),
                    prefixes(entry, at, "outsiders"),
                    border(entry, at),
                    prefixes(entry, at, "routed")));
        }
        return List.copyOf(out);
    }

    private Optional<GatewayId> border(Map<?, ?> entry, String at) {
        if (!entry.containsKey("border")) {
            return Optional.empty();
        }
        if (!entry.containsKey("locators")) {
            throw wrong(at + ".border", "is of no use without locators: name those that are routed to that gateway");
        }
        try {
            return Optional.of(new GatewayId(text(entry, at, "border")));
        } catch (IllegalArgumentException e) {
            throw wrong(at + ".border", e.getMessage());
        }
    }

    private List<IpPrefix> locators(Map<?, ?> entry, String at) {
        List<IpPrefix> locators = prefixes(entry, at, "locators");
        for (IpPrefix locator : locators) {
            if (!locator.address().isV6() || locator.length() != Locator64.BITS) {
                throw wrong(at + ".locators", "has " + locator + "; a locator is an IPv6 prefix of 64 bits");
            }
        }
        return locators;
    }

    private List<IpPrefix> prefixes(Map<?, ?> entry, String at, String key) {
        List<IpPrefix> prefixes = new ArrayList<>();
        for (Object item : list(at + "." + key, entry.get(key))) {
            try {
                prefixes.add(IpPrefix.parse(String.valueOf(item)));
            } catch (IllegalArgumentException e) {
                throw wrong(at + "." + key, "has '" + item + "': " + e.getMessage());
            }
        }
        return prefixes;
    }

    private int segmentVni(Map<?, ?> entry, String at) {
        if (!entry.containsKey("segment")) {
            return 0;
        }
        String text = text(entry, at, "segment");
        int vni = text.matches("[0-9]{1,8}") ? Integer.parseInt(text) : 0;
        if (vni < 1 || vni > Vxlan.VNI_MAX) {
            throw wrong(at + ".segment", "is '" + text + "'; give the VNI of its segment here, 1 to " + Vxlan.VNI_MAX);
        }
        return vni;
    }

    private Map<String, GatewayConfig.Template> templates(@Nullable Object value) {
        Map<String, GatewayConfig.Template> out = new LinkedHashMap<>();
        if (value != null) {
            map("templates", value).forEach((name, body) -> {
                String at = "templates." + name;
                List<String> words = new ArrayList<>();
                for (Object word : list(at + ".command", map(at, body).get("command"))) {
                    words.add(String.valueOf(word));
                }
                if (words.isEmpty()) {
                    throw wrong(at + ".command", "is empty; give the words of a QEMU command line");
                }
                out.put(String.valueOf(name), new GatewayConfig.Template(List.copyOf(words)));
            });
        }
        return Map.copyOf(out);
    }

    private <T> T value(Map<?, ?> root, String key, Function<String, T> parse) {
        try {
            return parse.apply(text(root, key));
        } catch (NumberFormatException e) {
            throw wrong(key, "is not a number");
        } catch (IllegalArgumentException e) {
            throw wrong(key, e.getMessage());
        }
    }

    private String text(Map<?, ?> root, String key) {
        return text(root, "", key);
    }

    private String text(Map<?, ?> map, String at, String key) {
        Object value = map.get(key);
        String path = at.isEmpty() ? key : at + "." + key;
        if (value == null) {
            throw wrong(path, "is missing");
        }
        if (value instanceof Map || value instanceof List) {
            throw wrong(path, "must be a single value");
        }
        return String.valueOf(value);
    }

    private Map<?, ?> map(String at, @Nullable Object value) {
        if (value instanceof Map<?, ?> m) {
            return m;
        }
        throw wrong(at.isEmpty() ? "the file" : at, "must be a mapping of keys to values");
    }

    private List<?> list(String at, @Nullable Object value) {
        if (value == null) {
            return List.of();
        }
        if (value instanceof List<?> l) {
            return l;
        }
        throw wrong(at, "must be a list");
    }

    private GatewayException wrong(String key, @Nullable String what) {
        return new GatewayException(file + ": " + key + " " + what);
    }
}

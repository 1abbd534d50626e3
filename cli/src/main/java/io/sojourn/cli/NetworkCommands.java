// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Virtual networks. */
@Command(
        name = "network",
        description = "Create, show, change or delete a virtual network.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            NetworkCommands.Create.class,
            NetworkCommands.Networks.class,
            NetworkCommands.Show.class,
            NetworkCommands.Set.class,
            NetworkCommands.Delete.class
        })
final class NetworkCommands {
    private static final List<String> SUBNET_KEYS = List.of("home", "gateway");
    private static final List<String> RULE_KEYS = List.of("node", "to");

    @Mixin
    HelpOption helpOption = new HelpOption();

    @Command(
            name = "create",
            description = "Create a network with a subnet for each site, or one for all.",
            footer = {
                "",
                "A subnet is PREFIX[,home=SITE][,gateway=ADDRESS]: home is the site where hosts that are not registered VMs are;",
                "gateway is the address that every site answers for, the first host of the prefix if left out.",
                "",
                "Examples:",
                "  sojourn network create blue --subnet 10.10.1.0/24,home=st-andrews --subnet 10.10.2.0/24,home=hiroshima",
                "  sojourn network create red --vni 7000 --subnet 10.20.0.0/16 --subnet fd20::/64"
            })
    static final class Create implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Parameters(paramLabel = "NAME", description = "Its name.")
        String name = "";

        @Option(
                names = "--subnet",
                paramLabel = "SUBNET",
                required = true,
                description = "A subnet; may be given several times.")
        List<String> subnets = List.of();

        @Option(names = "--vni", description = "VXLAN network identifier, 1 to 16777214; assigned if left out.")
        @Nullable
        Integer vni;

        @Option(names = "--mtu", description = "Of the guests' links; 1500 if left out.")
        @Nullable
        Integer mtu;

        @Option(
                names = "--mechanism",
                description =
                        "How packets of its VMs are carried: overlay, paging, segment, mat, ilnp or label; overlay if left out.")
        @Nullable
        String mechanism;

        @Option(
                names = "--transparency",
                description =
                        "Who may notice moves of its VMs by ilnp: visible, invisible or local; visible if left out.")
        @Nullable
        String transparency;

        @Option(
                names = "--ordering",
                paramLabel = "strict|relaxed",
                description =
                        "Of moves of its VMs: strict (the default) keeps the order of packets; relaxed holds none back, and some may come late.")
        @Nullable
        String ordering;

        @Override
        public void run() {
            ObjectNode network = JsonNodeFactory.instance.objectNode().put("name", name);
            ArrayNode list = network.putArray("subnets");
            subnets.forEach(subnet -> list.add(subnet(subnet)));
            if (vni != null) {
                network.put("vni", vni);
            }
            if (mtu != null) {
                network.put("mtu", mtu);
            }
            if (mechanism != null) {
                network.put("mechanism", mechanism);
            }
            if (transparency != null) {
                network.put("transparency", transparency);
            }
            if (ordering != null) {
                network.put("ordering", ordering);
            }
            JsonNode created = options.client().post("/v1/networks", network);
            if (!options.printedAsJson(created)) {
                options.println("network " + name + " created, VNI "
                        + created.path("vni").asInt());
            }
        }

        static ObjectNode subnet(String text) {
            int comma = text.indexOf(',');
            ObjectNode subnet =
                    JsonNodeFactory.instance.objectNode().put("prefix", comma < 0 ? text : text.substring(0, comma));
            if (comma >= 0) {
                Words.pairs("--subnet", text.substring(comma + 1), SUBNET_KEYS)
                        .forEach(part ->
                                subnet.put(part.getKey().equals("home") ? "homeSite" : "gateway", part.getValue()));
            }
            return subnet;
        }
    }

    /** {@code networks}, and {@code network list}. */
    @Command(name = "list", description = "List the networks.")
    static final class Networks implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Override
        public void run() {
            JsonNode answer = options.client().get("/v1/networks");
            if (options.printedAsJson(answer)) {
                return;
            }
            Table table = new Table("NETWORK", "VNI", "MECHANISM", "MTU", "ORDERING", "SUBNETS");
            for (JsonNode network : answer.path("items")) {
                List<String> prefixes = network.path("subnets")
                        .valueStream()
                        .map(subnet -> subnet.path("prefix").asString())
                        .toList();
                table.row(
                        network.path("name").asString(),
                        network.path("vni").asString(),
                        network.path("mechanism").asString("overlay"),
                        network.path("mtu").asString("1500"),
                        network.path("ordering").asString("strict"),
                        String.join(", ", prefixes));
            }
            table.lines().forEach(options::println);
        }
    }

    @Command(name = "show", description = "Show a network and its subnets.")
    static final class Show implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Parameters(paramLabel = "NAME", description = "Its name.")
        String name = "";

        @Override
        public void run() {
            JsonNode network = options.client().get("/v1/networks/" + ControllerClient.segment(name));
            if (options.printedAsJson(network)) {
                return;
            }
            options.println(name + "  VNI " + network.path("vni").asInt() + "  mechanism "
                    + network.path("mechanism").asString("overlay") + "  MTU "
                    + network.path("mtu").asInt(1500) + "  ordering "
                    + network.path("ordering").asString("strict"));
            Table table = new Table("SUBNET", "GATEWAY ADDRESS", "HOME SITE");
            for (JsonNode subnet : network.path("subnets")) {
                table.row(
                        subnet.path("prefix").asString(),
                        Figures.word(subnet.path("gateway")),
                        Figures.word(subnet.path("homeSite")));
            }
            table.lines().forEach(options::println);
        }
    }

    @Command(
            name = "set",
            description =
                    "Give subnets of a network another home (the hosts of a whole prefix move), or say by which locators its sessions go.",
            footer = {
                "",
                "Hosts may be reached at both sites until this returns; what comes to the old home later is passed on.",
                "Rules, and locators withdrawn, take the place of all that there were; correspondents are told by Locator Updates.",
                "Of several rules that fit the most specific counts: node and to, then node, then to, then neither.",
                "",
                "Examples:",
                "  sojourn network set blue --home 10.10.5.0/24=hiroshima --home fd10:10:5::/64=hiroshima",
                "  sojourn network set blue --use fd66:11::/64,node=fd10:10:1::10,to=fd10:10:3::20",
                "  sojourn network set blue --withdraw fd66:1::/64",
                "  sojourn network set blue --no-rules --none-withdrawn"
            })
    static final class Set implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Parameters(paramLabel = "NAME", description = "Its name.")
        String name = "";

        @Option(
                names = "--home",
                paramLabel = "PREFIX=SITE",
                description = "Where the hosts of that subnet are from now on; may be given several times.")
        List<String> homes = List.of();

        @Option(
                names = "--use",
                paramLabel = "LOCATOR[,node=ADDRESS][,to=ADDRESS]",
                description = "By ilnp, which of a site's locators sessions use; may be given several times.")
        List<String> rules = List.of();

        @Option(names = "--no-rules", description = "The most preferred locator that works is used.")
        boolean noRules;

        @Option(
                names = "--withdraw",
                paramLabel = "LOCATOR",
                description = "By ilnp, a locator that nobody is to use any more; may be given several times.")
        List<String> withdrawn = List.of();

        @Option(names = "--none-withdrawn", description = "All locators may be used again.")
        boolean noneWithdrawn;

        @Override
        public void run() {
            ObjectNode change = JsonNodeFactory.instance.objectNode();
            if (homes.isEmpty() && rules.isEmpty() && !noRules && withdrawn.isEmpty() && !noneWithdrawn) {
                throw CommandFailure.wrongUse(
                        "nothing to change: give --home, --use, --no-rules, --withdraw or --none-withdrawn");
            }
            if (!rules.isEmpty() || noRules) {
                ArrayNode list = change.putArray("locatorRules");
                rules.forEach(rule -> list.add(rule(rule)));
            }
            if (!withdrawn.isEmpty() || noneWithdrawn) {
                withdrawn.forEach(change.putArray("withdrawn")::add);
            }
            homes(change);
            JsonNode changed = options.client().patch("/v1/networks/" + ControllerClient.segment(name), change);
            if (!options.printedAsJson(changed)) {
                options.println("network " + name + " changed");
            }
        }

        private static ObjectNode rule(String text) {
            int comma = text.indexOf(',');
            ObjectNode rule =
                    JsonNodeFactory.instance.objectNode().put("use", comma < 0 ? text : text.substring(0, comma));
            if (comma >= 0) {
                Words.pairs("--use", text.substring(comma + 1), RULE_KEYS)
                        .forEach(part ->
                                rule.put(part.getKey().equals("to") ? "correspondent" : "node", part.getValue()));
            }
            return rule;
        }

        private void homes(ObjectNode change) {
            if (homes.isEmpty()) {
                return;
            }
            ArrayNode list = change.putArray("subnets");
            for (String home : homes) {
                int equals = home.indexOf('=');
                if (equals <= 0 || equals == home.length() - 1) {
                    throw CommandFailure.wrongUse(
                            "--home '" + home + "': write PREFIX=SITE, as in 10.10.5.0/24=hiroshima");
                }
                list.addObject().put("prefix", home.substring(0, equals)).put("homeSite", home.substring(equals + 1));
            }
        }
    }

    @Command(name = "delete", description = "Delete a network that no VM uses.")
    static final class Delete implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Parameters(paramLabel = "NAME", description = "Its name.")
        String name = "";

        @Override
        public void run() {
            options.client().delete("/v1/networks/" + ControllerClient.segment(name));
            options.deleted("network", name);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Virtual machines. */
@Command(
        name = "vm",
        description = "Register, show, change or remove a VM.",
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            VmCommands.Add.class,
            VmCommands.Vms.class,
            VmCommands.Show.class,
            VmCommands.Set.class,
            VmCommands.Remove.class,
            VmCommands.History.class
        })
final class VmCommands {
    @Mixin
    HelpOption helpOption = new HelpOption();

    static String path(String vm) {
        return "/v1/vms/" + ControllerClient.segment(vm);
    }

    /** What {@code add} and {@code set} share. */
    static final class Fields {
        @Option(names = "--network", description = "Network of its one interface.")
        @Nullable
        String network;

        @Option(names = "--mac", description = "MAC address of its one interface.")
        @Nullable
        String mac;

        @Option(
                names = "--address",
                description = "An IPv4 or IPv6 address of its one interface; may be given several times.")
        List<String> addresses = new ArrayList<>();

        @Option(
                names = "--tap",
                description = "The interface's device at the gateway; found out by the MAC if left out.")
        @Nullable
        String tap;

        @Option(names = "--nic", description = "Instead, for several: network=…,mac=…,address=…[,address=…][,tap=…].")
        List<String> nics = new ArrayList<>();

        @Option(names = "--site", description = "Where it runs now.")
        @Nullable
        String site;

        @Option(names = "--gateway", description = "Where it runs now, if its site has several gateways.")
        @Nullable
        String gateway;

        @Option(
                names = "--hypervisor",
                paramLabel = "URI",
                description = "Its QMP socket at that gateway: qemu+unix:///run/web1.qmp.")
        @Nullable
        String hypervisor;

        @Option(names = "--template", description = "Launch template that the destination starts it by.")
        @Nullable
        String template;

        @Option(
                names = "--param",
                paramLabel = "KEY=VALUE",
                description = "Fills the template, such as memory=512M; may be given several times.")
        Map<String, String> parameters = Map.of();

        @Option(
                names = "--mechanism",
                description =
                        "How its packets are carried: overlay, paging, segment, mat, ilnp or label; as its network says if left out.")
        @Nullable
        String mechanism;

        @Option(
                names = "--transparency",
                description =
                        "Who may notice its moves by ilnp: visible, invisible or local; as its network says if left out.")
        @Nullable
        String transparency;

        ObjectNode json() {
            ObjectNode vm = JsonNodeFactory.instance.objectNode();
            boolean single = network != null || mac != null || tap != null || !addresses.isEmpty();
            if (single && !nics.isEmpty()) {
                throw CommandFailure.wrongUse("give either --network, --mac, --address and --tap, or --nic; not both");
            }
            if (single) {
                ObjectNode nic = vm.putArray("nics").addObject();
                put(nic, "network", required("--network", network));
                put(nic, "mac", required("--mac", mac));
                put(nic, "tap", tap);
                ArrayNode list = nic.putArray("addresses");
                addresses.forEach(list::add);
            } else if (!nics.isEmpty()) {
                ArrayNode list = vm.putArray("nics");
                nics.forEach(nic -> list.add(NicOption.parse(nic)));
            }
            put(vm, "site", site);
            put(vm, "gateway", gateway);
            put(vm, "hypervisor", hypervisor);
            put(vm, "template", template);
            put(vm, "mechanism", mechanism);
            put(vm, "transparency", transparency);
            if (!parameters.isEmpty()) {
                ObjectNode filled = vm.putObject("parameters");
                parameters.forEach(filled::put);
            }
            return vm;
        }

        private static String required(String option, @Nullable String value) {
            if (value == null) {
                throw CommandFailure.wrongUse(
                        "an interface needs --network, --mac and at least one --address; " + option + " is missing");
            }
            return value;
        }

        private static void put(ObjectNode node, String key, @Nullable String value) {
            if (value != null) {
                node.put(key, value);
            }
        }
    }

    @Command(
            name = "add",
            description = "Register a running VM.",
            footer = {
                "",
                "Without --hypervisor the VM is reachable everywhere, but its moves are not Sojourn's to start.",
                "",
                "Examples:",
                "  sojourn vm add web1 --network blue --mac 52:54:00:00:01:0a --address 10.10.1.10 --address fd10:10:1::10 \\",
                "      --site st-andrews --hypervisor qemu+unix:///run/web1.qmp --template default --param memory=512M"
            })
    static final class Add implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Parameters(paramLabel = "NAME", description = "Its name.")
        String name = "";

        @Mixin
        Fields fields = new Fields();

        @Override
        public void run() {
            ObjectNode vm = fields.json();
            if (!vm.has("nics")) {
                throw CommandFailure.wrongUse("a VM needs an interface: --network, --mac and --address, or --nic");
            }
            if (!vm.has("site") && !vm.has("gateway")) {
                throw CommandFailure.wrongUse("where does it run? Give --site (or --gateway, if the site has several)");
            }
            vm.put("name", name);
            JsonNode created = options.client().post("/v1/vms", vm);
            if (!options.printedAsJson(created)) {
                options.println("VM " + name + " registered at "
                        + created.path("gateway").asString() + ", epoch "
                        + created.path("epoch").asLong(0));
                created.path("warnings").forEach(warning -> options.note("warning: " + warning.asString()));
            }
        }
    }

    /** {@code vms}, and {@code vm list}. */
    @Command(name = "list", description = "List the VMs and where they are.")
    static final class Vms implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Override
        public void run() {
            JsonNode answer = options.client().get("/v1/vms");
            if (options.printedAsJson(answer)) {
                return;
            }
            Table table = new Table("VM", "STATE", "SITE", "GATEWAY", "EPOCH", "ADDRESSES", "MIGRATION");
            for (JsonNode vm : answer.path("items")) {
                List<String> addresses = vm.path("nics")
                        .valueStream()
                        .flatMap(nic -> nic.path("addresses").valueStream())
                        .map(address -> address.asString())
                        .toList();
                table.row(
                        vm.path("name").asString(),
                        Figures.word(vm.path("state")),
                        Figures.word(vm.path("site")),
                        Figures.word(vm.path("gateway")),
                        vm.path("epoch").asString("-"),
                        String.join(", ", addresses),
                        Figures.word(vm.path("migration")));
            }
            table.lines().forEach(options::println);
        }
    }

    @Command(name = "show", description = "Show a VM.")
    static final class Show implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Parameters(paramLabel = "NAME", description = "Its name.")
        String name = "";

        @Override
        public void run() {
            JsonNode vm = options.client().get(path(name));
            if (options.printedAsJson(vm)) {
                return;
            }
            options.println(name + "  " + Figures.word(vm.path("state")) + "  at " + Figures.word(vm.path("site"))
                    + " (" + Figures.word(vm.path("gateway")) + ") under epoch "
                    + vm.path("epoch").asLong(0));
            for (JsonNode nic : vm.path("nics")) {
                options.println("  interface   " + nic.path("mac").asString() + " on "
                        + nic.path("network").asString() + ": " + Figures.words(nic.path("addresses"))
                        + (nic.path("tap").asString("").isEmpty()
                                ? ""
                                : ", tap " + nic.path("tap").asString()));
            }
            options.println("  hypervisor  " + Figures.word(vm.path("hypervisor")));
            if (vm.hasNonNull("template")) {
                options.println("  template    " + vm.path("template").asString() + " " + vm.path("parameters"));
            }
            if (vm.hasNonNull("migration")) {
                options.println("  migration   " + vm.path("migration").asString());
            }
            vm.path("warnings").forEach(warning -> options.println("  warning     " + warning.asString()));
        }
    }

    @Command(
            name = "set",
            description = "Change what is registered of a VM; only what is given changes.",
            footer = {
                "",
                "--site or --gateway corrects by hand where it is, under a new epoch; nothing is migrated.",
                "",
                "Examples:",
                "  sojourn vm set web1 --hypervisor qemu+unix:///run/web1-new.qmp"
            })
    static final class Set implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Parameters(paramLabel = "NAME", description = "Its name.")
        String name = "";

        @Mixin
        Fields fields = new Fields();

        @Override
        public void run() {
            ObjectNode change = fields.json();
            if (change.isEmpty()) {
                throw CommandFailure.wrongUse("nothing to change; see 'sojourn vm set --help'");
            }
            JsonNode changed = options.client().patch(path(name), change);
            if (!options.printedAsJson(changed)) {
                options.println("VM " + name + " changed");
            }
        }
    }

    @Command(name = "remove", description = "Forget a VM. The VM itself runs on.")
    static final class Remove implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Parameters(paramLabel = "NAME", description = "Its name.")
        String name = "";

        @Override
        public void run() {
            options.client().delete(path(name));
            options.deleted("VM", name);
        }
    }

    @Command(name = "history", description = "Where a VM has been, oldest first.")
    static final class History implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Parameters(paramLabel = "NAME", description = "Its name.")
        String name = "";

        @Override
        public void run() {
            JsonNode answer = options.client().get(path(name) + "/history");
            if (options.printedAsJson(answer)) {
                return;
            }
            Table table = new Table("EPOCH", "SINCE", "SITE", "GATEWAY", "CAUSE");
            for (JsonNode binding : answer.path("items")) {
                table.row(
                        binding.path("epoch").asString(),
                        Figures.word(binding.path("since")),
                        Figures.word(binding.path("site")),
                        Figures.word(binding.path("gateway")),
                        Figures.word(binding.path("cause")));
            }
            table.lines().forEach(options::println);
            for (JsonNode notice : answer.path("notices")) {
                options.println(Figures.word(notice.path("at")) + "  " + Figures.word(notice.path("gateway")) + ": "
                        + Figures.word(notice.path("text")));
            }
        }
    }
}

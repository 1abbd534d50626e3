// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.hypervisor.AccelerationProbe;
import io.sojourn.hypervisor.LaunchTemplate;
import io.sojourn.hypervisor.ProbeResult;
import io.sojourn.wan.WanControl;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/** A running lab: places, and the processes in them. Closing it removes everything. */
public final class Lab implements AutoCloseable {
    static final String NETWORK = "blue";
    static final String BRIDGE = "br-blue";
    static final String OVERLAY = "overlay";
    static final String PAGING = "paging";
    static final String SEGMENT = "segment";
    static final String MAT = "mat";
    static final String ILNP = "ilnp";
    static final String LABEL = "label";
    static final String WAN_DEVICE = "wan0";
    static final String NAT_SUFFIX = "-nat";
    private static final Duration START_BOUND = Duration.ofSeconds(60);
    private static final Duration BOOT_BOUND = Duration.ofSeconds(60);
    private static final Duration KVM_PATIENCE = Duration.ofSeconds(10);

    /** Controller and gateways: what can die and be started again. */
    private record Server(String place, String[] arguments, Child child) {}

    private final Run run;
    private final Topology topology;
    private final GuestImage image;
    private final LabQemu qemu;
    private final List<String> networks;
    private final Scenario scenario;
    private final String mechanism;
    private final String transparency;
    private final Map<String, Place> places = new LinkedHashMap<>();
    private final List<Child> children = new ArrayList<>();
    private final Map<String, Server> servers = new LinkedHashMap<>();
    private @Nullable RestClient rest;

    /**
     * @param scenario says how the sites are furnished
     * @param mechanism how packets of all VMs are carried
     * @param transparency who may notice their moves by ilnp
     */
    Lab(
            Run run,
            Topology topology,
            GuestImage image,
            LabQemu qemu,
            Scenario scenario,
            String mechanism,
            String transparency) {
        this.transparency = transparency;
        this.scenario = scenario;
        this.networks = scenario.networks();
        this.mechanism = mechanism;
        this.run = run;
        this.topology = topology;
        this.image = image;
        this.qemu = qemu;
    }

    /** Removes runs whose owner died. */
    static void removeDeadRuns() {
        for (Run run : Run.all()) {
            if (run.isDead()) {
                run.remove();
            }
        }
    }

    /** Removes every run that nobody drives; with a prefix, that one. Returns the prefixes removed. */
    public static List<String> down(Optional<String> prefix) {
        List<String> removed = new ArrayList<>();
        for (Run run : Run.all()) {
            if (prefix.isPresent() ? run.prefix().equals(prefix.get()) : true) {
                if (run.isDriven()) {
                    if (prefix.isPresent()) {
                        throw new LabException(
                                "lab '" + run.prefix()
                                        + "' is driven by a process that is alive; end that one with Ctrl-C, it cleans up by itself");
                    }
                    continue;
                }
                run.remove();
                removed.add(run.prefix());
            }
        }
        return removed;
    }

    public Run run() {
        return run;
    }

    public Topology topology() {
        return topology;
    }

    Scenario scenario() {
        return scenario;
    }

    /** How packets of all VMs are carried. */
    String mechanism() {
        return mechanism;
    }

    String transparency() {
        return transparency;
    }

    private boolean carriesBy(String other) {
        return mechanism.equals(other) || scenario.alsoBy().contains(other);
    }

    /** VMs get an address of each site's own subnet when they are there. */
    boolean isRenumbered() {
        return mechanism.equals(LABEL);
    }

    /** By addresses of pages, if by any. */
    private boolean needsPages() {
        return isPaged() || carriesBy(PAGING) || carriesBy(MAT);
    }

    /** VMs and those they talk to are known by addresses of pages on the WAN. */
    boolean isPaged() {
        return mechanism.equals(PAGING) || mechanism.equals(MAT);
    }

    GuestImage image() {
        return image;
    }

    LabQemu qemu() {
        return qemu;
    }

    Place place(String name) {
        Place place = places.get(name);
        if (place == null) {
            throw new LabException("no place '" + name + "' in lab " + run.prefix() + "; there are "
                    + String.join(", ", places.keySet()));
        }
        return place;
    }

    List<Place> places() {
        return List.copyOf(places.values());
    }

    /** The plain hosts, one a site. */
    List<Place> correspondents() {
        return correspondents(NETWORK);
    }

    List<Place> correspondents(String network) {
        return topology.sites().stream()
                .map(site -> place(correspondent(site, network)))
                .toList();
    }

    /** One letter tells the networks apart, as it does not matter in which a name is looked for. */
    private static String correspondent(Topology.Site site, String network) {
        return site.name() + "-" + (network.equals(NETWORK) ? "c" : network.substring(0, 1));
    }

    static String bridge(String network) {
        return "br-" + network;
    }

    /** Namespaces, bridges, correspondents, and each place's end of the WAN. */
    void buildPlaces() {
        addWanEnd(addPlace(Topology.CONTROLLER), Topology.CONTROLLER_NUMBER);
        for (Topology.Site site : topology.sites()) {
            buildSite(site);
            if (scenario.isBehindNat(site)) {
                addNat(site);
            } else {
                addWanEnd(place(site.name()), site.number());
            }
            if (needsPages() || carriesBy(ILNP) || carriesBy(LABEL)) {
                place(site.name()).sysctl("net/ipv4/ip_forward=1", "net/ipv6/conf/all/forwarding=1");
            }
        }
        scenario.outsiders().forEach((name, number) -> addWanEnd(addPlace(name), number));
        scenario.uplinks().forEach(uplink -> uplink.furnish(place(uplink.site().name())));
        scenario.furnish(this);
    }

    /** The site's address belongs to a router that translates, as one at home does; the gateway has a private one behind it. */
    private void addNat(Topology.Site site) {
        Place host = place(site.name());
        Place nat = addPlace(site.name() + NAT_SUFFIX);
        addWanEnd(nat, site.number());
        nat.sysctl("net/ipv4/ip_forward=1");
        nat.ip(List.of(
                "link add lan0 type veth peer name " + WAN_DEVICE + " netns " + host.namespace(),
                "addr add 192.168." + site.number() + ".1/24 dev lan0",
                "link set lan0 up"));
        host.ip(List.of(
                "addr add " + natInside(site) + "/24 dev " + WAN_DEVICE,
                "link set " + WAN_DEVICE + " txqueuelen 10000",
                "link set " + WAN_DEVICE + " up",
                "route add default via 192.168." + site.number() + ".1"));
        NetFilter.masquerade(nat);
    }

    /** The address of a gateway behind a NAT. */
    static String natInside(Topology.Site site) {
        return "192.168." + site.number() + ".2";
    }

    private static void addWanEnd(Place place, int number) {
        place.ip(List.of("tuntap add dev " + WAN_DEVICE + " mode tun"));
        place.sysctl(
                "net/ipv6/conf/" + WAN_DEVICE + "/disable_ipv6=0",
                "net/ipv6/conf/" + WAN_DEVICE + "/router_solicitations=0"); // there is none, and the WAN is listened to
        place.ip(List.of(
                "addr add " + Topology.wanAddress4(number) + "/24 dev " + WAN_DEVICE,
                "addr add " + Topology.wanAddress6(number) + "/64 dev " + WAN_DEVICE + " nodad",
                "link set " + WAN_DEVICE + " txqueuelen 10000",
                "link set " + WAN_DEVICE + " up",
                "route add default dev " + WAN_DEVICE,
                "route add ::/0 dev " + WAN_DEVICE));
    }

    /** The WAN emulator, the controller and a gateway a site; returns when all are ready and the controller sees every gateway. */
    void startProcesses(String acceleration, long seed) {
        Place wanPlace = addPlace("wan");
        Child wan = Child.startSojourn(
                run,
                wanPlace,
                "wan-emulator",
                "wan",
                "--config",
                Configs.wan(run, topology, scenario, places, carriesBy(LABEL), seed)
                        .toString());
        children.add(wan);
        wan.awaitReady(START_BOUND);
        start(
                Topology.CONTROLLER,
                Topology.CONTROLLER,
                "controller",
                "--config",
                Configs.controller(run, scenario.controllerExtras()).toString());
        awaitReady(Topology.CONTROLLER);
        rest = new RestClient(place(Topology.CONTROLLER), "http://127.0.0.1:" + Configs.REST_PORT);
        for (Topology.Site site : topology.sites()) {
            start(
                    gatewayProcess(site.name()),
                    site.name(),
                    "gateway",
                    "--config",
                    Configs.gateway(run, site, networks, enrolmentToken(site), qemu, acceleration, extras(site))
                            .toString());
        }
        servers.values().forEach(server -> server.child().awaitReady(START_BOUND));
        awaitGateways();
    }

    private Map<String, Object> extras(Topology.Site site) {
        Map<String, Object> extras = new LinkedHashMap<>();
        if (needsPages()
                && scenario.uplinks().stream().noneMatch(uplink -> uplink.site().equals(site))) {
            extras.put("page", List.of(site.page4(), site.page6()));
        }
        if (carriesBy(SEGMENT) || carriesBy(ILNP) || carriesBy(LABEL)) {
            extras.put(
                    "networks",
                    Configs.networks(
                            networks,
                            site,
                            carriesBy(SEGMENT),
                            carriesBy(ILNP) ? Optional.of(border(site)) : Optional.empty(),
                            carriesBy(LABEL),
                            scenario.uplinks(),
                            outsiders()));
        }
        extras.putAll(scenario.gatewayExtras(site));
        return extras;
    }

    /** Hosts without a gateway that may speak with VMs natively. */
    private List<String> outsiders() {
        List<String> all = new ArrayList<>(scenario.speakingByIlnp());
        if (carriesBy(LABEL)) {
            int number = Topology.CONTROLLER_NUMBER;
            all.addAll(List.of(Topology.wanPrefix4(number), Topology.wanPrefix6(number)));
        }
        return all;
    }

    /** Whose locators the site's members have: its own, unless it is a place of a larger one. */
    Topology.Site border(Topology.Site site) {
        return topology.site(scenario.borders().getOrDefault(site.name(), site.name()));
    }

    /** As an operator would get it; good for one gateway, once. */
    String enrolmentToken(Topology.Site site) {
        return rest().post("/v1/gateway-tokens", Map.of("site", site.name(), "gateway", site.name()))
                .path("token")
                .asString("");
    }

    /** The name of a site's gateway among the lab's processes, and of its log. */
    static String gatewayProcess(String site) {
        return "gateway-" + site;
    }

    private void start(String name, String placeName, String... arguments) {
        servers.put(name, new Server(placeName, arguments, Child.startSojourn(run, place(placeName), name, arguments)));
    }

    /** A process that the lab needs beside its own; returns when it is ready. */
    void startBeside(Place place, String name, String... arguments) {
        Child child = Child.startSojourn(run, place, name, arguments);
        children.add(child);
        child.awaitReady(START_BOUND);
    }

    private Server server(String name) {
        Server server = servers.get(name);
        if (server == null) {
            throw new LabException("no process '" + name + "' in lab " + run.prefix() + "; there are "
                    + String.join(", ", servers.keySet()));
        }
        return server;
    }

    /** What a process writes; the next one of the same name goes on in the same file. */
    Path log(String name) {
        return server(name).child().log();
    }

    long pid(String name) {
        return server(name).child().pid();
    }

    /** SIGKILL to the controller or a gateway. */
    void kill(String name) {
        server(name).child().kill();
    }

    /** Starts it as it was started before, as its supervisor would; does not wait until it is ready. */
    void startAgain(String name) {
        Server server = server(name);
        start(name, server.place(), server.arguments());
    }

    void awaitReady(String name) {
        server(name).child().awaitReady(START_BOUND);
    }

    /** The emulator between the sites: its links can be changed and cut. */
    WanControl wan() {
        return WanControl.connect(Configs.wanSocket(run));
    }

    /** Until the controller sees every gateway. */
    void awaitGateways() {
        await("all gateways are connected", START_BOUND, () -> {
            int connected = 0;
            for (JsonNode gateway : rest().get("/v1/gateways").path("items")) {
                connected += gateway.path("connected").asBoolean(false) ? 1 : 0;
            }
            return connected == topology.sites().size();
        });
    }

    /** What all gateways together have counted under that name. */
    long counted(String counter) {
        long sum = 0;
        for (JsonNode gateway : rest().get("/v1/gateways").path("items")) {
            sum += gateway.path("counters").path(counter).asLong(0);
        }
        return sum;
    }

    RestClient rest() {
        if (rest == null) {
            throw new IllegalStateException("no controller has been started");
        }
        return rest;
    }

    /** Each with one subnet for each family in every site, the same in all networks. */
    void createNetworks() {
        List<Object> subnets = new ArrayList<>();
        for (Topology.Site site : topology.sites()) {
            subnets.add(Map.of("prefix", site.prefix4(), "gateway", site.lan4(1), "homeSite", site.name()));
            subnets.add(Map.of("prefix", site.prefix6(), "gateway", site.lan6(1), "homeSite", site.name()));
        }
        subnets.addAll(scenario.subnets());
        for (String network : networks) {
            rest().post(
                            "/v1/networks",
                            Map.of(
                                    "name",
                                    network,
                                    "mechanism",
                                    mechanism,
                                    "transparency",
                                    transparency,
                                    "subnets",
                                    subnets));
        }
    }

    void register(GuestPlan plan, Path qmp) {
        rest().post(
                        "/v1/vms",
                        Map.of(
                                "name",
                                plan.name(),
                                "nics",
                                List.of(Map.of(
                                        "mac",
                                        plan.mac(),
                                        "network",
                                        plan.network(),
                                        "addresses",
                                        isRenumbered()
                                                ? plan.addresses(topology)
                                                : List.of(plan.address4(), plan.address6()),
                                        "tap",
                                        "tap-" + plan.name())),
                                "site",
                                plan.home().name(),
                                "hypervisor",
                                "qemu+unix://" + qmp,
                                "template",
                                GuestPlan.TEMPLATE,
                                "parameters",
                                plan.parameters(image, qemu, isRenumbered())));
        await(
                "VM " + plan.name() + " is seen running",
                START_BOUND,
                () -> rest().get("/v1/vms/" + plan.name())
                        .path("state")
                        .asString("")
                        .equals("RUNNING"));
    }

    /** Every correspondent gets an answer from the guest, over both families. */
    void awaitReachable(GuestPlan plan) {
        for (Place correspondent : correspondents(plan.network())) {
            for (String address : List.of(plan.address4(), plan.address6())) {
                await(
                        address + " answers " + correspondent.name(),
                        START_BOUND,
                        () -> Command.attempt(
                                                correspondent.command(
                                                        List.of("ping", "-n", "-c", "1", "-W", "2", address)),
                                                Map.of(),
                                                null)
                                        .status()
                                == 0);
            }
        }
    }

    private void await(String what, Duration bound, java.util.function.BooleanSupplier condition) {
        long deadline = System.nanoTime() + bound.toNanos();
        while (!condition.getAsBoolean()) {
            children.forEach(Child::requireAlive);
            servers.values().forEach(server -> server.child().requireAlive());
            if (System.nanoTime() > deadline) {
                throw new LabException("not within " + bound.toSeconds() + " s: " + what
                        + "; --keep leaves the lab and its logs to look at");
            }
            java.util.concurrent.locks.LockSupport.parkNanos(50_000_000);
        }
    }

    Place addPlace(String name) {
        Place place = run.addPlace(name);
        place.ip(List.of("link set lo up"));
        places.put(name, place);
        return place;
    }

    private void buildSite(Topology.Site site) {
        // The host is no member of the network it carries.
        addPlace(site.name()).sysctl("net/ipv6/conf/default/disable_ipv6=1");
        networks.forEach(network -> buildLan(site, network));
    }

    private void buildLan(Topology.Site site, String network) {
        String name = correspondent(site, network);
        String port = "lan-" + name.substring(name.length() - 1);
        Place correspondent = addPlace(name);
        place(site.name())
                .ip(List.of(
                        "link add " + bridge(network) + " type bridge mcast_snooping 0 forward_delay 0",
                        "link set " + bridge(network) + " up",
                        "link add " + port + " type veth peer name eth0 netns " + correspondent.namespace(),
                        "link set " + port + " master " + bridge(network),
                        "link set " + port + " up"));
        correspondent.sysctl(
                "net/ipv6/conf/default/accept_dad=0",
                "net/ipv6/conf/default/accept_ra=0",
                "net/ipv6/conf/eth0/accept_dad=0");
        correspondent.ip(List.of(
                "addr add " + site.lan4(20) + "/24 dev eth0",
                "addr add " + site.lan6(20) + "/64 dev eth0 nodad",
                "link set eth0 up",
                "route add default via " + site.lan4(1),
                "route add default via " + site.lan6(1)));
    }

    /** Starts the VM at its home, on a tap of its bridge, and waits until it says that it is ready. Returns its QMP socket. */
    Path boot(GuestPlan plan, String acceleration) {
        Place host = place(plan.home().name());
        String tap = "tap-" + plan.name();
        host.ip(List.of(
                "tuntap add dev " + tap + " mode tap",
                "link set " + tap + " txqueuelen 10000 master " + bridge(plan.network()),
                "link set " + tap + " up"));
        Path qmp = run.folder().resolve(plan.name() + ".qmp");
        Map<String, String> variables = new HashMap<>(plan.parameters(image, qemu, isRenumbered()));
        variables.putAll(Map.of(
                "vm", plan.name(), "qmp", qmp.toString(), "accel", acceleration, "mac.0", plan.mac(), "tap.0", tap));
        LaunchTemplate template = GuestPlan.template(
                qemu, acceleration, GuestMemory.at(run, plan.home().name()));
        List<String> command = new ArrayList<>(template.fill(plan.name(), variables));
        command.addAll(List.of("-qmp", "unix:" + qmp + ",server=on,wait=off"));
        // A second way in, for what an operator does past the gateway that holds the first.
        command.addAll(List.of("-qmp", "unix:" + qmp + BehindOurBack.HAND_SUFFIX + ",server=on,wait=off"));
        Child qemu = Child.startGuest(run, host, plan.name(), command);
        qemu.awaitText(Path.of(qmp + GuestPlan.CONSOLE_SUFFIX), GuestImage.READY, BOOT_BOUND);
        return qmp;
    }

    /** What the hypervisors may be started with on this machine, found out by booting the guest's kernel. */
    ProbeResult acceleration() {
        return new AccelerationProbe(qemu.program(), Folders.cache())
                .probe(image.kernel(), Optional.of(image.initrd()), GuestImage.READY, KVM_PATIENCE);
    }

    @Override
    public void close() {
        if (rest != null) {
            rest.close();
        }
        run.removeQuietly();
    }
}

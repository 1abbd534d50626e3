// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.hypervisor.AccelerationProbe;
import io.sojourn.hypervisor.LaunchTemplate;
import io.sojourn.hypervisor.ProbeResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A running lab: places, and the processes in them. Closing it removes everything. */
public final class Lab implements AutoCloseable {
    static final String BRIDGE = "br-blue";
    private static final Duration BOOT_BOUND = Duration.ofSeconds(60);
    private static final Duration KVM_PATIENCE = Duration.ofSeconds(10);

    private final Run run;
    private final Topology topology;
    private final GuestImage image;
    private final Map<String, Place> places = new LinkedHashMap<>();
    private final List<Child> children = new ArrayList<>();

    Lab(Run run, Topology topology, GuestImage image) {
        this.run = run;
        this.topology = topology;
        this.image = image;
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
                        throw new LabException("lab '" + run.prefix()
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

    GuestImage image() {
        return image;
    }

    Place place(String name) {
        Place place = places.get(name);
        if (place == null) {
            throw new LabException("no place '" + name + "' in lab " + run.prefix() + "; there are "
                    + String.join(", ", places.keySet()));
        }
        return place;
    }

    /** The plain hosts, one a site. */
    List<Place> correspondents() {
        return topology.sites().stream().map(site -> place(site.name() + "-c")).toList();
    }

    /** Namespaces, bridges, correspondents; the WAN's ends are made by {@link #addWanEnd}. */
    void buildPlaces() {
        addPlace(Topology.CONTROLLER);
        for (Topology.Site site : topology.sites()) {
            buildSite(site);
        }
    }

    Place addPlace(String name) {
        Place place = run.addPlace(name);
        place.ip(List.of("link set lo up"));
        places.put(name, place);
        return place;
    }

    private void buildSite(Topology.Site site) {
        Place host = addPlace(site.name());
        Place correspondent = addPlace(site.name() + "-c");
        // The host is no member of the network it carries.
        host.sysctl("net/ipv6/conf/default/disable_ipv6=1");
        host.ip(List.of(
                "link add " + BRIDGE + " type bridge mcast_snooping 0 forward_delay 0",
                "link set " + BRIDGE + " up",
                "link add lan-c type veth peer name eth0 netns " + correspondent.namespace(),
                "link set lan-c master " + BRIDGE,
                "link set lan-c up"));
        correspondent.sysctl("net/ipv6/conf/default/accept_dad=0", "net/ipv6/conf/default/accept_ra=0", "net/ipv6/conf/eth0/accept_dad=0");
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
        host.ip(List.of("tuntap add dev " + tap + " mode tap", "link set " + tap + " txqueuelen 10000 master " + BRIDGE, "link set " + tap + " up"));
        Path qmp = run.folder().resolve(plan.name() + ".qmp");
        Map<String, String> variables = new HashMap<>(plan.parameters(image));
        variables.putAll(Map.of("vm", plan.name(), "qmp", qmp.toString(), "accel", acceleration, "mac.0", plan.mac(), "tap.0", tap));
        LaunchTemplate template = GuestPlan.template();
        List<String> command = new ArrayList<>(template.fill(plan.name(), variables));
        command.addAll(List.of("-qmp", "unix:" + qmp + ",server=on,wait=off"));
        Child qemu = Child.start(run, host, plan.name(), command);
        qemu.awaitLine(Path.of(qmp + GuestPlan.CONSOLE_SUFFIX), GuestImage.READY, BOOT_BOUND);
        children.add(qemu);
        return qmp;
    }

    /** What the hypervisors may be started with on this machine, found out by booting the guest's kernel. */
    ProbeResult acceleration() {
        return new AccelerationProbe("qemu-system-x86_64", Folders.cache())
                .probe(image.kernel(), Optional.of(image.initrd()), GuestImage.READY, KVM_PATIENCE);
    }

    List<Child> children() {
        return children;
    }

    @Override
    public void close() {
        if (Files.exists(run.folder())) {
            run.remove();
        }
    }
}

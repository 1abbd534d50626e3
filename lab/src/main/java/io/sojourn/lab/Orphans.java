// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A VM's hypervisors, and what is left of moves where nothing should be: asked of the kernel and of the file system, not of any process of ours. At rest there is one
 * QEMU, which runs, and beside it no tap, socket, forwarding entry, remembered guest or unfinished move.
 */
final class Orphans {
    private static final Pattern TAP = Pattern.compile("ifname=([^,]+)");
    private static final Pattern QMP = Pattern.compile("unix:([^,]+),server=on");
    private static final Pattern LINK = Pattern.compile("^\\d+: ([^:@]+)[:@]", Pattern.MULTILINE);
    private static final long POLL_NS = 250_000_000;

    /** One QEMU. */
    private record Hypervisor(long pid, String site, String tap, Path qmp, boolean runs) {}

    private final List<Hypervisor> hypervisors;
    private final List<String> left;

    private Orphans(List<Hypervisor> hypervisors, List<String> left) {
        this.hypervisors = hypervisors;
        this.left = List.copyOf(left);
    }

    /** As it is once everything is tidy, or when patience ends. */
    static Orphans whenCalm(Lab lab, GuestPlan plan, Duration bound) {
        long deadline = System.nanoTime() + bound.toNanos();
        while (true) {
            Orphans now = look(lab, plan);
            if (now.left.isEmpty()
                            && now.hypervisors.size() == 1
                            && now.hypervisors.getFirst().runs()
                    || System.nanoTime() > deadline) {
                return now;
            }
            LockSupport.parkNanos(POLL_NS);
        }
    }

    static Orphans look(Lab lab, GuestPlan plan) {
        try {
            List<Hypervisor> hypervisors = hypervisors(lab, plan);
            List<String> left = new ArrayList<>();
            for (Topology.Site site : lab.topology().sites()) {
                inNetwork(lab, site.name(), plan, hypervisors, left);
                inFiles(lab, site.name(), plan, hypervisors, left);
            }
            inRegistry(lab, plan, left);
            return new Orphans(hypervisors, left);
        } catch (IOException e) {
            throw new LabException("cannot look around in lab " + lab.run().prefix() + ": " + e.getMessage(), e);
        }
    }

    List<String> left() {
        return left;
    }

    int hypervisors() {
        return hypervisors.size();
    }

    /** Where the guest runs; empty if nowhere. */
    String runsAt() {
        return String.join(
                " and ",
                hypervisors.stream()
                        .filter(Hypervisor::runs)
                        .map(Hypervisor::site)
                        .toList());
    }

    /** One line each. */
    List<String> wrongWith(String expectedSite) {
        List<String> wrong = new ArrayList<>();
        long running = hypervisors.stream().filter(Hypervisor::runs).count();
        if (running != 1) {
            wrong.add("the VM runs in " + running + " places");
        } else if (!runsAt().equals(expectedSite)) {
            wrong.add("the VM runs at " + runsAt() + ", and should at " + expectedSite);
        }
        if (hypervisors.size() != 1) {
            wrong.add("there are " + hypervisors.size() + " QEMUs of the VM: "
                    + hypervisors.stream()
                            .map(h -> h.pid() + " at " + h.site() + (h.runs() ? " (runs)" : ""))
                            .toList());
        }
        return wrong;
    }

    private static List<Hypervisor> hypervisors(Lab lab, GuestPlan plan) throws IOException {
        List<RunStates.Change> changes = RunStates.changes(lab.run().folder());
        List<Hypervisor> found = new ArrayList<>();
        try (DirectoryStream<Path> processes = Files.newDirectoryStream(Path.of("/proc"), "[0-9]*")) {
            for (Path process : processes) {
                String line = commandLine(process);
                if (!line.startsWith("qemu-system") && !line.contains("/qemu-system")
                        || !line.contains(lab.run().folder() + "/")
                        || !line.contains("-name " + plan.name() + " ")) {
                    continue;
                }
                Path qmp = Path.of(first(QMP, line));
                boolean runs = changes.stream()
                        .filter(change -> change.file().equals(Path.of(qmp + GuestPlan.TRACE_SUFFIX)))
                        .reduce((a, b) -> b)
                        .map(RunStates.Change::runs)
                        .orElse(false);
                found.add(new Hypervisor(
                        Long.parseLong(process.getFileName().toString()),
                        siteOf(lab, process),
                        first(TAP, line),
                        qmp,
                        runs));
            }
        }
        return found;
    }

    private static String commandLine(Path process) {
        try {
            return Files.readString(process.resolve("cmdline"), StandardCharsets.ISO_8859_1)
                    .replace('\0', ' ');
        } catch (IOException e) {
            return ""; // it has ended
        }
    }

    private static String siteOf(Lab lab, Path process) {
        try {
            Object own = Files.getAttribute(process.resolve("ns/net"), "unix:ino");
            for (Topology.Site site : lab.topology().sites()) {
                Path netns = Path.of("/run/netns", lab.place(site.name()).namespace());
                if (own.equals(Files.getAttribute(netns, "unix:ino"))) {
                    return site.name();
                }
            }
            return "no site";
        } catch (IOException e) {
            return "a process that has ended";
        }
    }

    private static String first(Pattern pattern, String text) {
        Matcher matcher = pattern.matcher(text);
        return matcher.find() ? matcher.group(1) : "";
    }

    private static void inNetwork(
            Lab lab, String site, GuestPlan plan, List<Hypervisor> hypervisors, List<String> left) {
        Place place = lab.place(site);
        Matcher links = LINK.matcher(Command.run("ip", "-n", place.namespace(), "-o", "link", "show", "type", "tun"));
        while (links.find()) {
            String tap = links.group(1);
            // A gateway's own port, the site's end of the WAN, and the tap on which the lab itself gave birth to a VM.
            boolean isOurs = tap.startsWith("sj") || tap.equals(Lab.WAN_DEVICE) || tap.startsWith("tap-");
            boolean isUsed = hypervisors.stream()
                    .anyMatch(h -> h.site().equals(site) && h.tap().equals(tap));
            if (!isOurs && !isUsed) {
                left.add("tap " + tap + " at " + site);
            }
        }
        place.run("bridge", "fdb", "show", "br", Lab.BRIDGE)
                .lines()
                .filter(line -> line.startsWith(plan.mac()))
                .filter(line -> line.contains("static") || line.contains("sticky") || line.contains("permanent"))
                .forEach(line -> left.add("forwarding entry '" + line.strip() + "' at " + site));
    }

    private static void inFiles(Lab lab, String site, GuestPlan plan, List<Hypervisor> hypervisors, List<String> left)
            throws IOException {
        Path state = lab.run().folder().resolve(site);
        for (Path socket : files(state.resolve("run"))) {
            left.add("socket " + socket.getFileName() + " at " + site);
        }
        for (Path file : files(state.resolve("qemu"))) {
            String name = file.getFileName().toString();
            if (name.startsWith(plan.name() + ".")
                    && name.endsWith(".qmp")
                    && hypervisors.stream().noneMatch(h -> h.qmp().equals(file))) {
                left.add("QMP socket " + name + " at " + site);
            }
        }
        for (Path guest : files(state.resolve("guests"))) {
            if (guest.getFileName().toString().equals(plan.name())
                    && hypervisors.stream().noneMatch(h -> h.site().equals(site))) {
                left.add("remembered guest " + guest.getFileName() + " at " + site);
            }
        }
    }

    private static List<Path> files(Path folder) throws IOException {
        List<Path> files = new ArrayList<>();
        if (Files.isDirectory(folder)) {
            try (DirectoryStream<Path> all = Files.newDirectoryStream(folder)) {
                all.forEach(files::add);
            }
        }
        return files;
    }

    private static void inRegistry(Lab lab, GuestPlan plan, List<String> left) {
        try {
            lab.rest()
                    .get("/v1/migrations?active=true&vm=" + plan.name())
                    .path("items")
                    .forEach(migration -> left.add("unfinished migration "
                            + migration.path("id").asString("") + ", "
                            + migration.path("state").asString("")));
        } catch (LabException away) {
            left.add("a controller that does not answer");
        }
    }
}

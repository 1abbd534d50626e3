// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** What a person can have the lab do. All need root. */
public final class Labs {
    private Labs() {}

    /**
     * Sets a lab up, runs the scenario in it, and removes the lab again whatever happens. The report is complete even if a move fails; an exception means that
     * there is none.
     */
    public static Report run(ScenarioOptions options, Progress progress) {
        long startNs = System.nanoTime();
        Topology topology = Topology.threeContinents();
        List<String> destinations = options.scenario().destinations(topology, options.moves());
        Lab.removeDeadRuns();
        progress.show("guest image ...");
        GuestImage image = GuestImage.prepare();
        Run run = Run.create(options.prefix());
        Thread atEnd = Thread.ofPlatform().unstarted(run::removeQuietly);
        Runtime.getRuntime().addShutdownHook(atEnd);
        boolean keep = options.keep();
        try {
            Report report = runIn(new Lab(run, topology, image), options, destinations, progress, startNs);
            keep &= !report.ok();
            return report;
        } finally {
            forget(atEnd);
            if (keep) {
                run.letStand();
                progress.say("lab " + run.prefix() + " is left standing; logs: " + run.folder()
                        + "/*.log; 'sojourn lab down' removes it");
            } else {
                run.removeQuietly();
            }
        }
    }

    private static Report runIn(
            Lab lab, ScenarioOptions options, List<String> destinations, Progress progress, long startNs) {
        GuestPlan plan = GuestPlan.web1(lab.topology());
        String acceleration = setUp(lab, plan, options.seed(), progress);
        DirectPaths direct = DirectPaths.measure(lab);
        Place far = lab.correspondents().get(1);
        WireCost.Found wire =
                WireCost.measure(lab, far, lab.topology().sites().get(1).name(), plan.address4());
        progress.say(since(startNs) + "underlay measured; a packet between sites carries " + wire.addedBytes()
                + " octets more, " + (wire.readable() ? "in the open" : "sealed"));
        List<Report.Move> moves = new ArrayList<>();
        List<String> problems = new ArrayList<>();
        if (wire.readable()) {
            problems.add("what a guest sends can be read on the WAN");
        }
        try (Standstill standstill = new Standstill();
                Traffic traffic = Traffic.start(
                        lab.run(),
                        lab.correspondents(),
                        lab.image(),
                        plan.address4(),
                        plan.address6(),
                        options.seed())) {
            progress.say(
                    since(startNs)
                            + "traffic from every site: a 1 kHz probe and slower ones, 50 TCP streams, SSH, ping, IPv4 and IPv6");
            traffic.calmDown(Duration.ofSeconds(2));
            traffic.begin();
            Mover mover = new Mover(lab, plan, traffic, direct, wire.addedBytes(), acceleration, standstill, progress);
            for (String destination : destinations) {
                if (destination.equals(mover.at())) {
                    continue;
                }
                Report.Move move = mover.move(destination);
                moves.add(move);
                progress.say(since(startNs) + line(moves.size(), destinations.size(), move));
                if (!mover.at().equals(destination)) {
                    problems.add("stopped after move " + moves.size() + ", which did not succeed");
                    break;
                }
            }
        }
        boolean ok = problems.isEmpty() && moves.stream().allMatch(Report.Move::ok);
        return new Report(
                Report.SCHEMA,
                options.scenario().id(),
                ok,
                options.seed(),
                Report.describe(lab.topology()),
                moves,
                problems);
    }

    /** Everything up and the VM running at home, reachable from everywhere. Returns what accelerates the hypervisors. */
    static String setUp(Lab lab, GuestPlan plan, long seed, Progress progress) {
        long startNs = System.nanoTime();
        progress.show("sites ...");
        lab.buildPlaces();
        var acceleration = lab.acceleration();
        progress.say(since(startNs) + "lab " + lab.run().prefix() + ": "
                + String.join(
                        ", ",
                        lab.topology().sites().stream().map(Topology.Site::name).toList()) + "; hypervisor: "
                + acceleration.acceleration() + " (" + acceleration.reason() + ")");
        progress.show("WAN, controller, gateways ...");
        lab.startProcesses(acceleration.acceleration(), seed);
        progress.say(since(startNs) + "WAN emulator, controller and "
                + lab.topology().sites().size() + " gateways are up");
        progress.show("VM " + plan.name() + " boots ...");
        lab.createNetwork();
        Path qmp = lab.boot(plan, acceleration.acceleration());
        lab.register(plan, qmp);
        lab.awaitReachable(plan);
        progress.say(since(startNs) + "VM " + plan.name() + " (" + plan.address4() + ", " + plan.address6()
                + ") runs at " + plan.home().name() + " and answers every site");
        return acceleration.acceleration();
    }

    /** Leaves a lab standing until {@link Lab#down}; its prefix. */
    public static String up(String prefix, long seed, Progress progress) {
        Lab.removeDeadRuns();
        GuestImage image = GuestImage.prepare();
        Run run = Run.create(prefix);
        Thread atEnd = Thread.ofPlatform().unstarted(run::removeQuietly);
        Runtime.getRuntime().addShutdownHook(atEnd);
        boolean stands = false;
        try {
            Lab lab = new Lab(run, Topology.threeContinents(), image);
            setUp(lab, GuestPlan.web1(lab.topology()), seed, progress);
            run.letStand();
            stands = true;
            return run.prefix();
        } finally {
            forget(atEnd);
            if (!stands) {
                run.removeQuietly();
            }
        }
    }

    /**
     * Runs a command in a place of a standing lab, on this terminal; its exit status.
     *
     * @param prefix empty: the only lab there is
     */
    public static int exec(String prefix, String placeName, List<String> command) {
        Run run = Run.standing(prefix);
        Place place = run.places().stream()
                .filter(candidate -> candidate.name().equals(placeName))
                .findFirst()
                .orElseThrow(() -> new LabException("no place '" + placeName + "' in lab " + run.prefix()
                        + "; there are "
                        + String.join(
                                ", ", run.places().stream().map(Place::name).toList())));
        try {
            return new ProcessBuilder(place.command(command))
                    .inheritIO()
                    .start()
                    .waitFor();
        } catch (java.io.IOException e) {
            throw new LabException("cannot run '" + command.getFirst() + "': " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return 130;
        }
    }

    /** The guest's kernel, initrd and SSH key, copied to a folder for use by hand. */
    public static void image(Path folder) {
        GuestImage image = GuestImage.prepare();
        try {
            java.nio.file.Files.createDirectories(folder);
            for (Path file : List.of(image.kernel(), image.initrd(), image.sshKey())) {
                java.nio.file.Files.copy(
                        file,
                        folder.resolve(file.getFileName()),
                        java.nio.file.StandardCopyOption.REPLACE_EXISTING,
                        java.nio.file.StandardCopyOption.COPY_ATTRIBUTES);
            }
        } catch (java.io.IOException e) {
            throw new LabException("cannot write to " + folder + ": " + e.getMessage(), e);
        }
    }

    /** Prefixes of the labs that stand. */
    public static List<String> standing() {
        return Run.all().stream().filter(Run::stands).map(Run::prefix).toList();
    }

    /** Removes labs that nobody drives: their prefixes. */
    public static List<String> down(Optional<String> prefix) {
        return Lab.down(prefix);
    }

    private static String line(int number, int of, Report.Move move) {
        return String.format(
                Locale.ROOT,
                "move %d of %d  %s -> %s  %s  pause %.1f ms (floor %.1f), added gap %.1f ms, lost %d, sessions %d open %d broken, RTT %.1f ms (direct %.1f)",
                number,
                of,
                move.from(),
                move.to(),
                move.ok() ? "ok" : "BAD",
                move.hypervisor().pauseMs(),
                move.hypervisor().pauseFloorMs(),
                move.network().addedGapMs(),
                move.network().lost(),
                move.sessions().tcpOpen(),
                move.sessions().tcpBroken(),
                move.path().rttAfterMs(),
                move.path().rttDirectMs());
    }

    private static String since(long startNs) {
        return String.format(Locale.ROOT, "%6.1f s  ", (System.nanoTime() - startNs) / 1e9);
    }

    private static void forget(Thread atEnd) {
        try {
            Runtime.getRuntime().removeShutdownHook(atEnd);
        } catch (IllegalStateException shuttingDown) {
            // it is at work
        }
    }
}

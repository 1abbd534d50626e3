// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What a scenario plays on: a lab that is up, its guests running and under traffic from every site. */
final class Stage implements AutoCloseable {
    private final Lab lab;
    private final Progress progress;
    private final DirectPaths direct;
    private final Standstill standstill = new Standstill();
    private final List<Mover> movers = new ArrayList<>();
    private final long startNs;
    private boolean readable;

    private Stage(Lab lab, Progress progress, DirectPaths direct, long startNs) {
        this.lab = lab;
        this.progress = progress;
        this.direct = direct;
        this.startNs = startNs;
    }

    /** Builds everything and starts the traffic; returns when the first windows have begun. */
    static Stage set(Lab lab, ScenarioOptions options, Progress progress, long startNs) {
        Scenario scenario = options.scenario();
        List<GuestPlan> plans = scenario.guests(lab.topology(), options);
        String acceleration = setUp(lab, plans, options.seed(), progress, startNs);
        scenario.prepare(lab);
        Stage stage = new Stage(lab, progress, DirectPaths.measure(lab), startNs);
        try {
            int other = lab.scenario().borders().isEmpty()
                    ? 1
                    : lab.correspondents().size() - 1;
            Place far = lab.correspondents().get(other);
            GuestPlan first = plans.getFirst();
            String farSite = lab.topology().sites().get(other).name();
            // ILNP carries IPv6 alone, and labels TCP: all else goes by the overlay.
            WireCost.Found wire = lab.mechanism().equals(Lab.LABEL)
                    ? WireCost.measureTcp(lab, far, farSite, first.address4())
                    : WireCost.measure(
                            lab, far, farSite, lab.mechanism().equals(Lab.ILNP) ? first.address6() : first.address4());
            stage.say("underlay measured; a packet between sites carries " + wire.addedBytes() + " octets more, "
                    + (wire.readable() ? "in the open" : "sealed"));
            stage.readable = wire.readable();
            for (GuestPlan plan : plans) {
                Traffic traffic = Traffic.start(
                        lab.run(),
                        lab.correspondents(plan.network()),
                        lab.image(),
                        plan.address4(),
                        plan.address6(),
                        scenario.load(),
                        options.seed() + stage.movers.size());
                stage.movers.add(new Mover(
                        lab, plan, traffic, stage.direct, wire.addedBytes(), acceleration, stage.standstill, progress));
            }
            Traffic.Load load = scenario.load();
            stage.say(String.format(
                    Locale.ROOT,
                    "traffic from every site: a %d Hz probe and slower ones, %d TCP streams, SSH, ping, IPv4 and IPv6%s",
                    load.fastHz(),
                    load.streams(),
                    plans.size() > 1 ? "; for each of " + plans.size() + " VMs" : ""));
            stage.calmDown(Duration.ofSeconds(2));
            stage.movers.forEach(mover -> mover.traffic().begin());
            return stage;
        } catch (RuntimeException e) {
            stage.close();
            throw e;
        }
    }

    /** Everything up and the VMs running at their homes, reachable from everywhere. Returns what accelerates the hypervisors. */
    static String setUp(Lab lab, List<GuestPlan> plans, long seed, Progress progress, long startNs) {
        progress.show("sites ...");
        lab.buildPlaces();
        var acceleration = lab.acceleration();
        progress.say(since(startNs) + "lab " + lab.run().prefix() + ": "
                + String.join(
                        ", ",
                        lab.topology().sites().stream().map(Topology.Site::name).toList()) + "; hypervisor: QEMU "
                + lab.qemu().version() + ", "
                + acceleration.acceleration() + " (" + acceleration.reason() + ")");
        progress.show("WAN, controller, gateways ...");
        lab.startProcesses(acceleration.acceleration(), seed);
        progress.say(since(startNs) + "WAN emulator, controller and "
                + lab.topology().sites().size() + " gateways are up");
        lab.createNetworks();
        for (GuestPlan plan : plans) {
            progress.show("VM " + plan.name() + " boots ...");
            Path qmp = lab.boot(plan, acceleration.acceleration());
            lab.register(plan, qmp);
            lab.awaitReachable(plan);
            progress.say(since(startNs) + "VM " + plan.name() + " (" + plan.address4() + ", " + plan.address6()
                    + ") runs at " + plan.home().name() + " and answers every site");
        }
        return acceleration.acceleration();
    }

    Lab lab() {
        return lab;
    }

    /** What a guest sends could be read on the WAN. */
    boolean isReadable() {
        return readable;
    }

    DirectPaths direct() {
        return direct;
    }

    Progress progress() {
        return progress;
    }

    /** One a VM, in the order of the plans. */
    List<Mover> movers() {
        return List.copyOf(movers);
    }

    /** Of the first VM. */
    Mover mover() {
        return movers.getFirst();
    }

    /** Lets TCP find its windows before anything is counted. */
    void calmDown(Duration time) {
        java.util.concurrent.locks.LockSupport.parkNanos(time.toNanos());
    }

    /** A line with the time since the beginning. */
    void say(String line) {
        progress.say(since(startNs) + line);
    }

    /** The first VM from site to site; ends at the first move that does not get there. */
    void tour(List<String> destinations, Findings findings) {
        for (String destination : destinations) {
            if (!step(destination, destinations.size(), findings)) {
                return;
            }
        }
    }

    /** One move of a tour. False if the VM is not where it was to go. */
    boolean step(String destination, int of, Findings findings) {
        Mover mover = mover();
        if (destination.equals(mover.at())) {
            return true;
        }
        note(mover.move(destination), of, findings);
        if (mover.at().equals(destination)) {
            if (lab.isRenumbered()) {
                NewAddresses.judge(this, mover.plan(), lab.topology().site(destination), findings);
            }
            return true;
        }
        findings.problems.add("stopped after move " + findings.moves.size() + ", which did not succeed");
        return false;
    }

    /** Writes a move down and says it. */
    void note(Report.Move move, int of, Findings findings) {
        findings.moves.add(move);
        say(line(findings.moves.size(), of, move));
        if (!move.ok()) {
            move.problems().forEach(problem -> progress.say("          " + problem));
        }
    }

    @Override
    public void close() {
        movers.forEach(mover -> mover.traffic().close());
        standstill.close();
    }

    private static String line(int number, int of, Report.Move move) {
        return String.format(
                Locale.ROOT,
                "move %d of %d  %s  %s -> %s  %s  pause %.1f ms (floor %.1f), added gap %.1f ms, lost %d, sessions %d open %d broken, RTT %.1f ms (direct %.1f)",
                number,
                of,
                move.vm(),
                move.from(),
                move.to(),
                move.ok() ? "ok" : "BAD (" + String.join("; ", move.failed()) + ")",
                move.hypervisor().pauseMs(),
                move.hypervisor().pauseFloorMs(),
                move.network().addedGapMs(),
                move.network().lost(),
                move.sessions().tcpOpen(),
                move.sessions().tcpBroken(),
                move.path().rttAfterMs(),
                move.path().rttDirectMs());
    }

    static String since(long startNs) {
        return String.format(Locale.ROOT, "%6.1f s  ", (System.nanoTime() - startNs) / 1e9);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** What a person can have the lab do. All need root. */
public final class Labs {
    private Labs() {}

    /**
     * Sets a lab up, runs the scenario in it, and removes the lab again whatever happens; a scenario may ask for a fresh lab in between. The report is complete
     * even if a move fails; an exception means that there is none.
     */
    public static Report run(ScenarioOptions options, Progress progress) {
        long startNs = System.nanoTime();
        Scenario scenario = options.scenario();
        Topology topology = scenario.topology();
        if (!options.rttsMs().isEmpty() && !scenario.takesRtts()) {
            throw new LabException("--rtts is not for '" + scenario.id() + "', which has links of its own");
        }
        Play play = scenario.begin(topology, options);
        Lab.removeDeadRuns();
        progress.show("guest image ...");
        GuestImage image = GuestImage.prepare();
        LabQemu qemu = LabQemu.prepare(progress);
        Findings findings = new Findings();
        boolean goesOn = true;
        while (goesOn) {
            goesOn = runOnce(play, options, topology, image, qemu, findings, progress, startNs);
        }
        return new Report(
                Report.SCHEMA,
                scenario.id(),
                findings.ok(),
                options.seed(),
                Report.describe(topology),
                findings.moves,
                findings.cells,
                findings.summary,
                findings.switches,
                findings.problems);
    }

    /**
     * The demo by each mechanism that there is, one after another.
     *
     * @param transparency who may notice moves by ilnp
     * @param report also gets the JSON
     */
    public static Comparison compare(String transparency, Optional<Path> report, Progress progress) {
        Comparison.Tours tours = new Comparison.Tours();
        Comparison all = tours.run(transparency, progress);
        report.ifPresent(file -> Comparison.write(all, tours.reports(), file));
        return all;
    }

    private static boolean runOnce(
            Play play,
            ScenarioOptions options,
            Topology topology,
            GuestImage image,
            LabQemu qemu,
            Findings findings,
            Progress progress,
            long startNs) {
        Run run = Run.create(options.prefix());
        Thread atEnd = atEnd(run);
        boolean keep = options.keep();
        Scenario scenario = options.scenario();
        try (Stage stage = Stage.set(
                new Lab(
                        run,
                        topology,
                        image,
                        qemu,
                        options.scenario(),
                        scenario.mechanism(options),
                        scenario.transparency(options)),
                options,
                progress,
                startNs)) {
            if (stage.isReadable() && stage.lab().mechanism().equals(Lab.OVERLAY)) {
                findings.problems.add("what a guest sends can be read on the WAN");
            }
            Optional<NativeWire> wire =
                    stage.lab().isPaged() ? Optional.of(NativeWire.begin(stage.lab())) : Optional.empty();
            Optional<IlnpWire> native6 = stage.lab().mechanism().equals(Lab.ILNP)
                    ? Optional.of(IlnpWire.begin(stage.lab()))
                    : Optional.empty();
            Optional<LabelWire> natively = stage.lab().mechanism().equals(Lab.LABEL)
                    ? Optional.of(LabelWire.begin(stage.lab()))
                    : Optional.empty();
            boolean goesOn = play.on(stage, findings) && !(keep && !findings.ok());
            wire.ifPresent(watched -> watched.judge(stage, findings));
            native6.ifPresent(watched -> watched.judge(stage, findings));
            natively.ifPresent(watched -> watched.judge(stage, findings));
            if (stage.lab().mechanism().equals(Lab.SEGMENT) || scenario == Scenarios.DEMO) {
                if (wire.isEmpty() && native6.isEmpty() && natively.isEmpty()) {
                    Checksums.judge(stage, findings);
                }
            }
            keep &= !findings.ok();
            return goesOn;
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

    /** Leaves a lab standing until {@link Lab#down}; its prefix. */
    public static String up(String prefix, long seed, Progress progress) {
        Lab.removeDeadRuns();
        GuestImage image = GuestImage.prepare();
        LabQemu qemu = LabQemu.prepare(progress);
        Run run = Run.create(prefix);
        Thread atEnd = atEnd(run);
        boolean stands = false;
        try {
            Lab lab = new Lab(
                    run,
                    Topology.threeContinents(),
                    image,
                    qemu,
                    Scenarios.STANDING,
                    Lab.OVERLAY,
                    ScenarioOptions.VISIBLE);
            Stage.setUp(lab, List.of(GuestPlan.web1(lab.topology())), seed, progress, System.nanoTime());
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

    /** Removes the run when this process ends. */
    private static Thread atEnd(Run run) {
        Thread atEnd = Thread.ofPlatform().unstarted(run::removeQuietly);
        try {
            Runtime.getRuntime().addShutdownHook(atEnd);
            return atEnd;
        } catch (IllegalStateException shuttingDown) {
            run.removeQuietly();
            throw new LabEndedException();
        }
    }

    private static void forget(Thread atEnd) {
        try {
            Runtime.getRuntime().removeShutdownHook(atEnd);
        } catch (IllegalStateException shuttingDown) {
            // it is at work
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/**
 * Two VMs share a host that has become too busy, and one of them is moved to another, in the middle of everything that talks to it (Bhatti and Atkinson's first use). Its correspondents are told and take the direct
 * way; those of the one that stays notice nothing.
 */
final class IlnpLoadBalancing extends Scenario {
    private static final Duration LOOK = Duration.ofSeconds(4);

    IlnpLoadBalancing() {
        super(
                "ilnp-load-balancing",
                "of two VMs at a site one moves to another: the load is spread, nobody loses anything",
                1,
                1);
    }

    @Override
    String mechanism(ScenarioOptions options) {
        return Lab.ILNP;
    }

    @Override
    List<GuestPlan> guests(Topology topology, ScenarioOptions options) {
        Topology.Site home = topology.sites().getFirst();
        return List.of(GuestPlan.web(1, home), GuestPlan.web(2, home));
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        count(options);
        return (stage, findings) -> {
            Mover stays = stage.movers().getLast();
            String home = stage.mover().at();
            String relief = topology.sites().get(1).name();
            stays.traffic().begin();
            double before = busy(stage, home);
            stage.step(relief, 1, findings);
            Traffic.Window window = stays.traffic().end();
            double after = busy(stage, home);
            double there = busy(stage, relief);
            stage.say(String.format(
                    Locale.ROOT,
                    "guests' processor time, in hundredths of one: at %s %.0f before, %.0f after; at %s %.0f",
                    home,
                    100 * before,
                    100 * after,
                    relief,
                    100 * there));
            stage.say(stays.plan().name() + ", which stays: " + window.counts());
            if (window.lost() + window.duplicated() + window.reordered() + window.tcpBroken() + window.bytesMismatched()
                    > 0) {
                findings.problems.add("the VM that stayed noticed the move of the other");
                findings.problems.addAll(window.faults());
            }
            if (there <= 0 || after >= before) {
                findings.problems.add("the load was not spread");
            }
            return false;
        };
    }

    /** Share of one processor that a site's guests use for a while. */
    private static double busy(Stage stage, String site) {
        String namespace = stage.lab().place(site).namespace();
        double from = seconds(stage.lab(), namespace);
        long beganNs = System.nanoTime();
        stage.calmDown(LOOK);
        return (seconds(stage.lab(), namespace) - from) / ((System.nanoTime() - beganNs) / 1e9);
    }

    /** Of processor that hypervisors in a namespace have used so far (proc(5)). */
    private static double seconds(Lab lab, String namespace) {
        String pids = Command.run("ip", "netns", "pids", namespace);
        String qemu = Path.of(lab.qemu().program()).getFileName().toString();
        try (Stream<String> lines = pids.lines()) {
            return lines.map(String::strip)
                    .filter(pid -> !pid.isEmpty())
                    .mapToDouble(pid -> seconds(Path.of("/proc", pid), qemu))
                    .sum();
        }
    }

    private static double seconds(Path process, String program) {
        try {
            if (!Files.readString(process.resolve("cmdline")).contains(program)) {
                return 0;
            }
            String stat = Files.readString(process.resolve("stat"));
            String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1);
            return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / 100.0;
        } catch (IOException ended) {
            return 0;
        }
    }
}

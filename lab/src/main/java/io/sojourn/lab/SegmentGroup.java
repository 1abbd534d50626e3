// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Four VMs and the VM that is their router move together, and the correspondents' edge, a Linux kernel with nothing of ours, is bound anew once: one route a family for the
 * prefix that all five are in.
 */
final class SegmentGroup extends KernelPeer {
    private static final int MEMBERS = 4;
    private static final Duration WATCHED = Duration.ofSeconds(3);
    /** The shortest of ping's summary: what a path takes, whatever a guest or a processor adds to the others. */
    private static final Pattern SHORTEST = Pattern.compile("= ([0-9.]+)/");

    SegmentGroup() {
        super(
                "segment-group",
                "four VMs and their router, a VM as well, move together; a Linux edge is bound anew once",
                1,
                1);
    }

    @Override
    List<GuestPlan> guests(Topology topology, ScenarioOptions options) {
        Topology.Site home = topology.sites().getFirst();
        List<GuestPlan> plans = new ArrayList<>();
        for (int i = 1; i <= MEMBERS; i++) {
            plans.add(GuestPlan.web(i, home));
        }
        GuestPlan fifth = GuestPlan.web(MEMBERS + 1, home);
        plans.add(new GuestPlan(
                "router", fifth.network(), fifth.mac(), fifth.address4(), fifth.address6(), home, fifth.memoryMb()));
        return plans;
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.SPARSE;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        count(options);
        Topology.Site destination = topology.sites().get(1);
        return (stage, findings) -> {
            Lab lab = stage.lab();
            List<Mover> movers = stage.movers();
            Topology.Site home = movers.getFirst().plan().home();
            route(stage);
            bind(lab, home, home);
            GuestPlan first = movers.getFirst().plan();
            try (Traffic far = Traffic.start(
                    lab.run(),
                    List.of(lab.place(FAR)),
                    lab.image(),
                    first.address4(),
                    first.address6(),
                    load(),
                    options.seed())) {
                stage.calmDown(Duration.ofSeconds(2));
                movers.forEach(mover -> mover.traffic().begin());
                far.begin();
                far.moveStarts();
                List<String> to =
                        movers.stream().map(mover -> destination.name()).toList();
                Mover.together(movers, to).forEach(move -> stage.note(move, movers.size(), findings));
                judge(stage, far.end(), "five VMs moved, edge bound to " + home.name(), findings);
                far.moveStarts();
                bind(lab, home, destination);
                stage.calmDown(WATCHED);
                judge(stage, far.end(), "edge bound to " + destination.name(), findings);
                movers.forEach(mover -> direct(stage, mover.plan(), findings));
            }
            return false;
        };
    }

    /** The four send what leaves their LAN to the fifth, which forwards it. */
    private static void route(Stage stage) {
        GuestPlan router = stage.movers().getLast().plan();
        tell(
                stage,
                router,
                "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding; "
                        + "for f in /proc/sys/net/ipv4/conf/*/send_redirects; do echo 0 > $f; done; echo told");
        for (Mover mover : stage.movers().subList(0, MEMBERS)) {
            tell(
                    stage,
                    mover.plan(),
                    "ip route replace default via " + router.address4() + " && ip -6 route replace default via "
                            + router.address6() + " && echo told");
        }
        stage.say("the four VMs' default route leads to " + router.name() + ", " + router.address4());
    }

    private static void tell(Stage stage, GuestPlan plan, String command) {
        Lab lab = stage.lab();
        Command.Outcome outcome = Command.attempt(
                SshSession.command(lab.run(), lab.correspondents().getFirst(), lab.image(), plan.address4(), command),
                Map.of(),
                null);
        if (!outcome.out().contains("told")) {
            throw new LabException("VM " + plan.name() + " does not do '" + command + "': "
                    + outcome.out().strip() + outcome.err().strip());
        }
    }

    /** By the one re-binding each of them is reached on the direct path. */
    private static void direct(Stage stage, GuestPlan plan, Findings findings) {
        String out = Command.attempt(
                        stage.lab()
                                .place(FAR)
                                .command(List.of("ping", "-n", "-c", "5", "-i", "0.1", "-W", "2", plan.address4())),
                        Map.of(),
                        null)
                .out();
        Matcher matcher = SHORTEST.matcher(out);
        double rttMs = matcher.find() ? Double.parseDouble(matcher.group(1)) : Double.NaN;
        stage.say(
                String.format(Locale.ROOT, "Linux edge to %s: RTT %.1f ms (direct %.0f)", plan.name(), rttMs, RTT_MS));
        if (!(Math.abs(rttMs - RTT_MS) <= RTT_MS / 4)) {
            findings.problems.add(String.format(
                    Locale.ROOT, "Linux edge to %s: RTT %.1f ms, not the direct %.0f", plan.name(), rttMs, RTT_MS));
        }
    }
}

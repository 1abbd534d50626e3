// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Two VMs that talk to each other move at the same time: to different sites, past each other, and to the same site. */
final class BothMove extends Scenario {
    private final boolean byLabel;

    BothMove() {
        this("both-move", false);
    }

    private BothMove(String id, boolean byLabel) {
        super(id, "two VMs that talk to each other move at the same time, apart, crosswise and together", 4, 4);
        this.byLabel = byLabel;
    }

    /** The same, their connections by label. */
    static BothMove byLabel() {
        return new BothMove("label-both-move", true);
    }

    @Override
    String mechanism(ScenarioOptions options) {
        return byLabel ? Lab.LABEL : super.mechanism(options);
    }

    @Override
    List<GuestPlan> guests(Topology topology, ScenarioOptions options) {
        return List.of(
                GuestPlan.web(1, topology.sites().get(0)),
                GuestPlan.web(2, topology.sites().get(1)));
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        String a = topology.sites().get(0).name();
        String b = topology.sites().get(1).name();
        String c = topology.sites().get(2).name();
        // From (a, b): apart, crosswise, both to the third, and from one site home again.
        List<List<String>> rounds = List.of(List.of(c, a), List.of(a, c), List.of(b, b), List.of(a, c))
                .subList(0, count(options));
        return (stage, findings) -> {
            Mover first = stage.movers().get(0);
            Mover second = stage.movers().get(1);
            try (GuestTalk there = GuestTalk.start(stage.lab(), first.plan(), second.plan());
                    GuestTalk back = GuestTalk.start(stage.lab(), second.plan(), first.plan())) {
                stage.say("web1 and web2 talk to each other");
                for (List<String> to : rounds) {
                    Map<String, Long> drops = DropCounters.read(stage.lab());
                    Mover.together(stage.movers(), to).forEach(move -> stage.note(move, 2 * rounds.size(), findings));
                    if (!first.at().equals(to.get(0)) || !second.at().equals(to.get(1))) {
                        findings.problems.add("stopped, as a VM did not come to its destination");
                        break;
                    }
                    List<String> faults = new ArrayList<>(there.faults());
                    faults.addAll(back.faults());
                    if (!faults.isEmpty()) {
                        findings.problems.addAll(faults);
                        DropCounters.grown(drops, DropCounters.read(stage.lab()))
                                .forEach(counter -> findings.problems.add("meanwhile " + counter));
                    }
                }
                stage.say("between the VMs: " + there.said() + "; " + back.said());
            }
            return false;
        };
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.wan.WanControl;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** The WAN is cut at every step and healed four seconds later: between source and destination, between the controller and one of them, and all around the destination. */
final class Partition extends FaultMatrix {
    /** More than a path takes to be called down (3 s). */
    private static final Duration LASTING = Duration.ofSeconds(4);

    private enum Cut {
        WAN("between source and destination"),
        RS("between controller and source"),
        RD("between controller and destination"),
        D("all around the destination");

        private final String where;

        Cut(String where) {
            this.where = where;
        }
    }

    Partition() {
        super(
                "partition",
                "the WAN cut and healed at every step: wan (S to D), rs, rd (controller to S, D), d (all around D)",
                MoveStep.values().length * Cut.values().length);
    }

    @Override
    List<Entry> entries() {
        List<Entry> entries = new ArrayList<>();
        for (Cut cut : Cut.values()) {
            for (MoveStep step : MoveStep.values()) {
                MoveStep.Party near = cut == Cut.RS ? MoveStep.Party.SOURCE : MoveStep.Party.DESTINATION;
                entries.add(new Entry(cut.name().toLowerCase(java.util.Locale.ROOT) + ":" + step, step, near));
            }
        }
        return entries;
    }

    @Override
    FaultCell cell(Stage stage, Entry entry, MoveStep.Roles roles) {
        Cut cut =
                Cut.valueOf(entry.name().substring(0, entry.name().indexOf(':')).toUpperCase(java.util.Locale.ROOT));
        Fault fault = new Fault() {
            @Override
            public String description() {
                return "cut " + cut.where;
            }

            @Override
            public void strike() {
                set(true);
            }

            @Override
            public void mend() {
                set(false);
            }

            private void set(boolean down) {
                try (WanControl wan = stage.lab().wan()) {
                    switch (cut) {
                        case WAN -> link(wan, roles.source(), roles.destination(), down);
                        case RS -> link(wan, Topology.CONTROLLER, roles.source(), down);
                        case RD -> link(wan, Topology.CONTROLLER, roles.destination(), down);
                        case D -> wan.partition(roles.destination(), down);
                    }
                }
            }
        };
        return new FaultCell(
                stage, entry.name(), fault, entry.step().sign(roles, entry.party()), LASTING, roles.destination());
    }

    private static void link(WanControl wan, String a, String b, boolean down) {
        wan.link(a, b, Map.of("down", down));
        wan.link(b, a, Map.of("down", down));
    }
}

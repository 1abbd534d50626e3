// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** A fault of some kind at every step of a move, one move after the other. A cell that goes wrong spoils the lab: the next one gets a fresh one. */
abstract class FaultMatrix extends Scenario {
    /** What a cell needs to be run: who is struck, or cut, at which step. */
    record Entry(String name, MoveStep step, MoveStep.Party party) {
        boolean isWanted(String only) {
            return only.isBlank()
                    || Arrays.stream(only.split(",", -1))
                            .map(word -> word.strip().toLowerCase(Locale.ROOT))
                            .anyMatch(word -> word.equals(name.toLowerCase(Locale.ROOT))
                                    || word.equals(name.substring(0, name.indexOf(':')))
                                    || word.equals(step.name().toLowerCase(Locale.ROOT)));
        }
    }

    FaultMatrix(String id, String description, int cells) {
        super(id, description, cells, cells);
    }

    abstract List<Entry> entries();

    abstract FaultCell cell(Stage stage, Entry entry, MoveStep.Roles roles);

    /** Short links: a cell shows whether, not how fast. */
    @Override
    Topology topology() {
        return Topology.of(
                List.of("st-andrews", "hiroshima", "gainesville"),
                new double[][] {{0, 40, 20}, {40, 0, 30}, {20, 30, 0}});
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<Entry> wanted = entries().stream()
                .filter(entry -> entry.isWanted(options.only()))
                .limit(count(options))
                .toList();
        if (wanted.isEmpty()) {
            throw new LabException("--only " + options.only() + ": there is no such cell in '" + id() + "'; they are "
                    + String.join(" ", entries().stream().map(Entry::name).toList()));
        }
        List<Entry> left = new ArrayList<>(wanted);
        return (stage, findings) -> {
            List<String> sites =
                    topology.sites().stream().map(Topology.Site::name).toList();
            while (!left.isEmpty()) {
                Entry entry = left.removeFirst();
                String from = stage.mover().at();
                int at = sites.indexOf(from);
                MoveStep.Roles roles = new MoveStep.Roles(from, sites.get((at + 1) % 3), sites.get((at + 2) % 3));
                Report.Cell cell = cell(stage, entry, roles).run();
                findings.cells.add(cell);
                stage.say(FaultCell.line(findings.cells.size(), wanted.size(), cell));
                cell.problems().forEach(stage::say);
                if (!cell.ok()) {
                    return !left.isEmpty();
                }
            }
            return false;
        };
    }
}

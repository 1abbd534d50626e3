// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.ArrayList;
import java.util.List;

/** SIGKILL of the source's, the destination's and a correspondent's gateway and of the controller at every step; a second later it is started again. */
final class KillMatrix extends FaultMatrix {
    KillMatrix() {
        super(
                "kill-matrix",
                "SIGKILL of S, D, a correspondent's gateway and the controller at every step (--only s:COPY)",
                MoveStep.values().length * MoveStep.Party.values().length);
    }

    @Override
    List<Entry> entries() {
        List<Entry> entries = new ArrayList<>();
        for (MoveStep.Party party : MoveStep.Party.values()) {
            for (MoveStep step : MoveStep.values()) {
                entries.add(new Entry(party.letter() + ":" + step, step, party));
            }
        }
        return entries;
    }

    @Override
    FaultCell cell(Stage stage, Entry entry, MoveStep.Roles roles) {
        String process = roles.process(entry.party());
        Lab lab = stage.lab();
        Fault death = new Fault() {
            @Override
            public String description() {
                return "SIGKILL of " + process;
            }

            @Override
            public void strike() {
                lab.kill(process);
            }

            @Override
            public void mend() {
                lab.startAgain(process);
                lab.awaitReady(process);
            }
        };
        return new FaultCell(
                stage,
                entry.name(),
                death,
                entry.step().sign(roles, entry.party()),
                FaultCell.untilMended(),
                roles.destination());
    }
}

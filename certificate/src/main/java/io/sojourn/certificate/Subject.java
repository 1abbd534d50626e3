// SPDX-License-Identifier: Apache-2.0
package io.sojourn.certificate;

import java.util.List;
import java.util.Map;

/**
 * Which move a statement is about.
 *
 * @param migration its id
 * @param networks those that the VM is in, by name, ordered
 * @param source the gateway that the VM left
 * @param destination the gateway that it went to
 * @param previousEpoch the epoch under which it was bound at the source
 * @param epoch the epoch of the move
 * @param ordering strict or relaxed
 */
public record Subject(
        String migration,
        String vm,
        List<String> networks,
        String source,
        String destination,
        long previousEpoch,
        long epoch,
        String ordering) {
    public Subject {
        networks = networks.stream().sorted().distinct().toList();
    }

    Map<String, Object> json() {
        return Map.of(
                "migration", migration,
                "vm", vm,
                "networks", networks,
                "source", source,
                "destination", destination,
                "previous_epoch", previousEpoch,
                "epoch", epoch,
                "ordering", ordering);
    }

    static Subject of(Object json) {
        Fields f = new Fields("subject", json);
        Subject subject = new Subject(
                f.text("migration"),
                f.text("vm"),
                f.texts("networks"),
                f.text("source"),
                f.text("destination"),
                f.number("previous_epoch"),
                f.number("epoch"),
                f.text("ordering"));
        f.end();
        return subject;
    }
}

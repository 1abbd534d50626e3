// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One line of a gateway's journal: how far a machine was. The last record of a migration decides what a restarted
 * gateway makes of it; there is no order to respect between migrations.
 */
public record JournalRecord(Role role, Stage stage, HandoffPlan plan) {
    public enum Role {
        INVALID,
        SOURCE,
        DESTINATION
    }

    public enum Stage {
        INVALID,
        /** S: the guest runs here, nothing was let go. D: nothing has run. */
        ARMED,
        /** S: from here on the guest may run at D. */
        SWITCHING,
        /** S: the guest stays; D must know. */
        ABORTED,
        /** S: the guest runs at D. */
        MOVED,
        /** D: from here on the guest may run here. */
        CONTINUING,
        /** D: the guest runs here, the binding is ours. */
        ACTIVE,
        /** D: the guest will not run here under this epoch. */
        BURNT,
        /** Nothing left to do. */
        ENDED
    }

    /** One line of {@code key=value}, without a line end. */
    public String toLine() {
        Timing t = plan.timing();
        StringBuilder names = new StringBuilder();
        for (GatewayId gateway : plan.correspondents()) {
            names.append(names.isEmpty() ? "" : ",").append(gateway.name());
        }
        return "role=" + role + " stage=" + stage + " migration=" + plan.migration() + " vm="
                + plan.vm().name() + " source=" + plan.source().name() + " destination="
                + plan.destination().name() + " previous=" + plan.previous().number() + " epoch="
                + plan.epoch().number() + " correspondents=" + names + " ordering=" + plan.ordering() + " timing="
                + t.rttNs() + "," + t.drainBoundNs() + "," + t.markerBoundNs() + "," + t.quietNs() + ","
                + t.maxPauseNs() + "," + t.giveUpNs() + "," + t.armExpiryNs() + "," + t.bufferBytes() + " end";
    }

    /** Empty for a line that is torn or not ours: a journal may end in half a line. */
    public static Optional<JournalRecord> parse(String line) {
        if (!line.endsWith(" end")) {
            return Optional.empty();
        }
        Map<String, String> fields = new HashMap<>();
        for (String field : line.substring(0, line.length() - 4).split(" ")) {
            int equals = field.indexOf('=');
            if (equals < 0) {
                return Optional.empty();
            }
            fields.put(field.substring(0, equals), field.substring(equals + 1));
        }
        try {
            return Optional.of(read(fields));
        } catch (IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    private static JournalRecord read(Map<String, String> fields) {
        String names = field(fields, "correspondents");
        List<GatewayId> correspondents = names.isEmpty()
                ? List.of()
                : Arrays.stream(names.split(",")).map(GatewayId::new).toList();
        long[] t = Arrays.stream(field(fields, "timing").split(","))
                .mapToLong(Long::parseLong)
                .toArray();
        if (t.length != 8) {
            throw new IllegalArgumentException("timing has 8 figures");
        }
        return new JournalRecord(
                Role.valueOf(field(fields, "role")),
                Stage.valueOf(field(fields, "stage")),
                new HandoffPlan(
                        MigrationId.parse(field(fields, "migration")),
                        new VmId(field(fields, "vm")),
                        new GatewayId(field(fields, "source")),
                        new GatewayId(field(fields, "destination")),
                        new Epoch(Long.parseLong(field(fields, "previous"))),
                        new Epoch(Long.parseLong(field(fields, "epoch"))),
                        correspondents,
                        Ordering.parse(field(fields, "ordering")),
                        new Timing(t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7])));
    }

    private static String field(Map<String, String> fields, String key) {
        String value = fields.get(key);
        if (value == null) {
            throw new IllegalArgumentException("no " + key);
        }
        return value;
    }
}

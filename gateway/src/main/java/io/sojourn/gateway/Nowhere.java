// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.handoff.JournalRecord;
import io.sojourn.model.binding.Binding;
import io.sojourn.rpc.MigrationReport;
import org.jspecify.annotations.Nullable;

/** Around a rehearsal of handoffs there is nothing. */
class Nowhere implements Handoffs.Surroundings {
    @Override
    public void report(MigrationReport.Builder report) {
        // That it was built, field by field, is the rehearsal.
    }

    @Override
    public void journal(JournalRecord entry) {
        entry.toLine();
    }

    @Override
    public void followed(Binding binding) {
        // Nobody follows a rehearsal.
    }

    @Override
    public EventLog.@Nullable Story story(Handoff handoff) {
        return null;
    }

    @Override
    public void closed(Accounts.Closed account) {
        // And nobody certifies it.
    }
}

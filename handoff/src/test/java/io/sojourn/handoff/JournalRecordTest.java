// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class JournalRecordTest {
    @Test
    void aLineIsReadAsItWasWritten() {
        for (JournalRecord.Stage stage : JournalRecord.Stage.values()) {
            JournalRecord entry = new JournalRecord(JournalRecord.Role.SOURCE, stage, Samples.PLAN);
            assertThat(JournalRecord.parse(entry.toLine())).contains(entry);
        }
    }

    @Test
    void aTornLineIsNoRecord() {
        String line = new JournalRecord(JournalRecord.Role.SOURCE, JournalRecord.Stage.ARMED, Samples.PLAN).toLine();
        for (int length = 0; length < line.length(); length++) {
            assertThat(JournalRecord.parse(line.substring(0, length))).isEmpty();
        }
        assertThat(JournalRecord.parse("role=KING stage=ARMED end")).isEmpty();
    }
}

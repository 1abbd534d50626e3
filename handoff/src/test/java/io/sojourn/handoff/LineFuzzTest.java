// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Lines of journals and of incidents that somebody hands in: read, or none of ours. */
@Tag("fuzz")
class LineFuzzTest {
    private final EventText text = new EventText();

    static Stream<Arguments> genuine() {
        EventText text = new EventText();
        return Stream.concat(
                        Samples.events().values().stream().map(text::write),
                        Stream.of(new JournalRecord(JournalRecord.Role.SOURCE, JournalRecord.Stage.ARMED, Samples.PLAN)
                                .toLine()))
                .map(line -> Arguments.of((Object) line.getBytes(StandardCharsets.UTF_8)));
    }

    @MethodSource("genuine")
    @FuzzTest
    void nothingThrows(byte[] octets) {
        String line = new String(octets, StandardCharsets.UTF_8);
        text.read(line).ifPresent(text::write);
        JournalRecord.parse(line).ifPresent(JournalRecord::toLine);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * What every machine does in every state with every event is written down, in transitions.txt, where a change of
 * behaviour shows as a changed line. After a change that is meant: run it with HANDOFF_WRITE=1 in the environment, then read the
 * diff.
 */
class TransitionTableTest {
    private static final Path TABLE = Path.of("src/test/resources/transitions.txt");
    private static final Path DOCUMENT = Path.of("../docs/protocol/handoff.md");
    private static final boolean WRITE = System.getenv("HANDOFF_WRITE") != null;

    @Test
    void everyPairOfStateAndEventHasItsRow() throws IOException {
        List<String> rows = TransitionTable.rows();
        if (WRITE) {
            Files.write(TABLE, rows);
        }
        assertThat(rows).isEqualTo(Files.readAllLines(TABLE));
    }

    @Test
    void theDiagramsShowTheCode() throws IOException {
        String document = Files.readString(DOCUMENT);
        for (String machine : List.of("S", "D", "C")) {
            String begin = "<!-- diagram " + machine + ": written by TransitionTableTest -->\n";
            int start = document.indexOf(begin) + begin.length();
            int end = document.indexOf("<!-- end -->", start);
            assertThat(end).as("place of diagram " + machine).isGreaterThan(0);
            if (WRITE) {
                document = document.substring(0, start) + TransitionTable.mermaid(machine) + document.substring(end);
                Files.writeString(DOCUMENT, document);
            } else {
                assertThat(document.substring(start, end)).isEqualTo(TransitionTable.mermaid(machine));
            }
        }
    }

    @Test
    void theSamplesCoverEveryStateAndEvent() {
        assertThat(classes(Samples.sourceStates().values().stream())).isEqualTo(permitted(SourceHandoff.State.class));
        assertThat(classes(Samples.destinationStates().values().stream()))
                .isEqualTo(permitted(DestinationHandoff.State.class));
        assertThat(classes(Samples.correspondentStates().values().stream()))
                .isEqualTo(permitted(CorrespondentHandoff.State.class));
        assertThat(classes(Samples.events().values().stream())).isEqualTo(permitted(HandoffEvent.class));
        assertThat(classes(Samples.events().values().stream()
                        .filter(HandoffEvent.SignalReceived.class::isInstance)
                        .map(e -> ((HandoffEvent.SignalReceived) e).signal().body())))
                .isEqualTo(permitted(Signal.Body.class));
    }

    private static Set<Class<?>> classes(Stream<?> objects) {
        return objects.map(Object::getClass).collect(Collectors.toSet());
    }

    private static Set<Class<?>> permitted(Class<?> type) {
        return type.isSealed()
                ? Arrays.stream(type.getPermittedSubclasses())
                        .flatMap(t -> permitted(t).stream())
                        .collect(Collectors.toSet())
                : Set.of(type);
    }
}

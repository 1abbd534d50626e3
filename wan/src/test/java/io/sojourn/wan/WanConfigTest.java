// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WanConfigTest {
    private static final String GOOD = """
            {"seed":7,"control":"/run/wan.sock",
             "places":[{"name":"st-andrews","netns":"x1","device":"wan0","prefixes":["100.64.1.0/24","fd64:1::/64"]},
                       {"name":"hiroshima","netns":"x2","prefixes":["100.64.2.0/24"]}],
             "links":[{"from":"st-andrews","to":"hiroshima","delay_ms":125,"rate_mbit":1000}]}
            """;

    @TempDir
    Path directory = Path.of("");

    private WanConfig read(String json) throws IOException {
        return WanConfig.read(Files.writeString(directory.resolve("wan.json"), json));
    }

    @Test
    void readsWhatTheLabWrites() throws IOException {
        WanConfig config = read(GOOD);
        assertThat(config.seed()).isEqualTo(7);
        assertThat(config.memoryMib()).isEqualTo(256);
        assertThat(config.places().getLast().device()).isEqualTo("wan0");
        assertThat(config.links().getFirst().profile())
                .isEqualTo(new LinkProfile(125, 0, 0, 0, 0, 0, 1000, 100, 1500, false));
        assertThat(config.defaultLink()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
                    "delay_ms":125           | "delay_ms":-1              | links[0].delay_ms is -1.0
                    "delay_ms":125           | "delay":125                | links[0].delay is no property of a link
                    "delay_ms":125           | "loss":1.5                 | links[0].loss is 1.5
                    "to":"hiroshima"         | "to":"atlantis"            | there is no place "atlantis"
                    "100.64.2.0/24"          | "100.64.2.0"               | places[1].prefixes: "100.64.2.0" is no prefix
                    "100.64.2.0/24"          | "100.64.2.0/33"            | places[1].prefixes: "100.64.2.0/33" is no prefix
                    "100.64.2.0/24"          | "host.example/24"          | places[1].prefixes: "host.example/24" is no prefix
                    "netns":"x2"             | "netnamespace":"x2"        | places[1].netnamespace is not known
                    "control":               | "controls":                | controls is not known
                    "name":"hiroshima"       | "name":"st-andrews"        | two have the same name
                    """)
    void saysInOneLineWhereItIsWrong(String good, String bad, String message) {
        // The CSV reader keeps the quotes that stand inside a column.
        assertThatThrownBy(() -> read(GOOD.replace(good, bad)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("wan.json")
                .hasMessageContaining(message)
                .extracting(Throwable::getMessage)
                .asString()
                .doesNotContain("\n");
    }

    @Test
    void saysThatAFileIsMissingOrBroken() {
        assertThatThrownBy(() -> WanConfig.read(directory.resolve("none.json")))
                .hasMessageContaining("there is no file");
        assertThatThrownBy(() -> read("{")).hasMessageContaining("is no JSON");
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.certificate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CanonicalJsonTest {
    /** RFC 8785 section 3.2.3, without the fractions that certificates do not hold. */
    @Test
    void keysAreOrderedByUtf16CodeUnits() {
        String mixed =
                "{\"\\u20ac\": \"Euro Sign\", \"\\r\": \"Carriage Return\", \"\\ufb33\": \"Hebrew Letter Dalet With Dagesh\","
                        + " \"1\": \"One\", \"\\ud83d\\ude00\": \"Emoji: Grinning Face\", \"\\u0080\": \"Control\","
                        + " \"\\u00f6\": \"Latin Small Letter O With Diaeresis\"}";

        assertThat(CanonicalJson.canonical(mixed))
                .isEqualTo("{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u0080\":\"Control\","
                        + "\"\u00f6\":\"Latin Small Letter O With Diaeresis\",\"\u20ac\":\"Euro Sign\","
                        + "\"\ud83d\ude00\":\"Emoji: Grinning Face\",\"\ufb33\":\"Hebrew Letter Dalet With Dagesh\"}");
    }

    /** RFC 8785 section 3.2.2, the string of its sample. */
    @Test
    void stringsAreEscapedInOneWayOnly() {
        assertThat(CanonicalJson.canonical("\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\""))
                .isEqualTo("\"\u20ac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"");
    }

    @Test
    void whatIsWrittenIsReadBack() {
        Map<String, Object> value = Map.of(
                "none",
                List.of(),
                "empty",
                Map.of(),
                "numbers",
                List.of(0L, -7L, CanonicalJson.LARGEST),
                "yes",
                true,
                "no",
                false);

        assertThat(CanonicalJson.read(CanonicalJson.write(value))).isEqualTo(value);
        assertThat(CanonicalJson.canonical(CanonicalJson.write(value))).isEqualTo(CanonicalJson.write(value));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "{",
                "[1,",
                "{\"a\":1,\"a\":1}",
                "1.5",
                "1e3",
                "-0",
                "007",
                "null",
                "nul",
                "tru",
                "{\"a\" 1}",
                "[1] 2",
                "\"\u0001\"",
                "\"\\x\"",
                "\"\\u00g0\"",
                "\"\\u00",
                "9007199254740992",
                "99999999999999999999",
                "[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]"
            })
    void whatIsNotInTheSubsetIsRefusedInOneLine(String text) {
        assertThatThrownBy(() -> CanonicalJson.read(text))
                .isInstanceOf(CertificateException.class)
                .hasMessageContaining("not the JSON of a certificate")
                .satisfies(e -> assertThat(e.getMessage()).doesNotContain("\n"));
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class EchoStreamTest {
    @Test
    void bytesAreAFunctionOfSeedAndPosition() {
        int same = 0;
        for (long n = 0; n < 10_000; n++) {
            assertThat(EchoStream.at(5, n)).isEqualTo(EchoStream.at(5, n));
            same += EchoStream.at(5, n) == EchoStream.at(6, n) ? 1 : 0;
        }
        // Two streams that are mixed up agree in one byte of 256.
        assertThat(same).isBetween(10, 90);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.sojourn.wire.Tcp;
import java.lang.foreign.MemorySegment;

class LabelFuzzTest {
    private static final FlowSecret SECRET = FlowSecret.of(new Token(1, 2), new Token(3, 4), new byte[0]);

    @FuzzTest
    void hostileMessagesAreNobodys(byte[] octets) {
        assertThat(ControlMessage.read(octets, SECRET)).isEmpty();
    }

    @FuzzTest
    void hostileOptionsNeverThrow(byte[] octets) {
        MemorySegment s = MemorySegment.ofArray(octets);
        if (octets.length >= Tcp.HEADER_BYTES) {
            LabelOption.find(s, 0, octets.length);
            LabelOption.isMultipath(s, 0, octets.length);
        }
        new Segment().locate(s, 0, octets.length);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.stream.Stream;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Signals of a peer that has the key and means ill: each is signed as it should be. */
@Tag("fuzz")
class SignalFuzzTest {
    private static final int TAG_BYTES = 16;
    private static final byte[] KEY = new byte[SignalCodec.KEY_BYTES];
    private final SignalCodec codec = new SignalCodec(KEY);
    private final Mac mac;

    SignalFuzzTest() throws GeneralSecurityException {
        mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(KEY, "HmacSHA256"));
    }

    static Stream<Arguments> genuine() {
        SignalCodec codec = new SignalCodec(KEY);
        return Samples.events().values().stream()
                .filter(HandoffEvent.SignalReceived.class::isInstance)
                .map(event -> codec.encode(((HandoffEvent.SignalReceived) event).signal(), 1))
                .map(datagram -> Arguments.of((Object) Arrays.copyOf(datagram, datagram.length - TAG_BYTES)));
    }

    @MethodSource("genuine")
    @FuzzTest
    void nothingThrows(byte[] body) {
        codec.decode(body);
        byte[] signed = Arrays.copyOf(body, body.length + TAG_BYTES);
        System.arraycopy(mac.doFinal(body), 0, signed, body.length, TAG_BYTES);
        codec.decode(signed);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.rpc;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.google.protobuf.InvalidProtocolBufferException;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What anybody may send to a controller before he is known: a request to enrol, with what should be a token. */
@Tag("fuzz")
class TokenFuzzTest {
    static Stream<Arguments> genuine() {
        String token = new EnrolmentToken(
                        new byte[EnrolmentToken.ID_BYTES], new byte[EnrolmentToken.SECRET_BYTES], new byte[32])
                .text();
        return Stream.of(
                        token.getBytes(StandardCharsets.UTF_8),
                        EnrolRequest.newBuilder()
                                .setToken(token)
                                .setGateway("gw-a")
                                .setSite("a")
                                .build()
                                .toByteArray())
                .map(octets -> Arguments.of((Object) octets));
    }

    @MethodSource("genuine")
    @FuzzTest
    void whatIsNoTokenIsRefused(byte[] octets) {
        String text = new String(octets, StandardCharsets.UTF_8);
        try {
            text = EnrolRequest.parseFrom(octets).getToken();
        } catch (InvalidProtocolBufferException notARequest) {
            // then it is taken for a token as it stands
        }
        try {
            EnrolmentToken.parse(text).text();
        } catch (IllegalArgumentException refused) {
            // as it should be
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class NoiseIkTest {
    private static final HexFormat HEX = HexFormat.of();
    private static final byte[] PROLOGUE = ascii("sojourn golden");

    static Stream<Arguments> golden() throws IOException {
        try (InputStream in = NoiseIkTest.class.getResourceAsStream("noise-golden.txt")) {
            return new String(in.readAllBytes(), StandardCharsets.US_ASCII)
                    .lines()
                    .filter(line -> !line.startsWith("#"))
                    .map(line -> Arguments.of((Object) line.split(" ")));
        }
    }

    @ParameterizedTest
    @MethodSource("golden")
    void saysWhatAnIndependentImplementationSays(String[] g) {
        Suite suite = Suite.valueOf(g[0]);
        SealPrivateKey initiator = SealPrivateKey.of(sequence(0x10));
        SealPrivateKey responder = SealPrivateKey.of(sequence(0x70));
        byte[] psk = sequence(0xD0);
        NoiseIk i = NoiseIk.initiator(suite, PROLOGUE, initiator, responder.publicKey());
        NoiseIk r = NoiseIk.responder(suite, PROLOGUE, responder);

        byte[] first = requireNonNull(i.writeFirst(ascii("first payload"), sequence(0x40)));
        assertThat(hex(first)).isEqualTo(g[1]);
        assertThat(r.readFirstStatic(first)).isEqualTo(initiator.publicKey());
        assertThat(r.readFirstPayload(first)).isEqualTo(ascii("first payload"));
        byte[] second = requireNonNull(r.writeSecond(ascii("second"), sequence(0xA0), psk));
        assertThat(hex(second)).isEqualTo(g[2]);
        assertThat(i.readSecond(second, psk)).isEqualTo(ascii("second"));
        assertThat(hex(i.handshakeHash())).isEqualTo(g[3]).isEqualTo(hex(r.handshakeHash()));

        byte[][] keys = r.split();
        assertThat(packet(suite, keys[0], 0)).isEqualTo(g[4]);
        assertThat(packet(suite, keys[1], 0)).isEqualTo(g[5]);
        assertThat(packet(suite, keys[0], 1L << 33)).isEqualTo(g[6]);
    }

    @ParameterizedTest
    @MethodSource("golden")
    void aHandshakeWithAnyOctetChangedIsRefused(String[] g) {
        Suite suite = Suite.valueOf(g[0]);
        byte[] first = HEX.parseHex(g[1]);
        for (int n = 0; n < first.length; n++) {
            byte[] bad = first.clone();
            bad[n] ^= 0x40;
            NoiseIk r = NoiseIk.responder(suite, PROLOGUE, SealPrivateKey.of(sequence(0x70)));
            boolean accepted = r.readFirstStatic(bad) != null && r.readFirstPayload(bad) != null;
            assertThat(accepted).as("octet %d", n).isFalse();
        }
    }

    @Test
    void aForgedResponseSpoilsNothing() {
        SealPrivateKey responder = SealPrivateKey.of(sequence(0x70));
        NoiseIk i =
                NoiseIk.initiator(Suite.AES_GCM, PROLOGUE, SealPrivateKey.of(sequence(0x10)), responder.publicKey());
        NoiseIk r = NoiseIk.responder(Suite.AES_GCM, PROLOGUE, responder);
        byte[] first = requireNonNull(i.writeFirst(ascii("x"), sequence(0x40)));
        r.readFirstStatic(first);
        r.readFirstPayload(first);
        byte[] second = requireNonNull(r.writeSecond(ascii("y"), sequence(0xA0), NoiseIk.NO_PSK));
        byte[] forged = second.clone();
        forged[40] ^= 1;
        assertThat(i.copy().readSecond(forged, NoiseIk.NO_PSK)).isNull();
        assertThat(i.copy().readSecond(second, NoiseIk.NO_PSK)).isEqualTo(ascii("y"));
    }

    @Test
    void bothSidesAgreeAndAPointOfSmallOrderIsRefused() {
        byte[] a = sequence(1);
        byte[] b = sequence(77);
        assertThat(X25519.agree(a, X25519.publicKey(b))).isEqualTo(X25519.agree(b, X25519.publicKey(a)));
        assertThat(X25519.agree(a, new byte[X25519.BYTES])).isNull();
    }

    private static String packet(Suite suite, byte[] key, long counter) {
        byte[] plain = ascii("a packet");
        byte[] out = new byte[plain.length + Aead.TAG_BYTES];
        new Aead(suite.isAes(), key).seal(counter, new byte[0], plain, 0, plain.length, out, 0);
        return hex(out);
    }

    private static byte[] sequence(int from) {
        byte[] out = new byte[32];
        for (int i = 0; i < out.length; i++) {
            out[i] = (byte) (from + i);
        }
        return out;
    }

    private static String hex(byte[] octets) {
        return octets == null ? fail("nothing was written") : HEX.formatHex(octets);
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}

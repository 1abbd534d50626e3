// SPDX-License-Identifier: Apache-2.0
package io.sojourn.certificate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class CertificateTest {
    @Test
    void aFileIsReadBackAsItWas() {
        Certificate certificate = Samples.good();

        assertThat(Certificate.ofFile(certificate.fileText().getBytes(StandardCharsets.UTF_8)))
                .isEqualTo(certificate);
    }

    /** Each octet, each of its eight bits: nothing of the file is beyond what the signatures and the canonical form hold. */
    @Test
    void aSingleFlippedBitAnywhereIsNoticedAndSaidInOneLine() {
        byte[] file = Samples.good().fileText().getBytes(StandardCharsets.UTF_8);
        for (int i = 0; i < file.length; i++) {
            for (int bit = 0; bit < 8; bit++) {
                byte[] changed = file.clone();
                changed[i] ^= (byte) (1 << bit);
                assertThat(complaint(changed))
                        .as("octet " + i + " bit " + bit)
                        .isNotEmpty()
                        .doesNotContain("\n");
            }
        }
    }

    private static String complaint(byte[] file) {
        try {
            return String.join(
                    "; ", Verification.of(Certificate.ofFile(file), Map.of()).problems());
        } catch (CertificateException e) {
            return String.valueOf(e.getMessage());
        }
    }

    @Test
    void aFileThatWasOnlyReformattedIsNotTheOneThatWasExported() {
        byte[] pretty = Samples.good().fileText().replace(",", ", ").getBytes(StandardCharsets.UTF_8);

        assertThatThrownBy(() -> Certificate.ofFile(pretty)).hasMessageContaining("canonical form");
    }

    @Test
    void aMissingHalfIsNamed() {
        Certificate half = new Certificate(Samples.MIGRATION, Samples.good().source(), Optional.empty());

        assertThat(half.text()).contains("\"missing\":[\"destination\"]");
        assertThat(Certificate.parse(half.text())).isEqualTo(half);
        assertThatThrownBy(() -> Certificate.parse(half.text().replace("[\"destination\"]", "[]")))
                .hasMessageContaining("missing");
    }

    /** RFC 8032 section 7.1, TEST 2. */
    @Test
    void keysAreThoseOfRfc8032() {
        SigningKey key = SigningKey.parse("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
                + " 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
        byte[] message = {0x72};

        byte[] signature = key.sign(message);

        assertThat(HexFormat.of().formatHex(signature))
                .isEqualTo("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                        + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
        assertThat(key.publicKey().verifies(message, signature)).isTrue();
        assertThat(key.publicKey().verifies(new byte[] {0x73}, signature)).isFalse();
        assertThat(SigningKey.parse(key.secretText()).publicKey()).isEqualTo(key.publicKey());
    }

    @Test
    void halvesOfTwoKeysAreNoKey() {
        String mixed = Samples.KEY_A.secretText().substring(0, 64) + " " + Samples.KEY_B.publicKey();

        assertThatThrownBy(() -> SigningKey.parse(mixed)).hasMessageContaining("do not belong together");
        assertThatThrownBy(() -> SigningKey.parse("abc")).isInstanceOf(CertificateException.class);
        assertThatThrownBy(() -> new PublicSigningKey("AB".repeat(32))).isInstanceOf(CertificateException.class);
    }

    /** The low-order point and a point that is on no curve: no signature holds, nothing is thrown. */
    @Test
    void aKeyThatIsNoneVerifiesNothing() {
        byte[] message = {1};
        byte[] signature = Samples.KEY_A.sign(message);

        assertThat(new PublicSigningKey("ff".repeat(32)).verifies(message, signature))
                .isFalse();
        assertThat(new PublicSigningKey("02" + "00".repeat(31)).verifies(message, signature))
                .isFalse();
        assertThat(Samples.KEY_A.publicKey().verifies(message, new byte[3])).isFalse();
    }
}

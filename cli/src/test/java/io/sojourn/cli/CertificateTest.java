// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.certificate.Certificate;
import io.sojourn.certificate.ClockOffset;
import io.sojourn.certificate.Mark;
import io.sojourn.certificate.SignedStatement;
import io.sojourn.certificate.SigningKey;
import io.sojourn.certificate.Statement;
import io.sojourn.certificate.Statement.Outcome;
import io.sojourn.certificate.Statement.Role;
import io.sojourn.certificate.Subject;
import io.sojourn.certificate.TimelineStep;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CertificateTest {
    private static final SigningKey KEY_A = SigningKey.generate();
    private static final SigningKey KEY_B = SigningKey.generate();
    private static final Certificate GOOD = new Certificate(
            "m-1",
            Optional.of(half(KEY_A, Role.SOURCE, List.of(new TimelineStep(1_000_000, "pause", "")))),
            Optional.of(half(KEY_B, Role.DESTINATION, List.of(new TimelineStep(1_131_900, "resume", "")))));

    @TempDir
    Path dir;

    private FakeController controller;

    private static SignedStatement half(SigningKey key, Role role, List<TimelineStep> timeline) {
        boolean source = role == Role.SOURCE;
        return key.sign(new Statement(
                new Subject("m-1", "web1", List.of("blue"), "gw-a", "gw-b", 1, 2, "strict"),
                role,
                source ? "gw-a" : "gw-b",
                source ? "a" : "b",
                Outcome.MOVED,
                true,
                Optional.of(new ClockOffset(source ? 500 : -500, 300)),
                timeline,
                source ? 12 : 0,
                source ? 0 : 12,
                List.of(new Mark(source, "end-marker-outbound", "gw-a", 12)),
                Map.of(source ? "redirected" : "held", 12L),
                Map.of(),
                Map.of(),
                1,
                2));
    }

    @BeforeEach
    void begin() throws Exception {
        controller = new FakeController();
    }

    @AfterEach
    void end() {
        controller.close();
    }

    private Path file(String text) throws Exception {
        return Files.writeString(dir.resolve("c.certificate"), text);
    }

    private Path keys(SigningKey a) throws Exception {
        return Files.writeString(
                dir.resolve("keys.txt"),
                "# from before the move\ngw-a " + a.publicKey() + "\ngw-b " + KEY_B.publicKey() + "\n");
    }

    @Test
    void aGoodFileIsVerified() throws Exception {
        Typed typed = Typed.run(
                "certificate",
                "verify",
                file(GOOD.fileText()).toString(),
                "--keys",
                keys(KEY_A).toString());

        assertThat(typed.status()).isZero();
        assertThat(typed.out())
                .startsWith("verified: web1-e2  gw-a -> gw-b")
                .contains("gw-a to gw-b: 12 frames sent, 12 received");
    }

    @Test
    void aFlippedByteIsOneLineAndExitStatusOne() throws Exception {
        String text = GOOD.fileText();
        int at = text.indexOf("\"frames\":12") + 10;
        Typed typed = Typed.run(
                "certificate",
                "verify",
                file(text.substring(0, at) + '3' + text.substring(at + 1)).toString());

        assertThat(typed.status()).isEqualTo(1);
        assertThat(typed.out()).isEmpty();
        assertThat(typed.err().lines()).hasSize(1);
        assertThat(typed.err()).contains("not verified").contains("was changed, or signed with another key");
    }

    @Test
    void aForgersKeyIsNotTheKnownOne() throws Exception {
        String file = file(GOOD.fileText()).toString();

        Typed pinned =
                Typed.run("certificate", "verify", file, "--keys", keys(KEY_B).toString());
        assertThat(pinned.status()).isEqualTo(1);
        assertThat(pinned.err()).contains("another key than the one that is known of gw-a");
        Typed byOption = Typed.run("certificate", "verify", file, "--key", "gw-a=" + KEY_A.publicKey());
        assertThat(byOption.err()).contains("no key of gateway gw-b is known");
    }

    @Test
    void filesThatAreNoneAreSaidInOneLine() throws Exception {
        for (String text : List.of("", "{}", "hello", GOOD.fileText() + "x")) {
            Typed typed = Typed.run("certificate", "verify", file(text).toString());
            assertThat(typed.status()).isEqualTo(1);
            assertThat(typed.err().lines()).hasSize(1);
        }
        assertThat(Typed.run("certificate", "verify", dir.resolve("none").toString())
                        .err())
                .contains("no file");
        assertThat(Typed.run("certificate").status()).isEqualTo(2);
    }

    @Test
    void aTruncatedFileIsSaidInOneLine() throws Exception {
        String text = GOOD.fileText();
        for (int length : List.of(1, text.length() / 2, text.length() - 2, text.length() - 1)) {
            Typed typed = Typed.run(
                    "certificate", "verify", file(text.substring(0, length)).toString());
            assertThat(typed.status()).isEqualTo(1);
            assertThat(typed.err().lines()).hasSize(1);
            assertThat(typed.err()).contains("not verified");
        }
    }

    @Test
    void withoutKeysAFileIsNoMoreThanIntact() throws Exception {
        Typed typed = Typed.run("certificate", "verify", file(GOOD.fileText()).toString());

        assertThat(typed.status()).isZero();
        assertThat(typed.out()).startsWith("intact: web1-e2").contains("anybody may have signed it anew");
    }

    private void serve(Certificate certificate) {
        controller
                .answers(
                        "GET /v1/migrations/web1-e2",
                        200,
                        "{\"id\":\"m-1\",\"vm\":\"web1\",\"epoch\":2,\"state\":\"DONE\"}")
                .answers("GET /v1/migrations/m-1/certificate", 200, certificate.text())
                .answers(
                        "GET /v1/signing-keys",
                        200,
                        "{\"items\":[{\"gateway\":\"gw-a\",\"key\":\"" + KEY_A.publicKey()
                                + "\"},{\"gateway\":\"gw-b\",\"key\":\"" + KEY_B.publicKey() + "\"}]}");
    }

    @Test
    void aPersonReadsTimesFramesAndWhetherItHolds() {
        serve(GOOD);

        assertThat(Typed.at(controller, "certificate", "web1-e2").out())
                .contains("verified       both halves are signed with the keys that the controller knows")
                .contains("pause          131.4 ms, give or take 0.3")
                .contains("gw-a to gw-b: 12 frames sent, 12 received")
                .contains("source         gw-a: redirected 12")
                .contains("131.4  b                  resume");
    }

    @Test
    void theHalfThatIsMissingIsNamed() {
        serve(new Certificate("m-1", Optional.empty(), GOOD.destination()));

        assertThat(Typed.at(controller, "certificate", "web1-e2").out())
                .contains("NOT VERIFIED   the half of the source is missing (gateway gw-a)");
    }

    @Test
    void whatIsWrittenToAFileVerifies() throws Exception {
        serve(GOOD);
        Path out = dir.resolve("out.certificate");

        assertThat(Typed.at(controller, "certificate", "web1-e2", "--out", out.toString())
                        .status())
                .isZero();
        assertThat(Files.readString(out)).isEqualTo(GOOD.fileText());
        assertThat(Typed.run("certificate", "verify", out.toString()).status()).isZero();
    }

    @Test
    void keysAreShownAsVerifyTakesThem() {
        serve(GOOD);

        assertThat(Typed.at(controller, "certificate", "keys").out().lines())
                .containsExactly("gw-a " + KEY_A.publicKey(), "gw-b " + KEY_B.publicKey());
    }
}

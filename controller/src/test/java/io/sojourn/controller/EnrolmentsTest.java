// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.grpc.Status;
import io.grpc.StatusException;
import io.sojourn.registry.SqliteStore;
import io.sojourn.rpc.CertifiedName;
import io.sojourn.rpc.EnrolReply;
import io.sojourn.rpc.EnrolRequest;
import io.sojourn.rpc.EnrolmentToken;
import io.sojourn.rpc.Hello;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who gets a certificate, and whose certificate counts. */
class EnrolmentsTest {
    private static final Instant START = Instant.parse("2026-11-21T08:00:00Z");
    private static final Caller NOBODY = new Caller(Optional.empty(), "192.0.2.7");

    /** Stands still until a test moves it. */
    private static final class SetClock extends Clock {
        private Instant now = START;

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }

        @Override
        public Instant instant() {
            return now;
        }
    }

    @TempDir
    Path dir;

    private final SetClock clock = new SetClock();
    private final GatewayKeys keys = GatewayKeys.random();
    private SqliteStore store;
    private CertificateAuthority authority;
    private Audit audit;
    private Enrolments enrolments;

    @BeforeEach
    void begin() {
        store = SqliteStore.open(dir, clock);
        authority = CertificateAuthority.open(dir, clock);
        audit = new Audit(dir, clock);
        enrolments = new Enrolments(store, authority, audit, clock, Duration.ofDays(90));
    }

    @AfterEach
    void end() {
        store.close();
    }

    private String token(String site, String gateway) {
        return enrolments
                .makeToken(new Resource.GatewayTokenRequest(site, gateway, null))
                .token();
    }

    private EnrolReply enrol(EnrolRequest request) throws StatusException {
        return enrolments.enrol(request, NOBODY);
    }

    private void assertRefused(EnrolRequest request, String why) {
        assertThatThrownBy(() -> enrol(request))
                .isInstanceOf(StatusException.class)
                .hasMessageStartingWith("PERMISSION_DENIED: ")
                .hasMessageContaining(why)
                .hasMessageNotContaining("\n");
    }

    private static Caller shows(X509Certificate certificate) {
        CertifiedName name = CertifiedName.of(certificate).orElseThrow();
        return new Caller(Optional.of(new Caller.Shown(name, certificate)), "192.0.2.7");
    }

    private static Hello hello(String site, String gateway, String sealKey) {
        return Hello.newBuilder()
                .setSite(site)
                .setGateway(gateway)
                .setSealKey(sealKey)
                .build();
    }

    private String refusal(X509Certificate shown, Hello hello) {
        return refusal(shows(shown), hello);
    }

    private String refusal(Caller caller, Hello hello) {
        Status status = enrolments.refusal(caller, hello);
        return status == null ? "" : status.getCode() + ": " + status.getDescription();
    }

    private List<String> audited() throws IOException {
        return Files.readAllLines(dir.resolve("audit.log"));
    }

    @Test
    void aTokenGivesACertificateThatNamesTheGatewayAndAttachesIt() throws Exception {
        X509Certificate certificate =
                GatewayKeys.certificate(enrol(keys.request(token("hiroshima", "gw-1"), "hiroshima", "gw-1")));

        certificate.verify(authority.certificate().getPublicKey());
        assertThat(CertifiedName.of(certificate)).contains(new CertifiedName("hiroshima", "gw-1"));
        assertThat(certificate.getPublicKey()).isEqualTo(keys.pair().getPublic());
        assertThat(certificate.getNotAfter().toInstant()).isEqualTo(START.plus(Duration.ofDays(90)));
        assertThat(certificate.getExtendedKeyUsage()).as("client only").containsExactly("1.3.6.1.5.5.7.3.2");
        assertThat(certificate.getBasicConstraints()).as("no CA").isEqualTo(-1);
        assertThat(refusal(certificate, hello("hiroshima", "gw-1", keys.sealKeyText())))
                .isEmpty();
        assertThat(audited()).anyMatch(line -> line.contains("\"enrolled\"") && line.contains("hiroshima/gw-1"));
    }

    @Test
    void aTokenIsGoodOnce() throws Exception {
        String token = token("a", "gw-a");
        enrol(keys.request(token, "a", "gw-a"));

        assertRefused(GatewayKeys.random().request(token, "a", "gw-a"), "the token has been used");
        assertThat(audit.counts()).containsEntry("enrolment-refused-used", 1L);
    }

    @Test
    void theSameRequestAgainIsAnsweredAgainForTheAnswerMayHaveBeenLost() throws Exception {
        EnrolRequest request = keys.request(token("a", "gw-a"), "a", "gw-a");
        X509Certificate first = GatewayKeys.certificate(enrol(request));
        X509Certificate second = GatewayKeys.certificate(enrol(request));

        assertThat(second.getPublicKey()).isEqualTo(first.getPublicKey());
        assertThat(refusal(first, hello("a", "gw-a", ""))).isEmpty();
        assertThat(refusal(second, hello("a", "gw-a", ""))).isEmpty();
    }

    @Test
    void aTokenOutlivesItsHourForNobody() {
        String token = token("a", "gw-a");
        clock.now = START.plus(Duration.ofHours(1));

        assertRefused(keys.request(token, "a", "gw-a"), "the token was valid until 2026-11-21T09:00:00Z");
    }

    @Test
    void aTokenIsForOneGatewayOfOneSite() {
        String token = token("a", "gw-a");

        assertRefused(keys.request(token, "a", "gw-b"), "the token is for a/gw-a, not for a/gw-b");
        assertRefused(keys.request(token, "b", "gw-a"), "the token is for a/gw-a, not for b/gw-a");
    }

    @Test
    void aSecretThatIsOneBitOffIsNoToken() {
        EnrolmentToken made = EnrolmentToken.parse(token("a", "gw-a"));
        byte[] secret = made.secret().clone();
        secret[15] ^= 1;
        String forged = new EnrolmentToken(made.id(), secret, made.authority()).text();

        assertRefused(keys.request(forged, "a", "gw-a"), "this controller made no such token");
        assertThat(store.list(io.sojourn.registry.Kind.SECRET))
                .as("the secret itself is nowhere")
                .noneMatch(entry -> entry.value().contains(made.text().split("\\.")[2]));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "sj1", "sj1.AAAA.AAAA.AAAA", "sj1.!!!!!!!!.AAAAAAAAAAAAAAAAAAAAAA.AA", "a\nb"})
    void whatIsNoTokenIsRefusedInOneLine(String word) {
        assertRefused(keys.request(word, "a", "gw-a"), "the token is not an enrolment token");
    }

    @Test
    void whoDoesNotHaveThePrivateKeyGetsNothingAndTheTokenIsStillGood() throws Exception {
        String token = token("a", "gw-a");
        EnrolRequest good = keys.request(token, "a", "gw-a");
        EnrolRequest stolen = good.toBuilder()
                .setPublicKey(ByteString.copyFrom(
                        GatewayKeys.random().pair().getPublic().getEncoded()))
                .build();
        byte[] hostile = new byte[200];
        Arrays.fill(hostile, (byte) 0x30);

        assertRefused(stolen, "keys or its proof are not right");
        assertRefused(
                good.toBuilder().setPublicKey(ByteString.copyFrom(hostile)).build(), "keys or its proof");
        assertRefused(
                good.toBuilder().setSealKey(ByteString.copyFrom(hostile, 0, 31)).build(), "keys or its proof");
        assertRefused(good.toBuilder().setSignature(ByteString.EMPTY).build(), "keys or its proof");
        assertThat(enrol(good).getCertificate().isEmpty()).isFalse();
    }

    @Test
    void aCopiedStateDirIsNoSecondGateway() throws Exception {
        enrol(keys.request(token("a", "gw-a"), "a", "gw-a"));
        GatewayKeys copy = GatewayKeys.random().withSealKeyOf(keys);

        assertRefused(copy.request(token("a", "gw-b"), "a", "gw-b"), "another gateway has this seal.key");
    }

    @Test
    void aRevokedGatewayIsRefusedWhateverItShowsUntilANewTokenLetsItIn() throws Exception {
        X509Certificate certificate = GatewayKeys.certificate(enrol(keys.request(token("a", "gw-a"), "a", "gw-a")));
        enrolments.revoke("gw-a");

        assertThat(refusal(certificate, hello("a", "gw-a", "")))
                .startsWith("UNAUTHENTICATED: its enrolment was revoked or replaced: get another token")
                .doesNotContain("\n");
        assertThatThrownBy(() -> enrolments.renew(shows(certificate))).hasMessageStartingWith("UNAUTHENTICATED");
        assertThatThrownBy(() -> enrolments.revoke("gw-a")).hasMessageContaining("is not enrolled");
        enrol(keys.request(token("a", "gw-a"), "a", "gw-a"));
        assertThat(refusal(certificate, hello("a", "gw-a", ""))).isEmpty();
    }

    @Test
    void anotherKeyOfTheSameNameReplacesTheFirst() throws Exception {
        X509Certificate first = GatewayKeys.certificate(enrol(keys.request(token("a", "gw-a"), "a", "gw-a")));
        GatewayKeys other = GatewayKeys.random();
        X509Certificate second = GatewayKeys.certificate(enrol(other.request(token("a", "gw-a"), "a", "gw-a")));

        assertThat(refusal(first, hello("a", "gw-a", ""))).contains("was revoked or replaced");
        assertThat(refusal(second, hello("a", "gw-a", ""))).isEmpty();
    }

    @Test
    void aCertificateSpeaksForItsOwnNameAndItsOwnSealKeyOnly() throws Exception {
        X509Certificate certificate = GatewayKeys.certificate(enrol(keys.request(token("a", "gw-a"), "a", "gw-a")));

        assertThat(refusal(certificate, hello("a", "gw-b", "")))
                .contains("its certificate is for a/gw-a, not for a/gw-b");
        assertThat(refusal(certificate, hello("a", "gw-a", GatewayKeys.random().sealKeyText())))
                .contains("its seal.key is not the one that it enrolled with");
        assertThat(refusal(NOBODY, hello("a", "gw-a", ""))).contains("no certificate of this controller");
    }

    @Test
    void aRenewedCertificateIsForTheSameKeyThatLastsLonger() throws Exception {
        X509Certificate first = GatewayKeys.certificate(enrol(keys.request(token("a", "gw-a"), "a", "gw-a")));
        clock.now = START.plus(Duration.ofDays(60));
        X509Certificate renewed = GatewayKeys.certificate(enrolments.renew(shows(first)));

        assertThat(renewed.getPublicKey()).isEqualTo(first.getPublicKey());
        assertThat(renewed.getNotAfter().toInstant()).isEqualTo(clock.now.plus(Duration.ofDays(90)));
        assertThat(refusal(renewed, hello("a", "gw-a", ""))).isEmpty();
    }

    @Test
    void aFloodOfRefusalsIsCountedAndDoesNotFillTheDisk() throws Exception {
        EnrolRequest wrong = keys.request("no token", "a", "gw\na");
        for (int i = 0; i < 1_000; i++) {
            assertThatThrownBy(() -> enrol(wrong)).isInstanceOf(StatusException.class);
        }
        clock.now = START.plusSeconds(1);
        assertThatThrownBy(() -> enrol(wrong)).isInstanceOf(StatusException.class);

        assertThat(audit.counts()).containsEntry("enrolment-refused-malformed", 1_001L);
        assertThat(audited()).hasSize(6).last().asString().contains("\"refusalsNotWritten\":995", "gw?a");
    }

    @Test
    void theAuthorityIsTheSameAfterARestartAndItsKeyIsNobodyElsesToRead() throws Exception {
        CertificateAuthority again = CertificateAuthority.open(dir, clock);

        assertThat(again.certificate()).isEqualTo(authority.certificate());
        assertThat(Files.getPosixFilePermissions(dir.resolve("ca.key")))
                .containsExactlyInAnyOrder(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.sojourn.certificate.CanonicalJson;
import io.sojourn.certificate.Certificate;
import io.sojourn.certificate.PublicSigningKey;
import io.sojourn.certificate.SignedStatement;
import io.sojourn.certificate.SigningKey;
import io.sojourn.certificate.Statement;
import io.sojourn.certificate.Statement.Outcome;
import io.sojourn.certificate.Statement.Role;
import io.sojourn.certificate.Subject;
import io.sojourn.certificate.Verification;
import io.sojourn.rpc.Command.CommandCase;
import io.sojourn.rpc.Phase;
import io.sojourn.rpc.SignedHalf;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Halves of certificates, from gateways that tell the truth and from others. */
class CertificateStoryTest {
    private static final SigningKey KEY_A = SigningKey.generate();
    private static final SigningKey KEY_B = SigningKey.generate();

    @TempDir
    Path dir;

    private World world;
    private FakeGateway a;
    private FakeGateway b;

    @BeforeEach
    void begin() throws Exception {
        world = new World(dir);
        a = signing("gw-a", "a", KEY_A);
        b = signing("gw-b", "b", KEY_B);
        world.post("/v1/networks", World.NETWORK, 201);
        world.post("/v1/vms", World.VM, 201);
    }

    @AfterEach
    void end() throws Exception {
        world.close();
    }

    private FakeGateway signing(String name, String site, SigningKey key) {
        return world.gateway(name, site, h -> h.setSigningKey(key.publicKey().hex()))
                .awaitWelcome()
                .reaches("gw-a", "gw-b");
    }

    private String moved() throws Exception {
        String id = Json.read(
                        world.post("/v1/migrations", "{\"vm\":\"web1\",\"to\":\"b\"}", 201), Resource.Migration.class)
                .id();
        a.awaitCommand(CommandCase.START);
        a.tell(id, Phase.HELD);
        b.tell(id, Phase.ACTIVATED);
        a.tell(id, Phase.RELEASED);
        world.awaitState(id, "DONE");
        return id;
    }

    private static SignedStatement half(String id, Role role, String gateway, SigningKey key) {
        return key.sign(new Statement(
                new Subject(id, "web1", List.of("blue"), "gw-a", "gw-b", 1, 2, "strict"),
                role,
                gateway,
                "site",
                Outcome.MOVED,
                true,
                Optional.empty(),
                List.of(),
                0,
                0,
                List.of(),
                Map.of(),
                Map.of(),
                Map.of(),
                1,
                2));
    }

    private void tell(FakeGateway by, String id, SignedStatement half) {
        var report = by.report(id, Phase.PHASE_INVALID)
                .setHalf(SignedHalf.newBuilder()
                        .setStatement(CanonicalJson.write(half.statement().json()))
                        .setKey(half.key().hex())
                        .setSignature(half.signature()));
        by.tell(report);
        by.awaitAck(report.getSequence());
    }

    private Certificate certificate(String id) throws Exception {
        return Certificate.parse(world.get("/v1/migrations/" + id + "/certificate"));
    }

    private Map<String, PublicSigningKey> keys() {
        return Map.of("gw-a", KEY_A.publicKey(), "gw-b", KEY_B.publicKey());
    }

    @Test
    void bothHalvesAreKeptAndGivenOutAsTheyWereSigned() throws Exception {
        String id = moved();
        assertThat(certificate("web1-e2").missing()).containsExactly("source", "destination");
        tell(a, id, half(id, Role.SOURCE, "gw-a", KEY_A));
        assertThat(certificate(id).missing()).containsExactly("destination");
        tell(b, id, half(id, Role.DESTINATION, "gw-b", KEY_B));

        assertThat(Verification.of(certificate(id), keys()).problems()).isEmpty();
        assertThat(world.get("/v1/signing-keys"))
                .contains(KEY_A.publicKey().hex(), KEY_B.publicKey().hex());
        assertThat(certificate(id).fileText()).isEqualTo(world.get("/v1/migrations/" + id + "/certificate") + "\n");
    }

    @Test
    void nobodySignsForAnotherGateway() throws Exception {
        String id = moved();
        tell(b, id, half(id, Role.SOURCE, "gw-a", KEY_A));
        tell(b, id, half(id, Role.SOURCE, "gw-b", KEY_B));
        tell(a, id, half(id, Role.SOURCE, "gw-a", KEY_B));
        tell(a, id, half("another-move", Role.SOURCE, "gw-a", KEY_A));
        SignedStatement genuine = half(id, Role.DESTINATION, "gw-b", KEY_B);
        tell(b, id, new SignedStatement(genuine.statement(), genuine.key(), "0".repeat(128)));

        assertThat(certificate(id).missing()).containsExactly("source", "destination");
        assertThat(world.get("/v1/vms/web1/history"))
                .contains("it is not what this gateway can say")
                .contains("another key than the one that is known")
                .contains("its signature does not hold");
    }

    @Test
    void aGatewayThatComesWithAnotherKeyIsNotBelievedUntilAnOperatorSaysSo() throws Exception {
        String id = moved();
        SigningKey fresh = SigningKey.generate();
        a.close();
        a = signing("gw-a", "a", fresh);
        tell(a, id, half(id, Role.SOURCE, "gw-a", fresh));
        assertThat(certificate(id).missing()).contains("source");

        world.expect("DELETE", "/v1/signing-keys/gw-a", "", 204);
        world.expect("DELETE", "/v1/signing-keys/gw-a", "", 404);
        a.close();
        a = signing("gw-a", "a", fresh);
        await().until(() ->
                world.get("/v1/signing-keys").contains(fresh.publicKey().hex()));
        var again = a.report(id, Phase.PHASE_INVALID);
        a.sequence.set(again.getSequence() + 10);
        tell(a, id, half(id, Role.SOURCE, "gw-a", fresh));
        assertThat(certificate(id).missing()).containsExactly("destination");
    }
}

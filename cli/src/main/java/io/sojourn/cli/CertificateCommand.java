// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import io.sojourn.certificate.Certificate;
import io.sojourn.certificate.PublicSigningKey;
import io.sojourn.certificate.Verification;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import tools.jackson.databind.JsonNode;

@Command(
        name = "certificate",
        description =
                "What both gateways counted in a move and signed: its steps, its frames, and whether the two agree.",
        synopsisSubcommandLabel = "[COMMAND]",
        subcommands = {CertificateChecks.Verify.class, CertificateChecks.Keys.class, CertificateChecks.ForgetKey.class},
        footer = {
            "",
            "Examples:",
            "  sojourn certificate web1-e2",
            "  sojourn certificate web1-e2 --out web1-e2.certificate",
            "  sojourn certificate verify web1-e2.certificate --keys keys.txt"
        })
final class CertificateCommand implements Callable<Integer> {
    /** Halves follow a move's end within this, if their gateways live. */
    private static final Duration FRESH = Duration.ofSeconds(8);

    private static final long POLL_NS = 200_000_000;

    @Mixin
    ControllerOptions options = new ControllerOptions();

    @Parameters(paramLabel = "ID", arity = "0..1", description = "The migration's id, such as web1-e2.")
    @Nullable
    String id;

    @Option(
            names = "--out",
            paramLabel = "FILE",
            description = "Write the certificate to this file, to be verified anywhere.")
    @Nullable
    Path out;

    @Override
    public Integer call() {
        if (id == null) {
            throw CommandFailure.wrongUse("which migration? sojourn certificate ID, such as web1-e2");
        }
        ControllerClient client = options.client();
        JsonNode migration = client.get(MigrationCommands.path(id));
        JsonNode answer = whole(client, migration);
        Certificate certificate = Certificate.parse(answer.toString());
        if (out != null) {
            write(out, certificate.fileText());
            options.note("certificate of " + id + " written to " + out);
        }
        if (!options.printedAsJson(answer) && out == null) {
            Verification verification = Verification.of(certificate, keys(client));
            CertificateText.lines(migration, certificate, verification).forEach(options::println);
        }
        return 0;
    }

    /** Right after a move its halves may still be on their way. */
    private static JsonNode whole(ControllerClient client, JsonNode migration) {
        String path = MigrationCommands.path(migration.path("id").asString("")) + "/certificate";
        Instant until = migration.hasNonNull("finishedAt")
                ? Instant.parse(migration.path("finishedAt").asString()).plus(FRESH)
                : Instant.MIN;
        JsonNode answer = client.get(path);
        while (!answer.path("missing").isEmpty() && Instant.now().isBefore(until)) {
            LockSupport.parkNanos(POLL_NS);
            answer = client.get(path);
        }
        return answer;
    }

    static Map<String, PublicSigningKey> keys(ControllerClient client) {
        Map<String, PublicSigningKey> keys = new TreeMap<>();
        for (JsonNode item : client.get("/v1/signing-keys").path("items")) {
            keys.put(
                    item.path("gateway").asString(),
                    new PublicSigningKey(item.path("key").asString()));
        }
        return keys;
    }

    static void write(Path file, String text) {
        try {
            Files.writeString(file, text);
        } catch (IOException e) {
            throw new CommandFailure("cannot write " + file + ": " + CommandFailure.reason(e), e);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.certificate.Certificate;
import io.sojourn.certificate.CertificateException;
import io.sojourn.certificate.PublicSigningKey;
import io.sojourn.certificate.Verification;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * A move's certificate, checked as anybody could check it, with the keys that the controller knew.
 *
 * @param file its name in the folder that is written beside the report; empty if there is none
 * @param verified both halves are there, genuine, and about this move
 * @param problems why not
 * @param losses frames that by its figures did not arrive as they should
 * @param facts what was found right
 * @param keys in hexadecimal, by gateway
 * @param document the certificate itself; null if there is none
 */
public record Certified(
        String file,
        boolean verified,
        List<String> problems,
        List<String> losses,
        List<String> facts,
        Map<String, String> keys,
        @Nullable JsonNode document) {
    static final Certified NONE = new Certified("", false, List.of(), List.of(), List.of(), Map.of(), null);

    static final String KEYS_FILE = "keys.txt";
    /** Halves follow the end of a move; five seconds, should the controller not have asked for them. */
    private static final int TRIES = 60;

    private static final long POLL_NS = 100_000_000;

    /** @param faults gets a line for whatever is wrong with it, or by its own figures with the move */
    static Certified of(RestClient rest, String migration, List<String> faults) {
        if (migration.isEmpty()) {
            return NONE;
        }
        try {
            JsonNode document = whole(rest, migration);
            Certificate certificate = Certificate.parse(document.toString());
            Map<String, PublicSigningKey> keys = keys(rest);
            Verification verification = Verification.of(certificate, keys);
            verification.problems().forEach(problem -> faults.add("certificate: " + problem));
            verification.losses().forEach(loss -> faults.add("certificate: " + loss));
            Map<String, String> known = new TreeMap<>();
            keys.forEach((gateway, key) -> known.put(gateway, key.hex()));
            return new Certified(
                    certificate.name() + ".certificate",
                    verification.isVerified(),
                    verification.problems(),
                    verification.losses(),
                    verification.facts(),
                    known,
                    document);
        } catch (LabException | CertificateException e) {
            faults.add("certificate: " + e.getMessage());
            return new Certified(
                    "", false, List.of(String.valueOf(e.getMessage())), List.of(), List.of(), Map.of(), null);
        }
    }

    /** What the protocol counted at each end, such as bounds that were hit: a line for each end that counted anything. */
    List<String> events() {
        List<String> lines = new ArrayList<>();
        for (String half : List.of("source", "destination")) {
            JsonNode events = document == null
                    ? tools.jackson.databind.node.MissingNode.getInstance()
                    : document.path(half).path("statement").path("events");
            if (!events.isEmpty()) {
                lines.add("the " + half + "'s gateway counted " + events);
            }
        }
        return lines;
    }

    /** Into a folder that exists, as {@code sojourn certificate verify} wants them: the certificate, and whose keys are which. */
    void write(Path folder) throws IOException {
        if (document == null) {
            return;
        }
        Files.writeString(
                folder.resolve(file), Certificate.parse(document.toString()).fileText());
        StringBuilder lines = new StringBuilder();
        new TreeMap<>(keys)
                .forEach((gateway, key) ->
                        lines.append(gateway).append(' ').append(key).append('\n'));
        Files.writeString(folder.resolve(KEYS_FILE), lines);
    }

    private static JsonNode whole(RestClient rest, String migration) {
        String path = "/v1/migrations/" + migration + "/certificate";
        JsonNode document = rest.get(path);
        for (int i = 0; i < TRIES && !document.path("missing").isEmpty(); i++) {
            LockSupport.parkNanos(POLL_NS);
            document = rest.get(path);
        }
        return document;
    }

    private static Map<String, PublicSigningKey> keys(RestClient rest) {
        Map<String, PublicSigningKey> keys = new TreeMap<>();
        for (JsonNode item : rest.get("/v1/signing-keys").path("items")) {
            keys.put(
                    item.path("gateway").asString(),
                    new PublicSigningKey(item.path("key").asString()));
        }
        return keys;
    }
}

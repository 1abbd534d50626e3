// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.certificate.Certificate;
import io.sojourn.certificate.CertificateException;
import io.sojourn.certificate.PublicSigningKey;
import io.sojourn.certificate.Verification;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * A move's certificate, checked as anybody could check it, with the keys that the controller knew.
 *
 * @param verified both halves genuine and in agreement
 * @param problems why not
 * @param facts what was found right
 * @param document the certificate itself; null if there is none
 */
public record Certified(
        boolean verified,
        List<String> problems,
        List<String> facts,
        @Nullable JsonNode document) {
    static final Certified NONE = new Certified(false, List.of(), List.of(), null);
    /** Halves follow the end of a move; five seconds, should the controller not have asked for them. */
    private static final int TRIES = 60;

    private static final long POLL_NS = 100_000_000;

    /** @param faults gets a line if it does not verify */
    static Certified of(RestClient rest, String migration, List<String> faults) {
        if (migration.isEmpty()) {
            return NONE;
        }
        try {
            JsonNode document = whole(rest, migration);
            Certificate certificate = Certificate.parse(document.toString());
            Verification verification = Verification.of(certificate, keys(rest));
            verification.problems().forEach(problem -> faults.add("certificate: " + problem));
            return new Certified(verification.isVerified(), verification.problems(), verification.facts(), document);
        } catch (LabException | CertificateException e) {
            faults.add("certificate: " + e.getMessage());
            return new Certified(false, List.of(String.valueOf(e.getMessage())), List.of(), null);
        }
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

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.certificate.Certificate;
import io.sojourn.certificate.CertificateException;
import io.sojourn.certificate.PublicSigningKey;
import io.sojourn.certificate.SignedStatement;
import io.sojourn.certificate.Statement;
import io.sojourn.registry.Kind;
import io.sojourn.registry.Write;
import io.sojourn.rpc.MigrationReport;
import io.sojourn.rpc.SignedHalf;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What gateways signed about moves, kept as it came. A half is taken only from the gateway that it speaks for, about a move that the
 * gateway had that part in, and if its signature holds with the key that is known of it.
 */
final class Certificates {
    private static final Logger log = LoggerFactory.getLogger(Certificates.class);

    private final Realm realm;
    private final SigningKeys keys;
    private final Detections detections;

    Certificates(Realm realm, SigningKeys keys, Detections detections) {
        this.realm = realm;
        this.keys = keys;
        this.detections = detections;
    }

    /** A report that carries a half. What is wrong with it is noted in the VM's history. */
    void take(String gateway, MigrationReport report) {
        Optional<MoveDocument> move = realm.move(report.getMigration());
        if (move.isEmpty()) {
            log.warn(
                    "gateway {} signed a half about a move that nobody here knows: {}", gateway, report.getMigration());
            return;
        }
        Resource.Migration shown = move.get().shown();
        try {
            SignedStatement half = half(report.getHalf());
            check(gateway, shown, half);
            String key = key(shown.id(), half.statement().role());
            realm.store().commit(List.of(Write.put(Kind.CERTIFICATE, key, Json.write(half.json()))));
            log.info("move {}: {} has signed its half of the certificate", shown.id(), gateway);
        } catch (CertificateException e) {
            detections.notice(
                    gateway,
                    shown.vm(),
                    "a half of the certificate of " + shown.id() + " was refused: " + e.getMessage());
        }
    }

    private static SignedStatement half(SignedHalf half) {
        return new SignedStatement(
                Statement.parse(half.getStatement()), new PublicSigningKey(half.getKey()), half.getSignature());
    }

    private void check(String gateway, Resource.Migration move, SignedStatement half) {
        Statement statement = half.statement();
        boolean isSource = statement.role() == Statement.Role.SOURCE;
        if (!statement.gateway().equals(gateway)
                || !gateway.equals(isSource ? move.fromGateway() : move.toGateway())
                || !statement.subject().migration().equals(move.id())
                || !statement.subject().vm().equals(move.vm())
                || statement.subject().epoch() != move.epoch()) {
            throw new CertificateException("it is not what this gateway can say");
        }
        if (!keys.of(gateway).equals(Optional.of(half.key()))) {
            throw new CertificateException("it is signed with another key than the one that is known of the gateway");
        }
        if (!half.isGenuine()) {
            throw new CertificateException("its signature does not hold");
        }
    }

    private static String key(String migration, Statement.Role role) {
        return migration + "/" + role.name().toLowerCase(Locale.ROOT);
    }

    /** @throws RefusalException while the move is under way, or if there is none of that name */
    Certificate of(String name) {
        MoveDocument move = realm.findMove(name);
        String id = move.shown().id();
        if (!move.state().isFinal()) {
            throw new RefusalException(
                    409,
                    "not-finished",
                    "migration '" + name + "' is " + move.shown().state()
                            + ": its certificate is made when it has ended");
        }
        return new Certificate(id, stored(id, Statement.Role.SOURCE), stored(id, Statement.Role.DESTINATION));
    }

    private Optional<SignedStatement> stored(String id, Statement.Role role) {
        return realm.store().get(Kind.CERTIFICATE, key(id, role)).map(entry -> SignedStatement.parse(entry.value()));
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.certificate.CanonicalJson;
import io.sojourn.certificate.SignedStatement;
import io.sojourn.certificate.SigningKey;
import io.sojourn.rpc.MigrationReport;
import io.sojourn.rpc.SignedHalf;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Signs what this gateway counted in a move and has it brought to the controller, and writes down what was captured. Any thread but the forwarder's. */
final class Notary {
    private static final Logger LOG = LoggerFactory.getLogger(Notary.class);

    private final SigningKey key;
    private final String gateway;
    private final Consumer<MigrationReport.Builder> reports;
    private final Captures captures;

    /** @param reports brings each until the controller has acknowledged it */
    Notary(SigningKey key, String gateway, Consumer<MigrationReport.Builder> reports, Captures captures) {
        this.key = key;
        this.gateway = gateway;
        this.reports = reports;
        this.captures = captures;
    }

    void certify(Accounts.Closed closed) {
        closed.captured().ifPresent(captures::write);
        closed.statement().ifPresent(statement -> {
            SignedStatement half = key.sign(statement);
            LOG.info(
                    "VM {}: {}'s half of the certificate of {} is signed: {}, {} frames sent, {} received",
                    closed.vm(),
                    statement.role(),
                    closed.migration(),
                    statement.outcome(),
                    statement.sent(),
                    statement.received());
            reports.accept(MigrationReport.newBuilder()
                    .setMigration(closed.migration().toString())
                    .setVm(closed.vm())
                    .setEpoch(closed.epoch())
                    .setGateway(gateway)
                    .setRole(closed.role())
                    .setHalf(SignedHalf.newBuilder()
                            .setStatement(CanonicalJson.write(statement.json()))
                            .setKey(half.key().hex())
                            .setSignature(half.signature())));
        });
    }
}

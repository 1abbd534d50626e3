// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.rpc.CertifiedName;
import io.sojourn.rpc.PemFile;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Date;
import java.util.List;
import javax.security.auth.x500.X500Principal;
import org.bouncycastle.asn1.x509.BasicConstraints;
import org.bouncycastle.asn1.x509.ExtendedKeyUsage;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.GeneralName;
import org.bouncycastle.asn1.x509.GeneralNames;
import org.bouncycastle.asn1.x509.KeyPurposeId;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.CertIOException;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.operator.OperatorCreationException;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;

/**
 * The controller's own certificate authority: {@code ca.key} and {@code ca.crt} in its state-dir, made at the first start. It signs
 * for two purposes, which no certificate has both of (RFC 5280, 4.2.1.12): gateways are TLS clients, the controller is a TLS server.
 * So no gateway can pose as the controller.
 */
final class CertificateAuthority {
    private static final String ALGORITHM = "SHA256withECDSA";
    private static final Duration OWN_LIFE = Duration.ofDays(20 * 365);
    /** Clocks of gateways may be behind. */
    private static final Duration BEFORE = Duration.ofHours(1);

    private static final int SERIAL_BITS = 127;

    private final PrivateKey key;
    private final X509Certificate certificate;
    private final Clock clock;
    private final SecureRandom random = new SecureRandom();

    private CertificateAuthority(PrivateKey key, X509Certificate certificate, Clock clock) {
        this.key = key;
        this.certificate = certificate;
        this.clock = clock;
    }

    /** @throws ConfigException with one line if the files are there and are not ours */
    static CertificateAuthority open(Path stateDir, Clock clock) {
        Path keyFile = stateDir.resolve("ca.key");
        Path certificateFile = stateDir.resolve("ca.crt");
        try {
            if (!Files.exists(keyFile)) {
                KeyPair made = PemFile.newKey();
                PemFile.writeCertificates(certificateFile, ownCertificate(made, clock));
                PemFile.writeKey(keyFile, made.getPrivate());
            }
            PrivateKey key = PemFile.readKey(keyFile);
            X509Certificate certificate =
                    PemFile.readCertificates(certificateFile).getFirst();
            return new CertificateAuthority(key, certificate, clock);
        } catch (IOException e) {
            throw new ConfigException(
                    "cannot read or make " + keyFile + " and ca.crt (" + e.getMessage()
                            + "): restore both from a backup of state-dir, or remove both and enrol every gateway anew",
                    e);
        }
    }

    private static X509Certificate ownCertificate(KeyPair pair, Clock clock) {
        Instant now = clock.instant();
        X500Principal name = new X500Principal("CN=Sojourn controller CA");
        JcaX509v3CertificateBuilder builder = new JcaX509v3CertificateBuilder(
                name,
                BigInteger.ONE,
                Date.from(now.minus(BEFORE)),
                Date.from(now.plus(OWN_LIFE)),
                name,
                pair.getPublic());
        try {
            builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(0));
            builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.keyCertSign | KeyUsage.cRLSign));
        } catch (CertIOException e) {
            throw new IllegalStateException(e);
        }
        return signed(builder, pair.getPrivate());
    }

    X509Certificate certificate() {
        return certificate;
    }

    X509Certificate forGateway(CertifiedName name, PublicKey publicKey, Duration life) {
        return issue(
                "CN=" + name.gateway(),
                publicKey,
                life,
                KeyPurposeId.id_kp_clientAuth,
                List.of(new GeneralName(GeneralName.uniformResourceIdentifier, name.uri())));
    }

    /** @param names DNS names and addresses by which operators reach the REST API */
    X509Certificate forServer(PublicKey publicKey, Collection<String> names, Duration life) {
        List<GeneralName> all = new ArrayList<>();
        all.add(new GeneralName(GeneralName.dNSName, CertifiedName.CONTROLLER));
        for (String name : names) {
            all.add(new GeneralName(isAddress(name) ? GeneralName.iPAddress : GeneralName.dNSName, name));
        }
        return issue("CN=" + CertifiedName.CONTROLLER, publicKey, life, KeyPurposeId.id_kp_serverAuth, all);
    }

    static boolean isAddress(String name) {
        return name.contains(":") || name.matches("\\d+(\\.\\d+){3}");
    }

    private X509Certificate issue(
            String subject, PublicKey publicKey, Duration life, KeyPurposeId purpose, List<GeneralName> names) {
        Instant now = clock.instant();
        JcaX509v3CertificateBuilder builder = new JcaX509v3CertificateBuilder(
                certificate.getSubjectX500Principal(),
                new BigInteger(SERIAL_BITS, random).add(BigInteger.TWO),
                Date.from(now.minus(BEFORE)),
                Date.from(now.plus(life)),
                new X500Principal(subject),
                publicKey);
        try {
            builder.addExtension(Extension.basicConstraints, true, new BasicConstraints(false));
            builder.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature));
            builder.addExtension(Extension.extendedKeyUsage, true, new ExtendedKeyUsage(purpose));
            builder.addExtension(
                    Extension.subjectAlternativeName, false, new GeneralNames(names.toArray(GeneralName[]::new)));
        } catch (CertIOException e) {
            throw new IllegalStateException(e);
        }
        return signed(builder, key);
    }

    private static X509Certificate signed(JcaX509v3CertificateBuilder builder, PrivateKey by) {
        try {
            return new JcaX509CertificateConverter()
                    .getCertificate(builder.build(new JcaContentSignerBuilder(ALGORITHM).build(by)));
        } catch (OperatorCreationException | GeneralSecurityException e) {
            throw new IllegalStateException("cannot sign a certificate: " + e.getMessage(), e);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.netty.handler.ssl.ClientAuth;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContext;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslProvider;
import io.grpc.util.AdvancedTlsX509KeyManager;
import io.sojourn.rpc.CertifiedName;
import io.sojourn.rpc.PemFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The controller's own key and certificate, {@code server.key} and {@code server.crt}: kept, so that a start need not sign anything;
 * renewed when a third of its life is left or when it has to name other addresses, without ending a connection.
 */
final class ServerIdentity {
    private static final Logger log = LoggerFactory.getLogger(ServerIdentity.class);
    private static final Duration LIFE = Duration.ofDays(90);
    private static final String TLS = "TLSv1.3";

    private final Path stateDir;
    private final CertificateAuthority authority;
    private final Set<String> names;
    private final Clock clock;
    private final AdvancedTlsX509KeyManager keys = new AdvancedTlsX509KeyManager();

    /** @param names addresses and DNS names by which operators reach the REST API */
    ServerIdentity(Path stateDir, CertificateAuthority authority, Set<String> names, Clock clock) {
        this.stateDir = stateDir;
        this.authority = authority;
        this.names = Set.copyOf(names);
        this.clock = clock;
        renewIfDue();
    }

    /** To be called now and then. */
    void renewIfDue() {
        Path keyFile = stateDir.resolve("server.key");
        Path certificateFile = stateDir.resolve("server.crt");
        try {
            if (!Files.exists(keyFile) || !Files.exists(certificateFile) || isDue(certificateFile)) {
                KeyPair pair = PemFile.newKey();
                X509Certificate made = authority.forServer(pair.getPublic(), names, LIFE);
                Files.deleteIfExists(certificateFile); // never one that does not belong to the key
                PemFile.writeKey(keyFile, pair.getPrivate());
                PemFile.writeCertificates(certificateFile, made, authority.certificate());
                log.info(
                        "the controller's certificate is new, until {}",
                        made.getNotAfter().toInstant());
            }
            PrivateKey key = PemFile.readKey(keyFile);
            X509Certificate[] chain = PemFile.readCertificates(certificateFile).toArray(X509Certificate[]::new);
            keys.updateIdentityCredentials(chain, key);
        } catch (IOException e) {
            throw new ConfigException(
                    "cannot read or make " + keyFile + " and server.crt (" + e.getMessage() + "): remove both", e);
        }
    }

    private boolean isDue(Path certificateFile) throws IOException {
        List<X509Certificate> chain = PemFile.readCertificates(certificateFile);
        X509Certificate certificate = chain.getFirst();
        Instant due = certificate.getNotAfter().toInstant().minus(LIFE.dividedBy(3));
        Set<String> named = new HashSet<>();
        try {
            certificate.getSubjectAlternativeNames().forEach(name -> named.add(String.valueOf(name.get(1))));
            certificate.verify(authority.certificate().getPublicKey());
        } catch (CertificateParsingException e) {
            return true;
        } catch (GeneralSecurityException e) {
            return true; // of a CA that has been replaced
        }
        named.remove(CertifiedName.CONTROLLER);
        return !clock.instant().isBefore(due) || !named.equals(names);
    }

    /** For gRPC: TLS 1.3; who shows a certificate must show one of our CA. */
    SslContext forGateways() {
        try {
            return GrpcSslContexts.configure(SslContextBuilder.forServer(keys), SslProvider.JDK)
                    .protocols(TLS)
                    .clientAuth(ClientAuth.OPTIONAL)
                    .trustManager(authority.certificate())
                    .build();
        } catch (SSLException e) {
            throw new ConfigException("TLS does not start: " + e.getMessage(), e);
        }
    }

    /** For the REST API where it is reached from other hosts. */
    SSLContext forOperators() {
        try {
            SSLContext context = SSLContext.getInstance(TLS);
            context.init(new KeyManager[] {keys}, null, null);
            return context;
        } catch (GeneralSecurityException e) {
            throw new ConfigException("TLS does not start: " + e.getMessage(), e);
        }
    }
}

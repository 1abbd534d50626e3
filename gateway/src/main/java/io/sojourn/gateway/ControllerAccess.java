// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import com.google.protobuf.ByteString;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.nio.NioEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioSocketChannel;
import io.grpc.netty.shaded.io.netty.handler.ssl.OpenSsl;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslProvider;
import io.grpc.util.AdvancedTlsX509KeyManager;
import io.sojourn.rpc.CertifiedName;
import io.sojourn.rpc.EnrolReply;
import io.sojourn.rpc.EnrolRequest;
import io.sojourn.rpc.EnrolmentGrpc;
import io.sojourn.rpc.EnrolmentToken;
import io.sojourn.rpc.PemFile;
import io.sojourn.rpc.RenewRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How this gateway and its controller know each other: TLS 1.3, both with certificates of the controller's CA. {@code tls.key} and
 * {@code tls.crt} in the state-dir; what is not there yet is got by the enrolment token, what grows old is renewed.
 *
 * <p>Thread-safe.
 */
final class ControllerAccess implements AutoCloseable {
    /** The controller has answered, and the answer is no. */
    static final class RefusedException extends GatewayException {
        private static final long serialVersionUID = 1;

        RefusedException(String message) {
            super(message);
        }
    }

    private static final Logger LOG = LoggerFactory.getLogger(ControllerAccess.class);
    /** Commands are short and seldom, and a packet may wait for one: code of the JDK's that runs so little stays interpreted. */
    private static final SslProvider PROVIDER = OpenSsl.isAvailable() ? SslProvider.OPENSSL : SslProvider.JDK;

    private static final int PATIENCE_S = 5;
    private static final int BIGGEST_TABLE_BYTES = 64 << 20;
    private static final int KEEP_ALIVE_S = 5;

    /** What TLS shows and what it believes. */
    private record Credentials(PrivateKey key, X509Certificate certificate, X509Certificate authority) {}

    private final GatewayConfig config;
    private final byte[] sealKey;
    private final CertifiedName name;
    private final Path keyFile;
    private final Path certificateFile;
    private final AdvancedTlsX509KeyManager keys = new AdvancedTlsX509KeyManager();
    private @Nullable Credentials credentials;
    private @Nullable ManagedChannel channel;
    private @Nullable EventLoopGroup loop;
    private boolean renewalFailed;

    /** @param sealKey the public one, which the controller is to tell other gateways */
    ControllerAccess(GatewayConfig config, byte[] sealKey) {
        this.config = config;
        this.sealKey = sealKey;
        name = new CertifiedName(config.site().name(), config.gateway().name());
        keyFile = config.stateDir().resolve("tls.key");
        certificateFile = config.stateDir().resolve("tls.crt");
        credentials = kept();
    }

    /** Null: to be got by the token. */
    private @Nullable Credentials kept() {
        if (!Files.exists(keyFile) || !Files.exists(certificateFile)) {
            if (config.enrolmentToken().isEmpty()) {
                throw new GatewayException("this gateway is not enrolled: get a token by 'sojourn gateway token " + name
                        + "' at the controller and put it into gateway.yaml as 'enrolment-token'");
            }
            return null;
        }
        try {
            List<X509Certificate> chain = PemFile.readCertificates(certificateFile);
            if (chain.size() != 2) {
                throw new IOException("it must hold the gateway's certificate and the CA's");
            }
            Credentials found = new Credentials(PemFile.readKey(keyFile), chain.get(0), chain.get(1));
            String wrong = wrong(found);
            if (wrong.isEmpty()) {
                return found;
            }
            if (config.enrolmentToken().isEmpty()) {
                throw new GatewayException(certificateFile + " " + wrong + ": get a token by 'sojourn gateway token "
                        + name + "' and put it into gateway.yaml as 'enrolment-token'");
            }
            LOG.warn("{} {}; enrolling anew", certificateFile, wrong);
            return null;
        } catch (IOException e) {
            throw new GatewayException(
                    "cannot read " + keyFile + " and tls.crt (" + e.getMessage()
                            + "): restore both, or remove both and enrol anew",
                    e);
        }
    }

    private String wrong(Credentials found) {
        String named =
                CertifiedName.of(found.certificate).map(CertifiedName::toString).orElse("nobody");
        if (!named.equals(name.toString())) {
            return "is for " + named + " and not for " + name;
        }
        Instant until = found.certificate.getNotAfter().toInstant();
        return Instant.now().isBefore(until) ? "" : "was valid until " + until;
    }

    synchronized boolean isEnrolled() {
        return credentials != null;
    }

    /**
     * Gets the certificate by the token, unless it is there.
     *
     * @throws RefusedException if the controller does not accept the token
     * @throws GatewayException if it cannot be reached or is another one than the token says
     */
    synchronized void enrol() {
        if (credentials != null) {
            return;
        }
        EnrolmentToken token = EnrolmentToken.parse(config.enrolmentToken().orElseThrow());
        try {
            KeyPair pair = key();
            EnrolRequest.Builder request = EnrolRequest.newBuilder()
                    .setToken(token.text())
                    .setGateway(name.gateway())
                    .setSite(name.site())
                    .setPublicKey(ByteString.copyFrom(pair.getPublic().getEncoded()))
                    .setSealKey(ByteString.copyFrom(sealKey));
            Signature proof = Signature.getInstance("SHA256withECDSA");
            proof.initSign(pair.getPrivate());
            proof.update(EnrolmentToken.proof(request.buildPartial()));
            request.setSignature(ByteString.copyFrom(proof.sign()));
            EnrolReply reply = asked(token, request.build());
            Credentials got = new Credentials(
                    pair.getPrivate(),
                    PemFile.certificate(reply.getCertificate().toByteArray()),
                    PemFile.certificate(reply.getAuthority().toByteArray()));
            if (!token.names(reply.getAuthority().toByteArray()) || !wrong(got).isEmpty()) {
                throw new RefusedException("the controller at " + config.controller()
                        + " gave a certificate that is not what was asked for: " + wrong(got));
            }
            PemFile.writeCertificates(certificateFile, got.certificate, got.authority);
            credentials = got;
            LOG.info("enrolled as {} by {}", name, token);
        } catch (IOException e) {
            throw new GatewayException("cannot write to state-dir " + config.stateDir() + ": " + e.getMessage(), e);
        } catch (GeneralSecurityException e) {
            throw new GatewayException("the controller sent what is no certificate: " + e.getMessage(), e);
        }
    }

    /** Kept before it is shown to anybody: should the answer be lost, the token is still good for this key. */
    private KeyPair key() throws IOException {
        Path publicFile = config.stateDir().resolve("tls.pub");
        if (Files.exists(keyFile) && Files.exists(publicFile)) {
            return new KeyPair(PemFile.readPublicKey(publicFile), PemFile.readKey(keyFile));
        }
        KeyPair made = PemFile.newKey();
        PemFile.writePublicKey(publicFile, made.getPublic());
        PemFile.writeKey(keyFile, made.getPrivate());
        return made;
    }

    private EnrolReply asked(EnrolmentToken token, EnrolRequest request) {
        SslContextBuilder tls = SslContextBuilder.forClient().trustManager(new PinnedAuthority(token));
        ManagedChannel once = builder(tls).build();
        try {
            return EnrolmentGrpc.newBlockingStub(once)
                    .withDeadlineAfter(PATIENCE_S, TimeUnit.SECONDS)
                    .enrol(request);
        } catch (StatusRuntimeException e) {
            Status status = e.getStatus();
            if (status.getCode() == Status.Code.PERMISSION_DENIED) {
                throw new RefusedException("the controller at " + config.controller() + " refuses to enrol " + name
                        + ": " + status.getDescription());
            }
            if (PinnedAuthority.isCause(e)) {
                throw new RefusedException(
                        "what answers at " + config.controller()
                                + " is not the controller that made this enrolment token: correct 'controller' in gateway.yaml, or get a token there");
            }
            throw new GatewayException(
                    "enrolment: controller " + config.controller() + ": " + ControllerLink.oneLine(status), e);
        } finally {
            once.shutdownNow();
        }
    }

    private NettyChannelBuilder builder(SslContextBuilder tls) {
        try {
            return NettyChannelBuilder.forAddress(
                            config.controller().address().getHostAddress(),
                            config.controller().port())
                    .sslContext(GrpcSslContexts.configure(tls, PROVIDER)
                            .protocols("TLSv1.3")
                            .build())
                    // Who, not where: the controller's certificate names it so wherever it runs.
                    .overrideAuthority(CertifiedName.CONTROLLER);
        } catch (SSLException e) {
            throw new GatewayException("TLS does not start: " + e.getMessage(), e);
        }
    }

    /** The one channel to the controller. @throws GatewayException if there is no certificate yet and none is to be had now */
    synchronized ManagedChannel channel() {
        if (channel == null) {
            enrol();
            Credentials now = credentials();
            show(now);
            EventLoopGroup hand = new NioEventLoopGroup(1, (ThreadFactory) Hands::thread);
            loop = hand;
            channel = builder(SslContextBuilder.forClient().keyManager(keys).trustManager(now.authority))
                    .keepAliveTime(KEEP_ALIVE_S, TimeUnit.SECONDS)
                    .keepAliveTimeout(KEEP_ALIVE_S, TimeUnit.SECONDS)
                    .keepAliveWithoutCalls(true)
                    .maxInboundMessageSize(BIGGEST_TABLE_BYTES)
                    .channelType(NioSocketChannel.class)
                    // A command may be what every packet waits for.
                    .eventLoopGroup(hand)
                    .build();
        }
        return channel;
    }

    private Credentials credentials() {
        Credentials now = credentials;
        if (now == null) {
            throw new IllegalStateException("not enrolled");
        }
        return now;
    }

    private void show(Credentials now) {
        keys.updateIdentityCredentials(new X509Certificate[] {now.certificate, now.authority}, now.key);
    }

    /** When a third of a certificate's life is left, it is time. */
    static boolean isDue(X509Certificate certificate, Instant now) {
        Instant from = certificate.getNotBefore().toInstant();
        Instant until = certificate.getNotAfter().toInstant();
        return !now.isBefore(until.minus(Duration.between(from, until).dividedBy(3)));
    }

    /** Gets another certificate for the same key if it is time; connections go on, the next one shows it. To be called now and then. */
    synchronized void renewIfDue() {
        Credentials now = credentials;
        ManagedChannel through = channel;
        if (now == null || through == null || !isDue(now.certificate, Instant.now())) {
            return;
        }
        try {
            EnrolReply reply = EnrolmentGrpc.newBlockingStub(through)
                    .withDeadlineAfter(PATIENCE_S, TimeUnit.SECONDS)
                    .renew(RenewRequest.getDefaultInstance());
            Credentials renewed = new Credentials(
                    now.key, PemFile.certificate(reply.getCertificate().toByteArray()), now.authority);
            PemFile.writeCertificates(certificateFile, renewed.certificate, renewed.authority);
            credentials = renewed;
            show(renewed);
            renewalFailed = false;
            LOG.info(
                    "certificate renewed, until {}",
                    renewed.certificate.getNotAfter().toInstant());
        } catch (StatusRuntimeException | IOException | GeneralSecurityException e) {
            if (!renewalFailed) {
                LOG.warn(
                        "certificate not renewed ({}); it is good until {}, trying again",
                        e.getMessage(),
                        now.certificate.getNotAfter().toInstant());
            }
            renewalFailed = true;
        }
    }

    @Override
    public synchronized void close() {
        if (channel != null) {
            channel.shutdownNow();
        }
        if (loop != null) {
            loop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
        }
    }
}

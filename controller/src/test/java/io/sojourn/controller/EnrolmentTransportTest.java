// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslContextBuilder;
import io.grpc.netty.shaded.io.netty.handler.ssl.SslProvider;
import io.grpc.stub.StreamObserver;
import io.sojourn.rpc.CertifiedName;
import io.sojourn.rpc.EnrolReply;
import io.sojourn.rpc.EnrolmentGrpc;
import io.sojourn.rpc.FromGateway;
import io.sojourn.rpc.GatewayControlGrpc;
import io.sojourn.rpc.Hello;
import io.sojourn.rpc.PemFile;
import io.sojourn.rpc.RenewRequest;
import io.sojourn.rpc.ToGateway;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.X509Certificate;
import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The controller's real door: who is let in by TLS, and what the others get. */
@Timeout(30)
class EnrolmentTransportTest {
    @TempDir
    Path dir;

    private final GatewayKeys keys = GatewayKeys.random();
    private final List<ManagedChannel> channels = new ArrayList<>();
    private ControllerProcess process;

    @BeforeEach
    void begin() {
        InetSocketAddress loopback = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
        process = ControllerProcess.start(new ControllerConfig(
                loopback, loopback, Optional.empty(), Set.of(), dir, ControllerConfig.Timeouts.DEFAULT));
    }

    @AfterEach
    void end() {
        channels.forEach(ManagedChannel::shutdownNow);
        process.close();
    }

    private NettyChannelBuilder builder() {
        return NettyChannelBuilder.forAddress("127.0.0.1", process.grpcPort());
    }

    private ManagedChannel kept(NettyChannelBuilder builder) {
        ManagedChannel channel = builder.build();
        channels.add(channel);
        return channel;
    }

    /** One that believes this controller. */
    private ManagedChannel channel(SslContextBuilder tls) throws Exception {
        X509Certificate authority =
                PemFile.readCertificates(dir.resolve("ca.crt")).getFirst();
        return kept(builder()
                .sslContext(GrpcSslContexts.configure(tls.trustManager(authority), SslProvider.JDK)
                        .build())
                .overrideAuthority(CertifiedName.CONTROLLER));
    }

    private ManagedChannel anonymous() throws Exception {
        return channel(SslContextBuilder.forClient());
    }

    private ManagedChannel showing(GatewayKeys whose, X509Certificate certificate) throws Exception {
        return channel(SslContextBuilder.forClient().keyManager(whose.pair().getPrivate(), certificate));
    }

    private HttpResponse<String> rest(String verb, String path, String body) throws Exception {
        try (HttpClient http = HttpClient.newHttpClient()) {
            return http.send(
                    HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + process.restPort() + path))
                            .method(verb, HttpRequest.BodyPublishers.ofString(body))
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
        }
    }

    private String token() throws Exception {
        HttpResponse<String> made = rest("POST", "/v1/gateway-tokens", "{\"site\":\"a\",\"gateway\":\"gw-a\"}");
        assertThat(made.statusCode()).isEqualTo(201);
        return Json.read(made.body(), Resource.GatewayToken.class).token();
    }

    private X509Certificate enrolled() throws Exception {
        EnrolReply reply = EnrolmentGrpc.newBlockingStub(anonymous()).enrol(keys.request(token(), "a", "gw-a"));
        return GatewayKeys.certificate(reply);
    }

    private static FromGateway hello(String name) {
        return FromGateway.newBuilder()
                .setHello(Hello.newBuilder()
                        .setGateway(name)
                        .setSite("a")
                        .setLocator("192.0.2.1:7400")
                        .setBootId(1))
                .build();
    }

    /** What the server sends; last, how the stream ended. */
    private static BlockingQueue<Object> answers(ManagedChannel channel, FromGateway first) {
        BlockingQueue<Object> answers = new LinkedBlockingQueue<>();
        GatewayControlGrpc.newStub(channel)
                .attach(new StreamObserver<ToGateway>() {
                    @Override
                    public void onNext(ToGateway message) {
                        answers.add(message);
                    }

                    @Override
                    public void onError(Throwable failure) {
                        answers.add(failure);
                    }

                    @Override
                    public void onCompleted() {
                        answers.add("completed");
                    }
                })
                .onNext(first);
        return answers;
    }

    private static Object answer(ManagedChannel channel, FromGateway first) throws Exception {
        Object answer = answers(channel, first).poll(10, TimeUnit.SECONDS);
        return answer == null ? "nothing" : answer;
    }

    private static void assertWelcome(Object answer) {
        assertThat(answer).isInstanceOf(ToGateway.class);
        assertThat(((ToGateway) answer).getWelcome().getSignalKey().size()).isEqualTo(32);
    }

    @Test
    void anEnrolledGatewayIsWelcomedAlsoByTheNextControllerOnTheSameState() throws Exception {
        X509Certificate certificate = enrolled();
        assertWelcome(answer(showing(keys, certificate), hello("gw-a")));
        assertThat(answer(showing(keys, certificate), hello("GW A")).toString())
                .contains("INVALID_ARGUMENT", "gateway name");
        assertThat(answer(showing(keys, certificate), FromGateway.getDefaultInstance())
                        .toString())
                .contains("must be a Hello");
        assertThat(rest("GET", "/v1/gateways", "").body()).contains("\"certifiedUntil\":\"20");

        end();
        begin();
        assertWelcome(answer(showing(keys, certificate), hello("gw-a")));
        EnrolReply renewed =
                EnrolmentGrpc.newBlockingStub(showing(keys, certificate)).renew(RenewRequest.getDefaultInstance());
        assertWelcome(answer(showing(keys, GatewayKeys.certificate(renewed)), hello("gw-a")));
    }

    @Test
    void aPlainClientGetsNothing() throws Exception {
        assertThat(answer(kept(builder().usePlaintext()), hello("gw-a")).toString())
                .contains("UNAVAILABLE");
        assertThat(rest("GET", "/v1/gateways", "").body()).doesNotContain("gw-a");
    }

    @Test
    void aClientWithoutACertificateIsToldToEnrol() throws Exception {
        assertThat(answer(anonymous(), hello("gw-a")).toString())
                .contains("UNAUTHENTICATED", "it has no certificate of this controller: enrol it");
        assertThat(rest("GET", "/metrics", "").body())
                .contains("sojourn_audit_events_total{event=\"attach-refused-no-certificate\"} 1.0");
    }

    @Test
    void aCertificateOfAnotherAuthorityDoesNotGetThroughTls() throws Exception {
        Path elsewhere = Files.createDirectory(dir.resolve("elsewhere"));
        X509Certificate forged = CertificateAuthority.open(elsewhere, Clock.systemUTC())
                .forGateway(new CertifiedName("a", "gw-a"), keys.pair().getPublic(), Duration.ofDays(1));
        assertThat(answer(showing(keys, forged), hello("gw-a"))).isInstanceOf(StatusRuntimeException.class);
        assertThat(rest("GET", "/v1/gateways", "").body()).doesNotContain("gw-a");
    }

    @Test
    void aGatewayThatIsRevokedLosesItsStreamAtOnce() throws Exception {
        X509Certificate certificate = enrolled();
        BlockingQueue<Object> answers = answers(showing(keys, certificate), hello("gw-a"));
        assertWelcome(answers.poll(10, TimeUnit.SECONDS));

        assertThat(rest("DELETE", "/v1/gateways/gw-a/enrolment", "").statusCode())
                .isEqualTo(204);
        Object last = answers.poll(10, TimeUnit.SECONDS);
        while (last instanceof ToGateway) {
            last = answers.poll(10, TimeUnit.SECONDS);
        }
        assertThat(String.valueOf(last)).contains("UNAUTHENTICATED", "the enrolment of gateway gw-a was revoked");
        assertThat(answer(showing(keys, certificate), hello("gw-a")).toString())
                .contains("its enrolment was revoked or replaced");
    }
}

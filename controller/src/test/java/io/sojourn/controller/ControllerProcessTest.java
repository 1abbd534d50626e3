// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import io.sojourn.rpc.FromGateway;
import io.sojourn.rpc.GatewayControlGrpc;
import io.sojourn.rpc.Hello;
import io.sojourn.rpc.ToGateway;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(30)
class ControllerProcessTest {
    @TempDir
    Path dir;

    private static InetSocketAddress loopback(int port) {
        return new InetSocketAddress(InetAddress.getLoopbackAddress(), port);
    }

    private ControllerConfig config(int rest, int grpc) {
        return new ControllerConfig(
                loopback(rest), loopback(grpc), "t", Optional.empty(), dir, ControllerConfig.Timeouts.DEFAULT);
    }

    private String failure(ControllerConfig config) {
        ByteArrayOutputStream err = new ByteArrayOutputStream();
        int status = ControllerProcess.run(config, System.out, new PrintStream(err, true, StandardCharsets.UTF_8));
        assertThat(status).isEqualTo(1);
        return err.toString(StandardCharsets.UTF_8);
    }

    @Test
    void aTakenPortIsOneLine() throws Exception {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            assertThat(failure(config(taken.getLocalPort(), 0)))
                    .contains("cannot listen on", "'rest' in controller.yaml")
                    .hasLineCount(1);
            assertThat(failure(config(0, taken.getLocalPort())))
                    .contains("'grpc' in controller.yaml")
                    .hasLineCount(1);
        }
    }

    @Test
    void aSecondControllerOnTheSameStateIsOneLine() {
        try (ControllerProcess first = ControllerProcess.start(config(0, 0))) {
            assertThat(failure(config(0, 0)))
                    .contains("in use by another controller")
                    .hasLineCount(1);
        }
    }

    /** One message that the server sends, or how the stream ended. */
    private static Object answer(int port, FromGateway first) throws Exception {
        ManagedChannel channel =
                NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext().build();
        BlockingQueue<Object> answers = new LinkedBlockingQueue<>();
        try {
            StreamObserver<FromGateway> out = GatewayControlGrpc.newStub(channel)
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
                    });
            out.onNext(first);
            Object answer = answers.poll(10, TimeUnit.SECONDS);
            return answer == null ? "nothing" : answer;
        } finally {
            channel.shutdownNow();
        }
    }

    private static FromGateway hello(String token, String name) {
        return FromGateway.newBuilder()
                .setHello(Hello.newBuilder()
                        .setGateway(name)
                        .setSite("a")
                        .setLocator("192.0.2.1:7400")
                        .setToken(token)
                        .setBootId(1))
                .build();
    }

    @Test
    void gatewaysAreWelcomedOrRefusedOverTheRealTransport() throws Exception {
        try (ControllerProcess process = ControllerProcess.start(config(0, 0))) {
            Object welcome = answer(process.grpcPort(), hello("t", "gw-a"));
            assertThat(welcome).isInstanceOf(ToGateway.class);
            assertThat(((ToGateway) welcome).getWelcome().getSignalKey().size()).isEqualTo(32);
            assertThat(answer(process.grpcPort(), hello("wrong", "gw-a")).toString())
                    .contains("UNAUTHENTICATED", "wrong token");
            assertThat(answer(process.grpcPort(), hello("t", "GW A")).toString())
                    .contains("INVALID_ARGUMENT", "gateway name");
            assertThat(answer(process.grpcPort(), FromGateway.getDefaultInstance())
                            .toString())
                    .contains("must be a Hello");
        }
    }

    /** The real thing, in a process of its own. */
    public static final class Main {
        public static void main(String[] args) {
            System.exit(ControllerProcess.run(ControllerConfig.load(Path.of(args[0]))));
        }
    }

    @Test
    void theProcessSaysReadyAndEndsCleanlyOnSigterm() throws Exception {
        Path config = Files.writeString(
                dir.resolve("controller.yaml"),
                "rest: 127.0.0.1:0\ngrpc: 127.0.0.1:0\ntoken: t\nstate-dir: " + dir.resolve("state") + "\n");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Main.class.getName(),
                        config.toString())
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        try (BufferedReader out =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            String line = out.readLine();
            while (line != null && !line.startsWith("ready")) {
                line = out.readLine();
            }
            assertThat(line).matches("ready rest=127.0.0.1:\\d+ grpc=127.0.0.1:\\d+");
            assertThat(process.toHandle().destroy()).isTrue();
            assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).isIn(0, 143);
        } finally {
            process.destroyForcibly();
        }
    }
}

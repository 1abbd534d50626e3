// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import static org.assertj.core.api.Assertions.assertThat;

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
import java.util.Set;
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
                loopback(rest), loopback(grpc), Optional.empty(), Set.of(), dir, ControllerConfig.Timeouts.DEFAULT);
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
                "rest: 127.0.0.1:0\ngrpc: 127.0.0.1:0\nstate-dir: " + dir.resolve("state") + "\n");
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

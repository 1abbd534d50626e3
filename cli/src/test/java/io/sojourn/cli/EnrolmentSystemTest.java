// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.sojourn.controller.ControllerConfig;
import io.sojourn.controller.ControllerProcess;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Gateways as processes of their own, which enrol at a controller on loopback. */
@Tag("system")
class EnrolmentSystemTest {
    private static final Duration BOUND = Duration.ofSeconds(60);
    private static final String CONNECTED = "controller: connected";

    /** A gateway process and what it says. */
    private record Gateway(Process process, Path log) {
        String said() {
            try {
                return Files.readString(log);
            } catch (IOException e) {
                return "";
            }
        }

        List<String> saying(String words) {
            return said().lines().filter(line -> line.contains(words)).toList();
        }

        Gateway awaitSaying(String words, int times) {
            await(words)
                    .atMost(BOUND)
                    .failFast(() -> assertThat(process.isAlive()).as(said()).isTrue())
                    .until(() -> saying(words).size() >= times);
            return this;
        }

        /** @return all that it said */
        String awaitRefusal() throws InterruptedException {
            await("its end").atMost(BOUND).until(() -> !process.isAlive());
            assertThat(process.waitFor()).as(said()).isEqualTo(1);
            return said();
        }
    }

    @TempDir
    Path dir;

    private final List<AutoCloseable> open = new ArrayList<>();

    @AfterEach
    void end() throws Exception {
        for (AutoCloseable each : open.reversed()) {
            each.close();
        }
    }

    private ControllerProcess controller(String name, int rest, int grpc, String... more) throws IOException {
        Path yaml = Files.writeString(
                dir.resolve(name + ".yaml"), """
                rest: 127.0.0.1:%d
                grpc: 127.0.0.1:%d
                state-dir: %s
                %s
                """.formatted(rest, grpc, dir.resolve(name), String.join("\n", more)));
        ControllerProcess process = ControllerProcess.start(ControllerConfig.load(yaml));
        open.add(process);
        return process;
    }

    private static ControllerClient client(ControllerProcess controller) {
        return new ControllerClient(URI.create("http://127.0.0.1:" + controller.restPort()), null, Optional.empty());
    }

    private static String token(ControllerProcess controller, String name) {
        return client(controller)
                .post("/v1/gateway-tokens", GatewayCommand.Token.request(name, null))
                .path("token")
                .asString("");
    }

    /** Gateway gw-a of site a. @param state its state-dir @param token empty: none */
    private Gateway gateway(ControllerProcess controller, String state, String token) throws IOException {
        return gateway(controller.grpcPort(), "a", freePort(), state, token);
    }

    private static int freePort() throws IOException {
        try (DatagramSocket free = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
            return free.getLocalPort();
        }
    }

    private Gateway gateway(int controllerPort, String site, int port, String state, String token) throws IOException {
        String yaml = """
                gateway: gw-%s
                site: %s
                controller: 127.0.0.1:%d
                listen: 127.0.0.1:%d
                state-dir: %s
                accel: tcg
                rekey-after-s: 2
                """.formatted(site, site, controllerPort, port, dir.resolve(state))
                + (token.isEmpty() ? "" : "enrolment-token: " + token + "\n");
        Path file = Files.writeString(dir.resolve(state + ".yaml"), yaml);
        Path log = Files.createTempFile(dir, state, ".log");
        Process process = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:+UseSerialGC",
                        "-cp",
                        System.getProperty("java.class.path"),
                        Sojourn.class.getName(),
                        "gateway",
                        "--config",
                        file.toString())
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        open.add(() -> process.destroyForcibly().waitFor());
        return new Gateway(process, log);
    }

    private byte[] kept(String state, String file) throws IOException {
        return Files.readAllBytes(dir.resolve(state).resolve(file));
    }

    @Test
    void aGatewayEnrolsOnceKeepsItsIdentityOverRestartsOfBothSidesAndIsOutWhenRevoked() throws Exception {
        ControllerProcess controller = controller("controller", 0, 0);
        Gateway first = gateway(controller, "gw", token(controller, "a/gw-a")).awaitSaying(CONNECTED, 1);
        byte[] certificate = kept("gw", "tls.crt");
        byte[] sealKey = kept("gw", "seal.key");
        first.process().destroy();
        await().atMost(BOUND).until(() -> !first.process().isAlive());

        Gateway second = gateway(controller, "gw", "").awaitSaying(CONNECTED, 1);
        int rest = controller.restPort();
        int grpc = controller.grpcPort();
        open.remove(controller);
        controller.close();
        second.awaitSaying("controller: not connected", 1);
        ControllerProcess again = controller("controller", rest, grpc);
        second.awaitSaying(CONNECTED, 2);
        assertThat(kept("gw", "tls.crt")).isEqualTo(certificate);
        assertThat(kept("gw", "seal.key")).isEqualTo(sealKey);

        client(again).delete("/v1/gateways/gw-a/enrolment");
        second.awaitSaying("was revoked", 1);
        assertThat(second.saying("was revoked"))
                .as("tries again, but does not say so each time")
                .singleElement()
                .asString()
                .contains("not connected (UNAUTHENTICATED: ");
        second.process().destroy();
        await().atMost(BOUND).until(() -> !second.process().isAlive());
        Gateway third = gateway(again, "gw", "").awaitSaying("its enrolment was revoked or replaced", 1);
        assertThat(third.saying(CONNECTED)).isEmpty();
    }

    @Test
    void presharedKeysComeFromTheControllerAndChangeUnderASessionThatGoesOn() throws Exception {
        ControllerProcess controller = controller("controller", 0, 0, "preshared-key-s: 3");
        int grpc = controller.grpcPort();
        int portOfB = freePort();
        Gateway a = gateway(grpc, "a", freePort(), "gw-a", token(controller, "a/gw-a"));
        Gateway b = gateway(grpc, "b", portOfB, "gw-b", token(controller, "b/gw-b"));
        a.awaitSaying("gateway gw-b: sealed session, pre-shared key ", 1);
        a.awaitSaying("gateway gw-b: sealed with pre-shared key ", 2);
        b.awaitSaying("gateway gw-a: sealed with pre-shared key ", 2);
        assertThat(a.saying("gateway gw-b: sealed session"))
                .as("no session ended")
                .hasSize(1);

        open.remove(controller);
        controller.close();
        b.process().destroy();
        await().atMost(BOUND).until(() -> !b.process().isAlive());
        gateway(grpc, "b", portOfB, "gw-b", "").awaitSaying("gateway gw-a: sealed session, pre-shared key ", 1);
    }

    @Test
    void aUsedTokenAnotherControllersTokenAndNoTokenAtAllEndTheProcessWithOneLine() throws Exception {
        ControllerProcess controller = controller("controller", 0, 0);
        ControllerProcess other = controller("other", 0, 0);
        String token = token(controller, "a/gw-a");
        gateway(controller, "gw", token).awaitSaying(CONNECTED, 1);

        Gateway used = gateway(controller, "used", token);
        Gateway elsewhere = gateway(other, "elsewhere", token(controller, "a/gw-a"));
        Gateway without = gateway(controller, "without", "");
        assertThat(used.awaitRefusal().lines().toList())
                .singleElement()
                .asString()
                .contains("refuses to enrol a/gw-a: the token has been used");
        assertThat(elsewhere.awaitRefusal().lines().toList())
                .singleElement()
                .asString()
                .contains("is not the controller that made this enrolment token");
        assertThat(without.awaitRefusal().lines().toList())
                .singleElement()
                .asString()
                .contains("this gateway is not enrolled: get a token by 'sojourn gateway token a/gw-a'");
        assertThat(dir.resolve("other").resolve("audit.log"))
                .as("the other controller has not heard of the token")
                .doesNotExist();
    }
}

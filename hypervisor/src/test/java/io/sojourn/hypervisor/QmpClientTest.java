// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import static io.sojourn.hypervisor.FakeQemu.GREETING;
import static io.sojourn.hypervisor.FakeQemu.NEGOTIATED;
import static io.sojourn.hypervisor.FakeQemu.answer;
import static io.sojourn.hypervisor.FakeQemu.linger;
import static io.sojourn.hypervisor.FakeQemu.send;
import static io.sojourn.hypervisor.FakeQemu.swallow;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class QmpClientTest {
    private static final Duration PATIENCE = Duration.ofSeconds(5);
    private static final Duration SHORT = Duration.ofMillis(150);

    private final List<QmpEvent> events = new CopyOnWriteArrayList<>();
    private final List<String> ends = new CopyOnWriteArrayList<>();
    private Path socket;

    @BeforeEach
    void socket(@TempDir Path directory) {
        socket = directory.resolve("s");
    }

    private QmpClient connect() {
        return QmpClient.connect(socket, PATIENCE, events::add, ends::add);
    }

    @Test
    void anAnswerIsFoundByItsIdAndEventsComeBeforeItInOrder() throws IOException {
        try (FakeQemu qemu = new FakeQemu(
                        socket,
                        GREETING,
                        NEGOTIATED,
                        answer("{\"timestamp\": {\"seconds\": 3, \"microseconds\": 14}, \"event\": \"STOP\"}\r\n"
                                + "{\"event\": \"MIGRATION\", \"data\": {\"status\": \"active\"}, \"timestamp\": {\"seconds\": 3, \"microseconds\": 15}}\n\r\n"
                                + "{\"return\": 1, \"id\": 99}\n{\"return\": {\"status\": \"paused\"}, \"id\": %s}\n"),
                        linger());
                QmpClient client = connect()) {
            assertThat(client.greeting()
                            .path("version")
                            .path("qemu")
                            .path("major")
                            .asInt())
                    .isEqualTo(7);
            assertThat(client.execute("query-status").path("status").asString()).isEqualTo("paused");
            assertThat(events).extracting(QmpEvent::name).containsExactly("STOP", "MIGRATION");
            assertThat(events).extracting(QmpEvent::timestampUs).containsExactly(3_000_014L, 3_000_015L);
            assertThat(events.getLast().data().path("status").asString()).isEqualTo("active");
            assertThat(qemu.received().getFirst()).isEqualTo("{\"execute\":\"qmp_capabilities\",\"id\":1}");
        }
        assertThat(ends).containsExactly("closed by us");
    }

    @Test
    void argumentsAreSentAndARefusalIsTyped() throws IOException {
        try (FakeQemu qemu = new FakeQemu(
                        socket,
                        GREETING,
                        NEGOTIATED,
                        answer(
                                "{\"id\": %s, \"error\": {\"class\": \"GenericError\", \"desc\": \"no such thing\"}}\r\n"),
                        linger());
                QmpClient client = connect()) {
            assertThatExceptionOfType(QmpException.class)
                    .isThrownBy(() -> client.execute("migrate", Map.of("uri", "unix:/x")))
                    .satisfies(e -> assertThat(e.errorClass()).isEqualTo("GenericError"))
                    .withMessage("QEMU refused migrate: no such thing (GenericError)");
            assertThat(qemu.received().getLast()).contains("\"arguments\":{\"uri\":\"unix:/x\"}");
        }
    }

    @Test
    void halfLinesAndLargeAnswersArePutTogether() throws IOException {
        String large = "x".repeat(300_000);
        try (FakeQemu qemu = new FakeQemu(
                        socket,
                        send("{\"QMP\": {\"ver"),
                        send("sion\": {}}}\r"),
                        send("\n"),
                        NEGOTIATED,
                        answer("{\"return\": \"" + large + "\", \"id\": %s}\n"),
                        linger());
                QmpClient client = connect()) {
            assertThat(client.execute("query-qmp-schema").asString()).isEqualTo(large);
        }
    }

    @Test
    void anEndFailsWhatIsPendingOnceAndSaysSo() throws IOException {
        try (FakeQemu qemu = new FakeQemu(socket, GREETING, NEGOTIATED, swallow());
                QmpClient client = connect()) {
            assertThatExceptionOfType(HypervisorException.class)
                    .isThrownBy(() -> client.execute("query-status"))
                    .withMessageContaining("query-status")
                    .withMessageContaining("QEMU has closed the connection");
            Awaitility.await().until(() -> !ends.isEmpty());
            assertThat(client.connected()).isFalse();
            assertThatExceptionOfType(HypervisorException.class).isThrownBy(() -> client.execute("stop"));
            assertThat(qemu.received()).hasSize(2);
        }
        assertThat(ends).containsExactly("QEMU has closed the connection");
    }

    @Test
    void silenceEndsInATimeoutAndALateAnswerIsDropped() throws IOException {
        try (FakeQemu qemu = new FakeQemu(
                        socket,
                        GREETING,
                        NEGOTIATED,
                        swallow(),
                        answer("{\"return\": 1, \"id\": 2}\n{\"return\": 2, \"id\": %s}\n"),
                        linger());
                QmpClient client = connect()) {
            assertThatExceptionOfType(HypervisorException.class)
                    .isThrownBy(() -> client.execute("query-migrate", Map.of(), SHORT))
                    .withMessageContaining("does not answer query-migrate within 150 ms");
            assertThat(client.execute("query-status").asInt()).isEqualTo(2);
            assertThat(qemu.received()).hasSize(3);
        }
    }

    @Test
    void whatIsNotQmpIsOneClearError() throws IOException {
        try (FakeQemu qemu = new FakeQemu(socket, send("SSH-2.0-OpenSSH_9.2\r\n"), linger())) {
            assertThatExceptionOfType(HypervisorException.class)
                    .isThrownBy(this::connect)
                    .withMessage("what answers at " + socket + " does not speak QMP: 'SSH-2.0-OpenSSH_9.2?'");
            assertThat(qemu.received()).isEmpty();
        }
        assertThat(ends).isEmpty();
    }

    @Test
    void garbageInMidConversationEndsTheConnection() throws IOException {
        try (FakeQemu qemu = new FakeQemu(socket, GREETING, NEGOTIATED, answer("[1, 2\n"), linger());
                QmpClient client = connect()) {
            assertThatExceptionOfType(HypervisorException.class)
                    .isThrownBy(() -> client.execute("query-status"))
                    .withMessageContaining("does not speak QMP");
            assertThat(qemu.received()).isNotEmpty();
        }
        Awaitility.await().untilAsserted(() -> assertThat(ends).hasSize(1));
    }

    @Test
    void aMissingSocketADeafOneAndABusyOneAreToldApart() throws IOException {
        assertThatExceptionOfType(HypervisorException.class)
                .isThrownBy(this::connect)
                .withMessageContaining("is the VM's QEMU running here?");
        try (FakeQemu qemu = new FakeQemu(socket, linger())) {
            assertThatExceptionOfType(HypervisorException.class)
                    .isThrownBy(() -> QmpClient.connect(socket, SHORT, events::add, ends::add))
                    .withMessageContaining("no greeting within 150 ms");
            assertThat(qemu.received()).isEmpty();
        }
        assertThatExceptionOfType(HypervisorException.class)
                .isThrownBy(this::connect)
                .withMessageContaining("no QEMU answers at QMP socket");
        assertThat(ends).isEmpty();
    }
}

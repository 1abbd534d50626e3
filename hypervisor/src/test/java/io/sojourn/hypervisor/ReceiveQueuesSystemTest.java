// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.model.identity.MacAddress;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

/** A guest whose kernel has ended in the middle of an interrupt: it runs, and takes nothing from its NIC any more. */
@Tag("system")
class ReceiveQueuesSystemTest {
    private static final MacAddress MAC = MacAddress.parse("52:54:00:00:00:01");
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    /** More than a receive queue of virtio-net holds (256). */
    private static final int MANY = 400;

    private final String namespace = "t-rx-" + ProcessHandle.current().pid();
    private Path directory;
    private QemuLauncher launcher;

    @BeforeEach
    void network() throws IOException {
        directory = MoveRig.directory();
        launcher = new QemuLauncher(directory);
        run("ip netns add " + namespace);
        ip("tuntap add mode tap name t0");
        ip("address add 10.10.1.1/24 dev t0");
        ip("neighbour replace 10.10.1.10 lladdr " + MAC + " dev t0 nud permanent");
        ip("link set t0 up");
    }

    @AfterEach
    void remove() throws IOException {
        launcher.running().forEach(LaunchedGuest::destroy);
        run("ip netns delete " + namespace);
        MoveRig.remove(directory);
    }

    @Test
    void whatQemuReadAndTheGuestNeverGotIsKnown() throws IOException {
        Path console = directory.resolve("console");
        LaunchedGuest process = launcher.launch(
                template(), "vm", TestGuest.parameters(console, "net unknown_nmi_panic panic=0"), PATIENCE);
        try (QemuGuest guest = QemuGuest.attach(process.qmpSocket(), PATIENCE, event -> {})) {
            TestGuest.awaitUp(console);
            guest.qmp().execute("inject-nmi");
            Awaitility.await()
                    .atMost(PATIENCE)
                    .until(() -> TestGuest.text(console).contains("Kernel panic"));
            ReceiveQueues queues = guest.receiveQueues();

            assertThat(queues.nics()).containsExactly(MAC);
            long before = read() - given(queues); // what came before the guest had a driver
            send(10);
            Awaitility.await().atMost(PATIENCE).until(() -> given(queues) >= 10);
            guest.stop();
            assertThat(state(queues).full()).isFalse();
            assertThat(read()).isEqualTo(before + given(queues));
            guest.cont();

            send(MANY);
            Awaitility.await().atMost(PATIENCE).until(() -> read() > before + given(queues));
            assertThat(state(queues).full()).isTrue();
            assertThat(read()).isEqualTo(before + given(queues) + 1); // it waits for room
            guest.stop();
            Awaitility.await()
                    .atMost(PATIENCE)
                    .until(() -> read() == before + given(queues) + 2); // QEMU has thrown it away and read one more
        }
    }

    private LaunchTemplate template() {
        List<String> command = new ArrayList<>(List.of("ip", "netns", "exec", namespace));
        for (String word : TestGuest.TEMPLATE.command()) {
            command.add(word.startsWith("user,id=n0") ? "tap,id=n0,ifname=t0,script=no,downscript=no" : word);
        }
        return new LaunchTemplate("tap", command);
    }

    /** Frames that QEMU has read from the tap. */
    private long read() throws IOException {
        String links = ip("-s -j link show t0");
        return JsonMapper.shared()
                .readTree(links)
                .path(0)
                .path("stats64")
                .path("tx")
                .path("packets")
                .asLong();
    }

    /** Frames in the guest's memory. */
    private static long given(ReceiveQueues queues) {
        return state(queues).used();
    }

    private static ReceiveQueues.State state(ReceiveQueues queues) {
        return Objects.requireNonNull(queues.states().get(MAC));
    }

    private void send(int datagrams) throws IOException {
        run(
                "ip netns exec " + namespace + " bash -c",
                "for i in {1.." + datagrams + "}; do echo x > /dev/udp/10.10.1.10/9; done");
    }

    private String ip(String arguments) throws IOException {
        return run("ip -n " + namespace + " " + arguments);
    }

    private static String run(String command, String... last) throws IOException {
        List<String> words = new ArrayList<>(List.of(command.split(" ")));
        words.addAll(List.of(last));
        Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        try {
            assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException(e);
        }
        assertThat(process.exitValue()).as("%s: %s", words, output).isZero();
        return output;
    }
}

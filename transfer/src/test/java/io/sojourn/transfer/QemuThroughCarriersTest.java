// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Two real QEMUs (firmware only, TCG) and both carriers in this process, 5 ms apart: the stream is parked, the guest runs on, then it is
 * stopped and the carrier lets go.
 */
@Tag("system")
@Timeout(120)
class QemuThroughCarriersTest {
    private static final long MS = 1_000_000L;

    @TempDir
    Path directory;

    /** One QMP conversation: a command, and its reply line; events are skipped. */
    private static final class Qmp implements AutoCloseable {
        private final SocketChannel channel;
        private final BufferedReader lines;

        Qmp(Path socket) throws IOException {
            channel = connected(socket);
            lines = new BufferedReader(new InputStreamReader(Channels.newInputStream(channel), StandardCharsets.UTF_8));
            lines.readLine();
            execute("{\"execute\":\"qmp_capabilities\"}");
        }

        /** QEMU's socket is there a moment before QEMU listens. */
        private static SocketChannel connected(Path socket) throws IOException {
            long deadline = System.nanoTime() + 20_000 * MS;
            while (true) {
                try {
                    return SocketChannel.open(UnixDomainSocketAddress.of(socket));
                } catch (IOException e) {
                    if (System.nanoTime() > deadline) {
                        throw e;
                    }
                    LockSupport.parkNanos(10 * MS);
                }
            }
        }

        String execute(String command) throws IOException {
            channel.write(ByteBuffer.wrap((command + "\n").getBytes(StandardCharsets.UTF_8)));
            String line = lines.readLine();
            while (line != null && line.contains("\"event\"")) {
                line = lines.readLine();
            }
            assertThat(line).isNotNull().doesNotContain("\"error\"");
            return line;
        }

        boolean await(String command, String wanted) throws IOException {
            long deadline = System.nanoTime() + 30_000 * MS;
            while (System.nanoTime() < deadline) {
                if (execute(command).contains(wanted)) {
                    return true;
                }
                LockSupport.parkNanos(MS);
            }
            return false;
        }

        @Override
        public void close() throws IOException {
            channel.close();
        }
    }

    private Process qemu(String name, String... more) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(
                "qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-m", "256", "-nodefaults", "-display", "none");
        builder.command().add("-qmp");
        builder.command().add("unix:" + directory.resolve(name + ".qmp") + ",server=on,wait=off");
        builder.command().addAll(java.util.List.of(more));
        return builder.redirectErrorStream(true)
                .redirectOutput(directory.resolve(name + ".log").toFile())
                .start();
    }

    @Test
    void aVirtualMachineMovesAndTheMomentIsOurs() throws Exception {
        RecordedEvents atSource = new RecordedEvents();
        RecordedEvents atDestination = new RecordedEvents();
        TestForwarder near = new TestForwarder(0);
        TestForwarder far = new TestForwarder(0);
        StreamToken token = StreamToken.random();
        StreamParameters parameters = StreamParameters.defaults().withCapBytesPerS(100_000_000);
        SourceCarrier source = SourceCarrier.listen(
                token, directory.resolve("out.sock"), new byte[0], parameters, atSource, near::wake);
        DestinationCarrier destination =
                DestinationCarrier.connectTo(token, directory.resolve("in.sock"), parameters, atDestination, far::wake);
        Process from = qemu("source");
        Process to = qemu("destination", "-S", "-incoming", "unix:" + directory.resolve("in.sock"));
        try (Qmp atFrom = new Qmp(directory.resolve("source.qmp"));
                Qmp atTo = new Qmp(directory.resolve("destination.qmp"))) {
            TestForwarder.join(near, source, far, destination);
            atFrom.execute("{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"max-bandwidth\":0}}");
            source.park();
            atFrom.execute(
                    "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"unix:" + directory.resolve("out.sock") + "\"}}");
            assertThat(atSource.connected.await(10, TimeUnit.SECONDS)).isTrue();
            source.allow(1_000_000);
            assertThat(atFrom.await("{\"execute\":\"query-migrate\"}", "\"status\": \"active\""))
                    .isTrue();
            source.park();
            assertThat(atSource.drained.tryAcquire(5, TimeUnit.SECONDS)).isTrue();
            // Parked: QEMU stands in its write, and the guest runs.
            assertThat(atFrom.execute("{\"execute\":\"query-status\"}")).contains("\"running\": true");
            long stopping = System.nanoTime();
            atFrom.execute("{\"execute\":\"stop\"}");
            long stopped = System.nanoTime();
            source.expedite();
            assertThat(atDestination.finished.get(20, TimeUnit.SECONDS)).isPositive();
            assertThat(atTo.await("{\"execute\":\"query-status\"}", "\"status\": \"paused\""))
                    .isTrue();
            long arrived = System.nanoTime();
            atTo.execute("{\"execute\":\"cont\"}");
            assertThat(atTo.await("{\"execute\":\"query-status\"}", "\"running\": true"))
                    .isTrue();
            System.out.printf(
                    "stop answered in %.2f ms; stopped to arrived %.1f ms; %s%n",
                    (stopped - stopping) / 1e6, (arrived - stopped) / 1e6, source.stats());
            assertThat(atFrom.await("{\"execute\":\"query-migrate\"}", "\"status\": \"completed\""))
                    .isTrue();
            assertThat(atSource.finished.get(5, TimeUnit.SECONDS)).isEqualTo(destination.bytesWritten());
        } finally {
            from.destroyForcibly();
            to.destroyForcibly();
            near.end();
            far.end();
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import io.sojourn.model.identity.MacAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.databind.JsonNode;

/**
 * A guest under QEMU, over its QMP socket. What QEMU can do is asked by QMP, never concluded from its version.
 *
 * <p>How a migration is set up, and why (QEMU 7.2, migration/migration.c and migration/ram.c):
 *
 * <ul>
 *   <li>{@code events} on: MIGRATION and MIGRATION_PASS tell states and pass ends at once; {@code xbzrle} on: a page that is sent again goes as what has changed in it, mostly a few hundred bytes, so that
 *       little is left at the pause. Its cache is small: an unchanged page is written as nothing, so with all pages in it QEMU ran through whole passes of a guest that
 *       rewrites the same contents without ever blocking, and finished by itself (9 moves of 12 on a busy host). What is more than the cache holds goes in full, and can be made to wait; all other capabilities off: the stream must be one socket that
 *       the carrier can park (no multifd, no post-copy), the guest must not be slowed (no auto-converge).
 *   <li>{@code switchover-ack} on where there is one (QEMU 8.1): QEMU then does not finish a running guest by itself, however little is left, before the destination has agreed; of one
 *       that has been stopped it asks nothing (migration_can_switchover). The destination is not asked to agree, so the stop is the only way, and ours.
 *       It needs {@code return-path}, on which nobody has anything to say: the carrier writes its last message, MIG_RP_MSG_SHUT without an error, at the beginning ({@link #streamGreeting}),
 *       and what the destination writes there goes no further than its carrier.
 *   <li>{@code max-bandwidth} {@value #UNLIMITED_BYTES_PER_S} B/s: the carrier shapes by back-pressure. QEMU's own limiter works in windows of 100 ms.
 *   <li>{@code downtime-limit} {@value #DOWNTIME_LIMIT_MS} ms: QEMU ends the copy by itself when what remains is below (bandwidth of the last 100 ms) x
 *       (this limit), and looks at the dirty bitmap again only below that threshold. With 0 it would never look again and complete with the whole dirty set unsent;
 *       1 is the smallest value with a second pass.
 * </ul>
 */
public final class QemuGuest implements Guest {
    private static final Set<String> WANTED = Set.of("events", "xbzrle");
    private static final String SWITCHOVER_ACK = "switchover-ack";
    private static final Set<String> WANTED_OF_SOURCE = Set.of("events", "xbzrle", "return-path", SWITCHOVER_ACK);
    /** u16 type, MIG_RP_MSG_SHUT | u16 length | u32 error (migration/migration.c). */
    private static final byte[] SHUT = {0, 1, 0, 4, 0, 0, 0, 0};
    /** Of pages whose changes alone are sent: room for what an idle guest writes between two looks. A power of two (QEMU's rule). */
    static final long DELTA_CACHE_BYTES = 16L << 20;

    static final int DOWNTIME_LIMIT_MS = 1;
    /** 1 TB/s; far from overflow when QEMU divides and multiplies it. */
    static final long UNLIMITED_BYTES_PER_S = 1_000_000_000_000L;

    private static final Duration PROGRESS_PATIENCE = Duration.ofSeconds(2);
    /** {@code net0: index=0,type=tap,ifname=t0,script=no,...}, the HMP line of a back end. */
    private static final Pattern TAP =
            Pattern.compile("(?:^|[\\s\\\\])(\\S+): index=\\d+,type=tap,(?:ifname=([^,\\s]+))?");
    /** {@code virtio-net-pci.0: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:00:00:01}. */
    private static final Pattern NIC = Pattern.compile("(?m)^(\\S+): index=\\d+,type=nic,.*macaddr=([0-9a-fA-F:]{17})");

    private final QmpClient qmp;
    private final Listener listener;

    private QemuGuest(QmpClient qmp, Listener listener) {
        this.qmp = qmp;
        this.listener = listener;
    }

    /**
     * Attaches to the QMP socket at {@code qmpSocket}; QEMU serves one client at a time, a second one waits until {@code patience} is over. Events go to
     * {@code events} in order, on the reading thread; the last is {@link GuestEvent.Disconnected}.
     */
    public static QemuGuest attach(Path qmpSocket, Duration patience, Consumer<? super GuestEvent> events) {
        return attach(qmpSocket, patience, Thread.ofPlatform().daemon().factory(), events);
    }

    /** As {@link #attach(Path, Duration, Consumer)}, with the reading thread from {@code readers}: a platform thread that runs when an event comes. */
    public static QemuGuest attach(
            Path qmpSocket, Duration patience, ThreadFactory readers, Consumer<? super GuestEvent> events) {
        Listener listener = new Listener(events);
        return new QemuGuest(QmpClient.connect(qmpSocket, patience, readers, listener::event, listener::end), listener);
    }

    /** Its threads as of now; none, if it is not on this host or in a container. */
    public QemuThreads threads() {
        List<Integer> processors = new ArrayList<>();
        for (JsonNode cpu : qmp.execute("query-cpus-fast")) {
            processors.add(cpu.path("thread-id").asInt(0));
        }
        return QemuThreads.of(processors);
    }

    /** Finds the receive queues of its NICs, to ask them when it has been stopped. */
    public ReceiveQueues receiveQueues() {
        return ReceiveQueues.of(qmp);
    }

    /** The connection below, for commands that only QEMU knows. */
    public QmpClient qmp() {
        return qmp;
    }

    @Override
    public GuestState status() {
        try {
            return GuestState.ofRunState(
                    qmp.execute("query-status").path("status").asString(""));
        } catch (QmpException e) {
            throw e;
        } catch (HypervisorException e) {
            if (qmp.connected()) {
                throw e;
            }
            return GuestState.GONE;
        }
    }

    @Override
    public void stop() {
        qmp.execute("stop");
    }

    @Override
    public void cont() {
        qmp.execute("cont");
    }

    @Override
    public void quit(Duration patience) {
        try {
            qmp.execute("quit", Map.of(), patience);
        } catch (HypervisorException e) {
            if (qmp.connected()) { // otherwise it has gone before it could answer
                throw e;
            }
        }
        if (!qmp.awaitEnd(patience)) {
            throw new HypervisorException(
                    "QEMU at " + qmp.path() + " is asked to quit but still there after " + patience.toMillis() + " ms");
        }
    }

    @Override
    public List<GuestNic> nics() {
        return parseNics(monitor("info network"));
    }

    /** Each NIC line is followed by the lines of its peers, indented after {@code " \ "}. */
    static List<GuestNic> parseNics(String infoNetwork) {
        List<GuestNic> nics = new ArrayList<>();
        for (String block : infoNetwork.split("(?m)^(?=\\S)")) {
            Matcher nic = NIC.matcher(block);
            if (nic.find()) {
                Matcher tap = TAP.matcher(block);
                Optional<String> ifname = tap.find() ? Optional.ofNullable(tap.group(2)) : Optional.empty();
                nics.add(new GuestNic(nic.group(1), MacAddress.parse(nic.group(2)), ifname));
            }
        }
        return List.copyOf(nics);
    }

    private String monitor(String line) {
        return qmp.execute("human-monitor-command", Map.of("command-line", line))
                .asString("");
    }

    @Override
    public String version() {
        JsonNode version = qmp.greeting().path("version").path("qemu");
        return "QEMU " + version.path("major").asInt(0) + "."
                + version.path("minor").asInt(0) + "."
                + version.path("micro").asInt(0);
    }

    @Override
    public String cpuModel() {
        JsonNode cpu = qmp.execute("query-cpus-fast").path(0);
        JsonNode type =
                qmp.execute("qom-get", Map.of("path", cpu.path("qom-path").asString(""), "property", "type"));
        return type.asString("").replaceFirst("-(x86_64|i386|aarch64|arm|s390x|riscv64)-cpu$", "");
    }

    @Override
    public long ramBytes() {
        JsonNode summary = qmp.execute("query-memory-size-summary");
        return summary.path("base-memory").asLong(0)
                + summary.path("plugged-memory").asLong(0);
    }

    /**
     * TCG before QEMU 9.0 loses guest writes while it migrates: {@code cpu_physical_memory_sync_dirty_bitmap} takes the dirty bits 64 at a time and forgets to tell
     * TCG's TLB, so stores go on unseen until the guest happens to flush it ("physmem: Fix migration dirty bitmap coherency with TCG memory access", N. Piggin, 2024; not in Debian 12's
     * 7.2.22). Measured: one idle guest in twenty moves came out corrupt. The other branch of that function, taken if the memory is no multiple of
     * 64 pages, is right: 80 moves of 80. {@link TcgMemory} gives such a size.
     */
    @Override
    public Optional<String> hazard() {
        boolean kvm = qmp.execute("query-kvm").path("enabled").asBoolean(false);
        int major = qmp.greeting().path("version").path("qemu").path("major").asInt(0);
        long bytes = ramBytes();
        return kvm || major >= TcgMemory.FIXED_IN_QEMU_MAJOR || !TcgMemory.losesWrites(bytes)
                ? Optional.empty()
                : Optional.of(version()
                        + " without KVM loses guest writes in a migration if the guest's memory is a multiple of 256 KiB, and it is "
                        + (bytes >> 20) + " MiB; start it with -m " + TcgMemory.sizeFor((int) (bytes >> 20), "tcg")
                        + " (both sides), with KVM, or with QEMU 9.0");
    }

    @Override
    public byte[] streamGreeting() {
        return waitsForStop(capabilities()) ? SHUT.clone() : new byte[0];
    }

    @Override
    public void startMigration(Path unixSocket) {
        Map<String, Boolean> capabilities = capabilities();
        setCapabilities(capabilities, waitsForStop(capabilities) ? WANTED_OF_SOURCE : WANTED);
        Map<String, Object> parameters = new LinkedHashMap<>();
        parameters.put("max-bandwidth", UNLIMITED_BYTES_PER_S);
        parameters.put("downtime-limit", DOWNTIME_LIMIT_MS);
        parameters.put("xbzrle-cache-size", DELTA_CACHE_BYTES);
        qmp.execute("migrate-set-parameters", parameters);
        qmp.execute("migrate", Map.of("uri", "unix:" + unixSocket));
    }

    private static boolean waitsForStop(Map<String, Boolean> capabilities) {
        return capabilities.containsKey(SWITCHOVER_ACK);
    }

    /** Those that there are, and whether they are on. */
    private Map<String, Boolean> capabilities() {
        Map<String, Boolean> capabilities = new LinkedHashMap<>();
        for (JsonNode capability : qmp.execute("query-migrate-capabilities")) {
            capabilities.put(
                    capability.path("capability").asString(""),
                    capability.path("state").asBoolean(false));
        }
        return capabilities;
    }

    /** All others off; only what differs is touched, as some of the capabilities cannot be named in every build. */
    private void setCapabilities(Map<String, Boolean> capabilities, Set<String> wanted) {
        List<Map<String, Object>> changes = new ArrayList<>();
        capabilities.forEach((name, on) -> {
            if (on != wanted.contains(name)) {
                changes.add(Map.of("capability", name, "state", wanted.contains(name)));
            }
        });
        if (!changes.isEmpty()) {
            qmp.execute("migrate-set-capabilities", Map.of("capabilities", changes));
        }
    }

    @Override
    public MigrationProgress progress() {
        JsonNode answer = qmp.execute("query-migrate", Map.of(), PROGRESS_PATIENCE);
        JsonNode ram = answer.path("ram");
        return new MigrationProgress(
                System.nanoTime(),
                MigrationPhase.of(answer.path("status").asString("none")),
                ram.path("total").asLong(0),
                ram.path("remaining").asLong(0),
                ram.path("transferred").asLong(0),
                ram.path("dirty-sync-count").asInt(0),
                ram.path("dirty-pages-rate").asLong(0),
                ram.path("page-size").asInt(4096),
                ram.path("duplicate").asLong(0),
                ram.path("normal").asLong(0),
                answer.path("downtime").asLong(answer.path("expected-downtime").asLong(0)),
                answer.path("total-time").asLong(0),
                Optional.ofNullable(answer.get("error-desc")).map(text -> text.asString("")));
    }

    @Override
    public void cancelMigration(Duration patience) {
        long deadline = System.nanoTime() + patience.toNanos();
        MigrationPhase phase = progress().phase();
        if (!phase.ended()) {
            qmp.execute("migrate_cancel", Map.of(), patience);
        }
        while (!(phase = progress().phase()).ended()) {
            if (System.nanoTime() > deadline) {
                throw new HypervisorException("QEMU at " + qmp.path() + " is still " + phase + " " + patience.toMillis()
                        + " ms after migrate_cancel");
            }
            LockSupport.parkNanos(2_000_000);
        }
    }

    @Override
    public void listenForMigration(Path unixSocket) {
        setCapabilities(capabilities(), WANTED);
        qmp.execute("migrate-incoming", Map.of("uri", "unix:" + unixSocket));
    }

    @Override
    public boolean attached() {
        return qmp.connected();
    }

    @Override
    public void close() {
        qmp.close();
    }

    @Override
    public String toString() {
        return "QemuGuest[" + qmp.path() + (listener.ended ? ", gone]" : "]");
    }

    /** Turns QMP's events into ours; runs on the reading thread. */
    private static final class Listener {
        private final Consumer<? super GuestEvent> events;
        private volatile boolean ended;

        Listener(Consumer<? super GuestEvent> events) {
            this.events = events;
        }

        void event(QmpEvent event) {
            long atUs = event.timestampUs();
            long receivedNs = event.receivedNs();
            JsonNode data = event.data();
            switch (event.name()) {
                case "STOP" -> events.accept(new GuestEvent.Stopped(atUs, receivedNs));
                case "RESUME" -> events.accept(new GuestEvent.Resumed(atUs, receivedNs));
                case "MIGRATION" ->
                    events.accept(new GuestEvent.MigrationStatus(
                            MigrationPhase.of(data.path("status").asString("")), atUs, receivedNs));
                case "MIGRATION_PASS" ->
                    events.accept(new GuestEvent.MigrationPass(data.path("pass").asInt(0), atUs, receivedNs));
                case "SHUTDOWN" ->
                    events.accept(new GuestEvent.ShutDown(data.path("reason").asString("unknown"), receivedNs));
                default -> {} // RTC_CHANGE, NIC_RX_FILTER_CHANGED and the like are nothing to a move
            }
        }

        void end(String reason) {
            ended = true;
            events.accept(new GuestEvent.Disconnected(reason, System.nanoTime()));
        }
    }
}

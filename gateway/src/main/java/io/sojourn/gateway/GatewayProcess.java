// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.handoff.JournalRecord;
import io.sojourn.handoff.MigrationId;
import io.sojourn.hypervisor.AccelerationProbe;
import io.sojourn.hypervisor.GuestEvent;
import io.sojourn.hypervisor.GuestState;
import io.sojourn.hypervisor.ProbeResult;
import io.sojourn.hypervisor.QemuLauncher;
import io.sojourn.linux.SyscallException;
import io.sojourn.linux.Threads;
import io.sojourn.model.binding.Binding;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.identity.VmId;
import io.sojourn.rpc.Command;
import io.sojourn.rpc.FromGateway;
import io.sojourn.rpc.Heartbeat;
import io.sojourn.rpc.Hello;
import io.sojourn.rpc.Mat;
import io.sojourn.rpc.MigrationReport;
import io.sojourn.rpc.NetworkLocators;
import io.sojourn.rpc.PathReport;
import io.sojourn.rpc.Sighting;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.rpc.UplinkPage;
import io.sojourn.rpc.Vm;
import io.sojourn.rpc.Welcome;
import io.sojourn.transfer.StreamRehearsal;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The process at a site: puts the forwarder, the guests and the link to the controller together and keeps them up. */
public final class GatewayProcess implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(GatewayProcess.class);
    private static final int NICER_THAN_GUESTS = 10;
    /** How often the file is looked at for changes: each look wakes a processor that has nothing to do. */
    private static final long LOOK_MS = 500;
    /** Enough for the compiler to see the whole of a memory stream's code. */
    private static final long REHEARSED_BYTES = 48L << 20;

    /**
     * A busy host gets there late, or not at all in this time; an idle one much sooner. In four seconds, three gateways that start on two processors at once had compiled 110 of the 250 methods of the
     * packet path, and the others were compiled while a guest moved.
     */
    private static final long REHEARSAL_NS = TimeUnit.SECONDS.toNanos(15);

    private static final long SHORT_REHEARSAL_NS = TimeUnit.MILLISECONDS.toNanos(300);
    /**
     * With the scheduler's autogroups (sched(7)) niceness counts only within a session, and each guest has its own: the
     * session as a whole goes before others, or the compilers of every Java process here would have a guest's share each.
     * The guest itself is as nice as anybody, whatever its parent is: ours, or what real-time threads' children get instead (SCHED_RESET_ON_FORK).
     */
    private static final String FAVOUR_SESSION =
            "[ -w /proc/self/autogroup ] && echo -10 >/proc/self/autogroup; renice 0 -p $$ >/dev/null; exec \"$@\"";

    private static final Duration PROBE_PATIENCE = Duration.ofSeconds(20);

    private final GatewayConfig config;
    private final Identity identity;
    private final Forwarder forwarder;
    private final HostedGuests guests;
    private final Commands commands;
    private final ControllerAccess access;
    private final ControllerLink link;
    private final Uplinks uplinks;
    private volatile List<String> locatorsDown = List.of();
    private final Notary notary;
    private final Journal journal;
    private final HostFactsReader host;
    private final long bootId = new SecureRandom().nextLong() >>> 1;
    private final List<JournalRecord> unfinished = new ArrayList<>();
    /** The migrations that the last process left to this one. */
    private final List<String> takenUp;

    private final ScheduledExecutorService housekeeping = ReadyThread.named("housekeeping");
    private final ScheduledExecutorService questions = ReadyThread.named("claims");
    private final ExecutorService writing = ReadyThread.named("table-file");
    private final TableFile tableFile;
    private final EventLog eventLog;
    private volatile long tableVersion;
    private volatile @Nullable GatewayException refusal;

    private GatewayProcess(GatewayConfig config) {
        this.config = config;
        try {
            Files.createDirectories(config.stateDir());
        } catch (IOException e) {
            throw new GatewayException("cannot make state-dir " + config.stateDir() + ": " + e.getMessage(), e);
        }
        tableFile = new TableFile(config.stateDir().resolve("table"));
        eventLog = new EventLog(
                config.stateDir().resolve("events"), config.gateway().name(), writing);
        journal = Journal.open(config.stateDir().resolve("handoffs.journal"), unfinished);
        takenUp = unfinished.stream()
                .map(entry -> entry.plan().migration().toString())
                .toList();
        QemuLauncher launcher = new QemuLauncher(config.stateDir().resolve("qemu"), goBeforeGuests());
        guests = new HostedGuests(new GuestFiles(config.stateDir()), launcher);
        clearAway();
        String acceleration = acceleration();
        host = new HostFactsReader(config, acceleration);
        identity = Identity.of(config.stateDir());
        access = new ControllerAccess(config, identity.sealKey().publicKey().bytes());
        forwarder = new Forwarder(
                config,
                identity.sealKey(),
                new Handoffs.Surroundings() {
                    @Override
                    public void report(MigrationReport.Builder report) {
                        link().report(report);
                    }

                    @Override
                    public void journal(JournalRecord entry) {
                        journal.write(entry);
                    }

                    @Override
                    public void followed(Binding binding) {
                        writing.execute(() -> tableFile.followed(binding)); // not between two packets
                    }

                    @Override
                    public EventLog.Story story(Handoff handoff) {
                        return eventLog.begin(handoff);
                    }

                    @Override
                    public void closed(Accounts.Closed account) {
                        questions.execute(() -> notary().certify(account));
                    }
                },
                new Elsewhere());
        guests.watchedBy(this::guestSaid);
        forwarder.handoffs().signals().numberFrom(SignalNumbers.first(config.stateDir()));
        link = new ControllerLink(access, WallClock.nowUs(), this::hello, new ControllerLink.Listener() {
            @Override
            public void welcomed(Welcome welcome) {
                byte[] key = welcome.getSignalKey().toByteArray();
                forwarder.post(() -> forwarder.key(key));
            }

            @Override
            public void table(TableUpdate update) {
                GatewayProcess.this.table(update);
            }

            @Override
            public void command(Command command) {
                commands().run(command);
            }

            @Override
            public void mat(Mat message) {
                forwarder.post(() -> forwarder.bypasses().heard(message));
            }
        });
        uplinks = new Uplinks(config.uplinks(), this::uplinksChanged);
        ControllerLink toServer = link;
        forwarder
                .bypasses()
                .ims(message ->
                        toServer.send(FromGateway.newBuilder().setMat(message).build()));
        notary = new Notary(
                identity.signKey(),
                config.gateway().name(),
                link::report,
                new Captures(
                        config.stateDir().resolve("captures"), config.gateway().name()));
        commands = new Commands(config, forwarder, guests, launcher, acceleration, link::reply, link::report, notary);
    }

    /** What a gateway that was killed left behind, of moves that nobody takes up. */
    private void clearAway() {
        guests.clearAway(unfinished.stream()
                .filter(entry -> entry.role() == JournalRecord.Role.DESTINATION)
                .map(entry -> entry.plan().vm().name())
                .collect(Collectors.toSet()));
        // Carriers do not outlive their gateway; QEMU's end of the socket notices by itself.
        Path sockets = config.stateDir().resolve("run");
        try {
            if (Files.isDirectory(sockets)) {
                try (DirectoryStream<Path> all = Files.newDirectoryStream(sockets)) {
                    for (Path socket : all) {
                        Files.deleteIfExists(socket);
                    }
                }
            }
        } catch (IOException e) {
            LOG.warn("cannot clear {}: {}", sockets, e.getMessage());
        }
    }

    /**
     * All threads that this one makes from now on go before guests: what a hypervisor says at the moment of a move must not wait for a
     * guest to give up the processor. Returns what puts the guests that we launch back where they were.
     */
    private static List<String> goBeforeGuests() {
        try {
            Threads.setNiceness(-NICER_THAN_GUESTS);
            return List.of("sh", "-c", FAVOUR_SESSION, "sh");
        } catch (SyscallException e) {
            LOG.info("the gateway runs at the same priority as its guests: {}", e.getMessage());
            return List.of();
        }
    }

    private ControllerLink link() {
        return link;
    }

    private Notary notary() {
        return notary;
    }

    private Commands commands() {
        return commands;
    }

    /** What claims need of the guests and of the controller. */
    private final class Elsewhere implements Claims.Surroundings {
        @Override
        public void stateOf(VmId vm, Consumer<Optional<GuestState>> answer) {
            questions.execute(() -> answer.accept(guests.state(vm)));
        }

        @Override
        public GuestSide remains(MigrationId migration, VmId vm) {
            return new Recovery.Found(migration, vm, forwarder, guests, true);
        }

        @Override
        public void sighted(VmId vm, String how) {
            LOG.warn("VM {}: {}", vm, how);
            link.send(FromGateway.newBuilder()
                    .setSighting(
                            Sighting.newBuilder().setVm(vm.name()).setHow(how).setAtUs(WallClock.nowUs()))
                    .build());
        }
    }

    /** Runs until SIGTERM or SIGINT; 0 after an orderly end. */
    public static int run(Path configFile) {
        GatewayProcess process = start(GatewayConfigReader.read(configFile));
        process.watch(configFile);
        CountDownLatch end = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            process.close();
            end.countDown();
        }));
        try {
            end.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return 0;
    }

    /** Everything is up when this returns, except perhaps the controller, which is awaited in the background. */
    public static GatewayProcess start(GatewayConfig config) {
        GatewayProcess process = new GatewayProcess(config);
        Optional<Thread> enrolling = process.enrol();
        Optional<TableUpdate> lastKnown = process.tableFile.read();
        // Whoever is waited for, by packets or by a move, is back soon rather than fast.
        boolean isWaitedFor = lastKnown.isPresent() || !process.unfinished.isEmpty();
        WarmUp.run(
                !config.page().isNone(),
                isWaitedFor ? SHORT_REHEARSAL_NS : REHEARSAL_NS,
                () -> process.refusal != null);
        process.throwRefusal();
        StreamRehearsal.run(config.stateDir(), REHEARSED_BYTES);
        process.forwarder.offloads(OffloadSelfTest.run(config.transport().offloads()));
        enrolling.ifPresent(process::awaitEnrolment);
        HostCiphers.sayWhatIsMissing();
        // What the rehearsal left is swept now, and what stays becomes old: a collection among packets finds little to
        // copy.
        System.gc();
        process.forwarder.start();
        lastKnown.ifPresent(process::known);
        process.link.start();
        process.uplinks.start();
        process.housekeeping.scheduleWithFixedDelay(process::keepHouse, 1, 1, TimeUnit.SECONDS);
        process.questions.scheduleWithFixedDelay(process.access::renewIfDue, 1, 60, TimeUnit.MINUTES);
        System.out.println("ready gateway=" + config.gateway() + " site=" + config.site() + " udp=" + config.listen());
        System.out.flush();
        return process;
    }

    /** What of the file may change while the gateway runs takes effect within a second: which offloads are used. */
    private void watch(Path configFile) {
        AtomicReference<GatewayConfig.Offloads> known =
                new AtomicReference<>(config.transport().offloads());
        long[] writtenMs = {configFile.toFile().lastModified()};
        housekeeping.scheduleWithFixedDelay(
                () -> {
                    long ms = configFile.toFile().lastModified();
                    if (ms == writtenMs[0] || ms == 0) {
                        return;
                    }
                    writtenMs[0] = ms;
                    try {
                        GatewayConfig.Offloads now =
                                GatewayConfigReader.read(configFile).transport().offloads();
                        if (!now.equals(known.getAndSet(now))) {
                            forwarder.post(() -> forwarder.offloads(now));
                        }
                    } catch (GatewayException e) {
                        LOG.warn("{}; the gateway goes on as it was", e.getMessage());
                    }
                },
                LOOK_MS,
                LOOK_MS,
                TimeUnit.MILLISECONDS);
    }

    /** Beside the warm-up: the controller may be far away. */
    private Optional<Thread> enrol() {
        if (access.isEnrolled()) {
            return Optional.empty();
        }
        return Optional.of(Thread.ofPlatform().name("enrolment").daemon().start(() -> {
            try {
                access.enrol();
            } catch (ControllerAccess.RefusedException e) {
                refusal = e;
            } catch (GatewayException e) {
                LOG.warn("{}; trying again", e.getMessage());
            }
        }));
    }

    /** A gateway that its controller does not want has nothing to do; one that does not reach it goes on trying. */
    private void awaitEnrolment(Thread enrolling) {
        try {
            enrolling.join();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        throwRefusal();
    }

    private void throwRefusal() {
        GatewayException refused = refusal;
        if (refused != null) {
            throw refused;
        }
    }

    private String acceleration() {
        if (!config.acceleration().equals("auto")) {
            return config.acceleration();
        }
        if (config.probeKernel().isEmpty()) {
            LOG.info("acceleration: tcg (no probe-kernel to find out whether KVM works; set accel or probe-kernel)");
            return "tcg";
        }
        ProbeResult result = new AccelerationProbe("qemu-system-x86_64", config.stateDir())
                .probe(Path.of(config.probeKernel()), PROBE_PATIENCE);
        LOG.info("acceleration: {} ({})", result.acceleration(), result.reason());
        return result.acceleration();
    }

    /** Correspondents are told by the forwarder, at once; names follow. */
    private void uplinksChanged(boolean[] up) {
        List<IpPrefix> down = new ArrayList<>();
        for (int i = 0; i < up.length; i++) {
            if (!up[i]) {
                down.addAll(config.uplinks().get(i).locators());
            }
        }
        forwarder.post(() -> forwarder.bypasses().uplinks(up, down));
        locatorsDown = down.stream().map(IpPrefix::toString).toList();
        housekeeping.execute(this::keepHouse);
    }

    private Hello hello() {
        Hello.Builder hello = Hello.newBuilder()
                .setGateway(config.gateway().name())
                .setSite(config.site().name())
                .setLocator(config.advertise().toString())
                .setSoftware("0.1.0")
                .setAppliedVersion(tableVersion)
                .setHost(host.read())
                .setBootId(bootId)
                .setSealKey(
                        config.transport().sealed()
                                ? identity.sealKey().publicKey().toString()
                                : "")
                .setSigningKey(identity.signKey().publicKey().hex())
                .addAllHosted(guests.list());
        config.page().v4().ifPresent(prefix -> hello.setPage4(prefix.toString()));
        config.page().v6().ifPresent(prefix -> hello.setPage6(prefix.toString()));
        config.egress().snat().forEach(prefix -> hello.addSnat(prefix.toString()));
        config.egress().floating().forEach(prefix -> hello.addFloating(prefix.toString()));
        config.pages().stream()
                .skip(1)
                .forEach(page -> hello.addOtherPages(UplinkPage.newBuilder()
                        .setV4(page.v4().map(IpPrefix::toString).orElse(""))
                        .setV6(page.v6().map(IpPrefix::toString).orElse(""))));
        config.attachments().forEach(a -> {
            hello.addNetworks(a.network());
            if (a.segmentVni() != 0) {
                hello.putSegments(a.network(), a.segmentVni());
            }
            if (!a.locators().isEmpty()) {
                NetworkLocators.Builder locators = NetworkLocators.newBuilder().setNetwork(a.network());
                a.locators().forEach(locator -> locators.addPrefixes(locator.toString()));
                a.border().ifPresent(border -> locators.setBorder(border.name()));
                hello.addLocators(locators);
            }
            if (!a.routed().isEmpty()) {
                NetworkLocators.Builder routed = NetworkLocators.newBuilder().setNetwork(a.network());
                a.routed().forEach(prefix -> routed.addPrefixes(prefix.toString()));
                hello.addRouted(routed);
            }
        });
        hello.addAllUnfinished(takenUp);
        return hello.build();
    }

    /** Outside of moves it matters whether a guest runs to those who talk to it. */
    private void guestSaid(VmId vm, GuestEvent event) {
        switch (event) {
            case GuestEvent.Stopped s ->
                forwarder.post(() -> forwarder.bypasses().guestRuns(vm, false));
            case GuestEvent.Resumed r ->
                forwarder.post(() -> forwarder.bypasses().guestRuns(vm, true));
            case GuestEvent.MigrationStatus m -> {}
            case GuestEvent.MigrationPass p -> {}
            case GuestEvent.Disconnected d -> {}
            case GuestEvent.ShutDown d -> {}
        }
    }

    /** By what the last process knew, until the controller says more. */
    private void known(TableUpdate saved) {
        forwarder.post(() -> forwarder.table(saved));
        for (Vm vm : saved.getVmsList()) {
            if (vm.getGateway().equals(config.gateway().name())) {
                guests.want(new VmId(vm.getName()), vm.getQmp());
            }
        }
        LOG.info(
                "forwarding by the table of the last run, {} VMs, until the controller tells another",
                saved.getVmsCount());
    }

    private void table(TableUpdate update) {
        writing.execute(() -> tableFile.told(update));
        forwarder.post(() -> {
            forwarder.table(update);
            tableVersion = update.getVersion();
            link.applied(update.getVersion());
            List<JournalRecord> recover = List.copyOf(unfinished);
            unfinished.clear();
            recover.forEach(r -> Recovery.begin(r, forwarder, guests));
        });
        for (Vm vm : update.getVmsList()) {
            VmId id = new VmId(vm.getName());
            if (vm.getGateway().equals(config.gateway().name())) {
                guests.want(id, vm.getQmp());
            } else {
                guests.unwant(id);
            }
        }
        update.getRemovedVmsList().forEach(name -> guests.unwant(new VmId(name)));
    }

    private void keepHouse() {
        try {
            guests.attachWanted();
            PathReport paths = forwarder.ask(() -> {
                PathReport.Builder report = PathReport.newBuilder();
                for (Peer peer : forwarder.table().peers()) {
                    report.addPaths(io.sojourn.rpc.Path.newBuilder()
                            .setGateway(peer.id.name())
                            .setReachable(forwarder.prober().isReachable(peer))
                            .setRttUs(peer.rttNs / 1_000)
                            .setClockOffsetUs(peer.clockOffsetUs)
                            .setMtu(peer.underlayMtuBytes));
                }
                return report.build();
            });
            link.send(FromGateway.newBuilder().setPaths(paths).build());
            link.send(FromGateway.newBuilder()
                    .setHeartbeat(Heartbeat.newBuilder()
                            .setAtUs(WallClock.nowUs())
                            .setHost(host.read())
                            .addAllHosted(guests.list())
                            .putAllCounters(forwarder.counters().snapshot())
                            .addAllLocatorsDown(locatorsDown))
                    .build());
        } catch (RuntimeException e) {
            LOG.warn("housekeeping goes on after: {}", e.toString());
        }
    }

    @Override
    public void close() {
        housekeeping.shutdownNow();
        uplinks.close();
        link.close();
        forwarder.stop();
        guests.detachAll();
        journal.close();
    }
}

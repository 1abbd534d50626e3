// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import static org.awaitility.Awaitility.await;

import io.grpc.ManagedChannel;
import io.grpc.inprocess.InProcessChannelBuilder;
import io.grpc.stub.StreamObserver;
import io.sojourn.rpc.Applied;
import io.sojourn.rpc.ClockEcho;
import io.sojourn.rpc.Command;
import io.sojourn.rpc.FromGateway;
import io.sojourn.rpc.GatewayControlGrpc;
import io.sojourn.rpc.Hello;
import io.sojourn.rpc.HostFacts;
import io.sojourn.rpc.HostedVm;
import io.sojourn.rpc.MigrationReport;
import io.sojourn.rpc.Path;
import io.sojourn.rpc.PathReport;
import io.sojourn.rpc.Phase;
import io.sojourn.rpc.Reply;
import io.sojourn.rpc.Role;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.rpc.TimelineEntry;
import io.sojourn.rpc.ToGateway;
import io.sojourn.rpc.Welcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/** A gateway that says yes to everything unless told otherwise, and reports what a test tells it to. */
final class FakeGateway implements AutoCloseable {
    final String name;
    final String site;
    final List<Command> commands = new CopyOnWriteArrayList<>();
    final List<TableUpdate> tables = new CopyOnWriteArrayList<>();
    final List<Long> acks = new CopyOnWriteArrayList<>();
    final Map<Command.CommandCase, String> refusals = new ConcurrentHashMap<>();
    final Set<Command.CommandCase> silent = ConcurrentHashMap.newKeySet();
    final Set<String> armed = ConcurrentHashMap.newKeySet();
    final AtomicLong sequence = new AtomicLong();
    volatile @Nullable Welcome welcome;
    volatile @Nullable Throwable ended;
    private final ManagedChannel channel;
    private final Hello hello;
    private final StreamObserver<FromGateway> out;

    /** What a test may change of the Hello. */
    interface Change {
        void on(Hello.Builder hello);
    }

    FakeGateway(String server, String name, String site, Change change) {
        this.name = name;
        this.site = site;
        Hello.Builder builder = Hello.newBuilder()
                .setGateway(name)
                .setSite(site)
                .setLocator("192.0.2." + (1 + Math.abs(name.hashCode() % 200)) + ":7400")
                .setSoftware("fake")
                .addNetworks("blue")
                .setBootId(7)
                .setHost(HostFacts.newBuilder()
                        .setCanLaunch(true)
                        .setAcceleration("tcg")
                        .setMemoryFreeBytes(4L << 30));
        change.on(builder);
        hello = builder.build();
        channel = InProcessChannelBuilder.forName(server).directExecutor().build();
        out = GatewayControlGrpc.newStub(channel).attach(new Incoming());
        send(FromGateway.newBuilder().setHello(hello).build());
    }

    FakeGateway(String server, String name, String site) {
        this(server, name, site, h -> {});
    }

    synchronized void send(FromGateway message) {
        out.onNext(message);
    }

    private final class Incoming implements StreamObserver<ToGateway> {
        @Override
        public void onNext(ToGateway message) {
            switch (message.getMessageCase()) {
                case WELCOME -> welcome = message.getWelcome();
                case TABLE -> {
                    tables.add(message.getTable());
                    send(FromGateway.newBuilder()
                            .setApplied(Applied.newBuilder()
                                    .setVersion(message.getTable().getVersion()))
                            .build());
                }
                case COMMAND -> take(message.getCommand());
                case REPORT_ACK -> acks.add(message.getReportAck().getSequence());
                case CLOCK ->
                    send(FromGateway.newBuilder()
                            .setClock(ClockEcho.newBuilder()
                                    .setSentUs(message.getClock().getSentUs())
                                    .setAtUs(message.getClock().getSentUs() + 5_000_000))
                            .build());
                case MESSAGE_NOT_SET -> {}
            }
        }

        private void take(Command command) {
            commands.add(command);
            Command.CommandCase kind = command.getCommandCase();
            if (silent.contains(kind)) {
                return;
            }
            String refusal = refusals.getOrDefault(kind, "");
            Reply.Builder reply = Reply.newBuilder()
                    .setCommandId(command.getId())
                    .setOk(refusal.isEmpty())
                    .setError(refusal);
            if (kind == Command.CommandCase.ARM_DESTINATION) {
                reply.setStreamToken("cafe").setQmp("/run/incoming-" + name + ".qmp");
            }
            send(FromGateway.newBuilder().setReply(reply).build());
            if (refusal.isEmpty()) {
                follow(command);
            }
        }

        /** As the real one: what was armed and is to be undone is reported. */
        private void follow(Command command) {
            switch (command.getCommandCase()) {
                case ARM_SOURCE -> armed.add(command.getArmSource().getMigration());
                case ARM_DESTINATION -> armed.add(command.getArmDestination().getMigration());
                case ARM_CORRESPONDENT ->
                    armed.add(command.getArmCorrespondent().getMigration());
                case ABORT -> {
                    if (armed.remove(command.getAbort().getMigration())) {
                        tell(report(command.getAbort().getMigration(), Phase.ABORTED)
                                .setError(command.getAbort().getReason()));
                    }
                }
                default -> {}
            }
        }

        @Override
        public void onError(Throwable failure) {
            ended = failure;
        }

        @Override
        public void onCompleted() {
            ended = new IllegalStateException("completed");
        }
    }

    FakeGateway reaches(String... others) {
        PathReport.Builder report = PathReport.newBuilder();
        for (String other : others) {
            report.addPaths(Path.newBuilder()
                    .setGateway(other)
                    .setReachable(true)
                    .setRttUs(20_000)
                    .setMtu(1500));
        }
        send(FromGateway.newBuilder().setPaths(report).build());
        return this;
    }

    /** The next report of this gateway. */
    MigrationReport.Builder report(String migration, Phase phase) {
        return MigrationReport.newBuilder()
                .setSequence(sequence.incrementAndGet())
                .setMigration(migration)
                .setVm("web1")
                .setRole(Role.SOURCE)
                .setGateway(name)
                .setPhase(phase);
    }

    void tell(MigrationReport.Builder report) {
        send(FromGateway.newBuilder().setMigration(report).build());
    }

    void tell(String migration, Phase phase) {
        tell(report(migration, phase));
    }

    static TimelineEntry at(long us, String event) {
        return TimelineEntry.newBuilder().setAtUs(us).setEvent(event).build();
    }

    static HostedVm hosted(String vm, String state) {
        return HostedVm.newBuilder().setVm(vm).setState(state).build();
    }

    Command awaitCommand(Command.CommandCase kind) {
        return await("command " + kind + " at " + name)
                .atMost(Duration.ofSeconds(5))
                .pollInterval(Duration.ofMillis(5))
                .until(() -> find(kind), Optional::isPresent)
                .orElseThrow();
    }

    Optional<Command> find(Command.CommandCase kind) {
        return commands.stream().filter(c -> c.getCommandCase() == kind).findFirst();
    }

    void awaitAck(long wanted) {
        await("ack " + wanted + " at " + name).atMost(Duration.ofSeconds(5)).until(() -> acks.contains(wanted));
    }

    /** Where the table that this gateway holds says the VM is. */
    String whereIs(String vm) {
        String where = "nowhere";
        for (TableUpdate update : new ArrayList<>(tables)) {
            if (update.getWhole() || update.getRemovedVmsList().contains(vm)) {
                where = "nowhere";
            }
            where = update.getVmsList().stream()
                    .filter(v -> v.getName().equals(vm))
                    .map(v -> v.getGateway() + " e" + v.getEpoch())
                    .findFirst()
                    .orElse(where);
        }
        return where;
    }

    FakeGateway awaitWelcome() {
        await("welcome of " + name).atMost(Duration.ofSeconds(5)).until(() -> welcome != null && !tables.isEmpty());
        return this;
    }

    void awaitEnd() {
        await("end of the stream of " + name).atMost(Duration.ofSeconds(5)).until(() -> ended != null);
    }

    /** Gone without a word. */
    @Override
    public void close() {
        channel.shutdownNow();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.handoff.CorrespondentHandoff;
import io.sojourn.handoff.DestinationHandoff;
import io.sojourn.handoff.HandoffAction;
import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.HandoffPlan;
import io.sojourn.handoff.MigrationId;
import io.sojourn.handoff.Ordering;
import io.sojourn.handoff.SourceHandoff;
import io.sojourn.handoff.Step;
import io.sojourn.handoff.Timing;
import io.sojourn.hypervisor.GuestState;
import io.sojourn.hypervisor.LaunchTemplate;
import io.sojourn.hypervisor.LaunchedGuest;
import io.sojourn.hypervisor.MigrationPilot;
import io.sojourn.hypervisor.QemuLauncher;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.MacAddress;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.rpc.ArmCorrespondent;
import io.sojourn.rpc.ArmDestination;
import io.sojourn.rpc.ArmSource;
import io.sojourn.rpc.Command;
import io.sojourn.rpc.Flows;
import io.sojourn.rpc.Limits;
import io.sojourn.rpc.MigrationReport;
import io.sojourn.rpc.Reply;
import io.sojourn.rpc.Vm;
import io.sojourn.transfer.StreamFormat;
import io.sojourn.transfer.StreamParameters;
import io.sojourn.transfer.StreamToken;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Carries out what the controller commands. Each command runs on a thread of its own and is answered with one {@link Reply}. */
final class Commands {
    private static final Logger LOG = LoggerFactory.getLogger(Commands.class);
    private static final Duration LAUNCH_PATIENCE = Duration.ofSeconds(20);
    private static final int MAX_PASSES = 30;
    private static final int FLOWS_MOST = 10_000;

    private final GatewayConfig config;
    private final Forwarder forwarder;
    private final HostedGuests guests;
    private final QemuLauncher launcher;
    private final String acceleration;
    private final Consumer<Reply> replies;
    private final Consumer<MigrationReport.Builder> reports;
    private final Notary notary;
    private final ExecutorService threads = Executors.newCachedThreadPool(
            r -> Thread.ofPlatform().name("command").daemon().unstarted(r));
    private final Map<String, String> bridges = new HashMap<>();

    Commands(
            GatewayConfig config,
            Forwarder forwarder,
            HostedGuests guests,
            QemuLauncher launcher,
            String acceleration,
            Consumer<Reply> replies,
            Consumer<MigrationReport.Builder> reports,
            Notary notary) {
        this.config = config;
        this.forwarder = forwarder;
        this.guests = guests;
        this.launcher = launcher;
        this.acceleration = acceleration;
        this.replies = replies;
        this.reports = reports;
        this.notary = notary;
        config.attachments().forEach(a -> bridges.put(a.network(), a.bridge()));
    }

    void run(Command command) {
        if (command.hasTakeOver()) {
            takeOver(command);
            return;
        }
        threads.execute(() -> {
            Reply.Builder reply = Reply.newBuilder().setCommandId(command.getId());
            try {
                carryOut(command, reply);
                reply.setOk(true);
            } catch (RuntimeException e) {
                String line = e.getMessage() == null ? e.toString() : e.getMessage();
                if (!(e instanceof GatewayException)
                        && !(e instanceof io.sojourn.hypervisor.HypervisorException)
                        && !(e instanceof IllegalArgumentException)) {
                    LOG.error("command {} failed", command.getCommandCase(), e);
                }
                reply.setOk(false).setError(line);
            }
            replies.accept(reply.build());
        });
    }

    private void carryOut(Command command, Reply.Builder reply) {
        switch (command.getCommandCase()) {
            case ARM_DESTINATION -> armDestination(command.getArmDestination(), reply);
            case ARM_SOURCE -> armSource(command.getArmSource());
            case ARM_CORRESPONDENT -> armCorrespondent(command.getArmCorrespondent());
            case START -> event(command.getStart().getMigration(), new HandoffEvent.Start());
            case ABORT ->
                event(
                        command.getAbort().getMigration(),
                        new HandoffEvent.AbortRequested(command.getAbort().getReason()));
            case RELEASE -> release(MigrationId.parse(command.getRelease().getMigration()));
            case PROBE_PATH -> probePath(new GatewayId(command.getProbePath().getGateway()));
            case CHECK_HYPERVISOR ->
                checkHypervisor(
                        command.getCheckHypervisor().getVm(),
                        command.getCheckHypervisor().getQmp());
            case EXPLAIN -> {
                IpAddress from = IpAddress.parse(command.getExplain().getSource());
                IpAddress to = IpAddress.parse(command.getExplain().getDestination());
                String network = command.getExplain().getNetwork();
                reply.setExplained(forwarder.ask(() -> forwarder.explanation().of(network, from, to)));
            }
            case LIST_FLOWS -> {
                VmId id = new VmId(command.getListFlows().getVm());
                int most = Math.clamp(command.getListFlows().getMost(), 0, FLOWS_MOST);
                reply.setFlows(forwarder.ask(() -> {
                    VmEntry vm = forwarder.table().vm(id);
                    return vm == null
                            ? Flows.getDefaultInstance()
                            : FlowReport.of(forwarder.flows(), vm, most, System.nanoTime());
                }));
            }
            case TAKE_OVER, COMMAND_NOT_SET ->
                throw new GatewayException("this gateway is older than its controller: unknown command");
        }
    }

    /** Everybody waits for it: not by way of another thread. */
    private void takeOver(Command command) {
        VmId vm = new VmId(command.getTakeOver().getVm());
        Epoch epoch = new Epoch(command.getTakeOver().getEpoch());
        forwarder.post(() -> {
            boolean done = forwarder.handoffs().takeOver(vm, epoch);
            replies.accept(Reply.newBuilder()
                    .setCommandId(command.getId())
                    .setOk(done)
                    .setError(done ? "" : "VM " + vm + " is not known here, moves, or is bound under a later epoch")
                    .build());
        });
    }

    private void event(String migration, HandoffEvent event) {
        MigrationId id = MigrationId.parse(migration);
        forwarder.post(() -> forwarder.handoffs().event(id, event));
    }

    /** What we counted goes to the controller before it hears that we have forgotten the move. */
    private void release(MigrationId id) {
        Optional<Accounts.Closed> closed = forwarder.ask(() -> {
            Handoffs handoffs = forwarder.handoffs();
            handoffs.event(id, new HandoffEvent.Forget());
            return handoffs.accounts().close(id, handoffs.find(id) != null);
        });
        closed.ifPresent(notary::certify);
    }

    private void probePath(GatewayId gateway) {
        boolean reachable = forwarder.ask(() -> {
            Peer peer = forwarder.table().peer(gateway);
            return peer != null && forwarder.prober().isReachable(peer);
        });
        if (!reachable) {
            throw new GatewayException("gateway " + config.gateway() + " cannot reach " + gateway + " on its UDP port");
        }
    }

    private void checkHypervisor(String vm, String qmp) {
        VmId id = new VmId(vm);
        guests.want(id, qmp);
        HostedGuest guest = guests.require(id);
        GuestState state = guest.guest().status();
        if (state != GuestState.RUNNING && state != GuestState.PAUSED) {
            throw new GatewayException("VM " + vm + " at " + config.gateway() + " is " + state
                    + "; only a running or paused guest can move");
        }
        guest.guest().hazard().ifPresent(hazard -> LOG.warn("VM {}: {}", vm, hazard));
    }

    // --- destination

    private void armDestination(ArmDestination arm, Reply.Builder reply) {
        Vm vm = arm.getVm();
        VmId id = new VmId(vm.getName());
        MigrationId migration = MigrationId.parse(arm.getMigration());
        Peer source = peer(arm.getSource());
        VmEntry entry = entry(id, vm);
        HandoffPlan plan = plan(
                arm.getMigration(),
                vm,
                arm.getSource(),
                config.gateway().name(),
                arm.getEpoch(),
                arm.getCorrespondentsList(),
                arm.getOrdering(),
                arm.getBufferBytes(),
                Limits.getDefaultInstance());
        // Before there is a port of the guest's on the bridge into which its frames could be flooded.
        forwarder.ask(() -> forwarder.handoffs().expect(entry));
        HostedGuest hosted;
        try {
            hosted = arm.getLandingQmp().isEmpty() ? launch(vm) : landing(id, Path.of(arm.getLandingQmp()));
        } catch (RuntimeException e) {
            forwarder.ask(() -> forwarder.handoffs().expectNoMore(entry));
            throw e;
        }
        try {
            Path socket = socket(migration, "in");
            hosted.guest().listenForMigration(socket);
            StreamToken token = StreamToken.random();
            List<Integer> ports = GuestTaps.indexes(entry.nics, hosted.guest().nics());
            Arrival arrival = new Arrival(
                    migration, hosted, forwarder, source, token, socket, parameters(source, 0), ports, guests::left);
            Step<DestinationHandoff.State> first = DestinationHandoff.arm(plan, System.nanoTime());
            begin(
                    Handoff.atDestination(first.state(), entry, new Settling(arrival, hosted))
                            .capturing(arm.getCapture()),
                    first.actions());
            reply.setStreamToken(token.hex()).setQmp(hosted.qmp.toString());
        } catch (RuntimeException e) {
            guests.left(hosted);
            forwarder.ask(() -> forwarder.handoffs().expectNoMore(entry));
            throw e;
        }
    }

    /** An arrival that stays becomes one of our guests. */
    private final class Settling implements GuestSide {
        private final Arrival arrival;
        private final HostedGuest hosted;

        Settling(Arrival arrival, HostedGuest hosted) {
            this.arrival = arrival;
            this.hosted = hosted;
        }

        @Override
        public List<Integer> ports() {
            return arrival.ports();
        }

        @Override
        public void stoppedAtSource() {
            arrival.stoppedAtSource();
        }

        @Override
        public void continueGuest() {
            arrival.continueGuest();
        }

        @Override
        public boolean attached() {
            return hosted.attached();
        }

        @Override
        public void activated() {
            threads.execute(() -> guests.settled(hosted)); // it writes a file: not between two packets
        }

        @Override
        public void quitGuest() {
            arrival.quitGuest();
        }

        @Override
        public void finished(boolean stays) {
            arrival.finished(stays);
        }
    }

    private HostedGuest launch(Vm vm) {
        String name = vm.getTemplate().isEmpty() ? "default" : vm.getTemplate();
        GatewayConfig.Template template = config.templates().get(name);
        if (template == null) {
            throw new GatewayException("gateway " + config.gateway() + " has no launch template '" + name
                    + "' for VM " + vm.getName()
                    + "; add it under templates: in its gateway.yaml, or start the incoming"
                    + " QEMU yourself and register it with: sojourn landing add");
        }
        VmId id = new VmId(vm.getName());
        guests.expect(id, Optional.empty(), GuestTaps.names(vm));
        List<String> taps = GuestTaps.make(vm, bridges);
        try {
            Map<String, String> variables = new HashMap<>(vm.getParametersMap());
            variables.putIfAbsent("accel", acceleration);
            variables.putIfAbsent("memory-mb", "512");
            variables.putIfAbsent("cpus", "1");
            for (int i = 0; i < vm.getNicsCount(); i++) {
                variables.put("mac." + i, vm.getNics(i).getMac());
                variables.put("tap." + i, taps.get(i));
            }
            LaunchedGuest launched = launcher.launchIncoming(
                    new LaunchTemplate(name, template.command()), vm.getName(), variables, LAUNCH_PATIENCE);
            HostedGuest hosted = new HostedGuest(id, launched.qmpSocket(), Optional.of(launched), taps);
            try {
                guests.expect(id, Optional.of(launched.qmpSocket()), taps);
                hosted.attach(LAUNCH_PATIENCE, event -> guests.watcher().accept(id, event));
            } catch (RuntimeException e) {
                launched.destroy();
                throw e;
            }
            return hosted;
        } catch (RuntimeException e) {
            GuestTaps.remove(taps);
            guests.expectNoMore(id);
            throw e;
        }
    }

    private HostedGuest landing(VmId id, Path qmp) {
        HostedGuest hosted = new HostedGuest(id, qmp, Optional.empty(), List.of());
        hosted.attach(LAUNCH_PATIENCE, event -> guests.watcher().accept(id, event));
        GuestState state = hosted.guest().status();
        if (state != GuestState.INCOMING) {
            hosted.detach();
            throw new GatewayException("landing place " + qmp + " of VM " + id + " is " + state
                    + ", not waiting; start its QEMU with -incoming defer -S");
        }
        guests.expect(id, Optional.of(qmp), List.of());
        return hosted;
    }

    // --- source

    private void armSource(ArmSource arm) {
        Vm vm = arm.getVm();
        VmId id = new VmId(vm.getName());
        MigrationId migration = MigrationId.parse(arm.getMigration());
        guests.want(id, vm.getQmp());
        HostedGuest hosted = guests.require(id);
        GuestState state = hosted.guest().status();
        if (state != GuestState.RUNNING) {
            throw new GatewayException("VM " + id + " at " + config.gateway() + " is " + state + ", not running");
        }
        guests.settled(hosted); // once it is bound elsewhere, the table names another socket
        Peer destination = peer(arm.getDestination());
        VmEntry entry = entry(id, vm);
        HandoffPlan plan = plan(
                arm.getMigration(),
                vm,
                config.gateway().name(),
                arm.getDestination(),
                arm.getEpoch(),
                arm.getCorrespondentsList(),
                arm.getOrdering(),
                0,
                arm.getLimits());
        Departure departure = new Departure(
                migration,
                hosted,
                forwarder,
                destination,
                StreamToken.parse(arm.getStreamToken()),
                socket(migration, "out"),
                parameters(destination, arm.getLimits().getBandwidthBytesPerS()),
                new MigrationPilot.Limits(arm.getLimits().getMaxPauseMs(), MAX_PASSES),
                entry.nics.stream().map(nic -> new MacAddress(nic.mac())).toList(),
                ports(entry, hosted),
                reports,
                guests::left);
        Step<SourceHandoff.State> first = SourceHandoff.arm(plan, System.nanoTime());
        begin(Handoff.atSource(first.state(), entry, departure).capturing(arm.getCapture()), first.actions());
    }

    /** The guest's bridge ports: as its hypervisor tells, or where the bridge has learnt its addresses. */
    private List<Integer> ports(VmEntry entry, HostedGuest hosted) {
        List<Integer> told = GuestTaps.indexes(entry.nics, hosted.guest().nics());
        return forwarder.ask(() -> {
            List<Integer> out = new ArrayList<>();
            for (int i = 0; i < told.size(); i++) {
                VmEntry.Nic nic = entry.nics.get(i);
                LanPort port = nic.network().port;
                int learnt = told.get(i) >= 0 || port == null ? told.get(i) : port.portOf(nic.mac());
                out.add(port != null && learnt == port.ifindex() ? -1 : learnt);
            }
            return out;
        });
    }

    // --- correspondent

    private void armCorrespondent(ArmCorrespondent arm) {
        Vm vm = arm.getVm();
        VmEntry entry = entry(new VmId(vm.getName()), vm);
        List<String> self = List.of(config.gateway().name());
        HandoffPlan plan = plan(
                arm.getMigration(),
                vm,
                arm.getSource(),
                arm.getDestination(),
                arm.getEpoch(),
                self,
                arm.getOrdering(),
                0,
                Limits.getDefaultInstance());
        Step<CorrespondentHandoff.State> first = CorrespondentHandoff.arm(plan, config.gateway(), System.nanoTime());
        begin(Handoff.atCorrespondent(first.state(), entry), first.actions());
    }

    // --- common

    private void begin(Handoff handoff, List<HandoffAction> first) {
        forwarder.ask(() -> {
            if (forwarder.handoffs().find(handoff.plan.migration()) != null) {
                return true; // the command came twice
            }
            forwarder.handoffs().begin(handoff, first);
            return true;
        });
    }

    private VmEntry entry(VmId id, Vm vm) {
        return forwarder.ask(() -> {
            VmEntry entry = forwarder.table().vm(id);
            if (entry == null) {
                throw new GatewayException("VM " + id + " is not in the table of gateway " + config.gateway() + " yet");
            }
            return entry;
        });
    }

    private Peer peer(String name) {
        GatewayId id = new GatewayId(name);
        return forwarder.ask(() -> {
            Peer peer = forwarder.table().peer(id);
            if (peer == null) {
                throw new GatewayException("gateway " + name + " is not in the table of gateway " + config.gateway());
            }
            if (!forwarder.prober().isReachable(peer)) {
                throw new GatewayException("gateway " + config.gateway() + " gets no answer from " + name + " at "
                        + peer.locator + "; is its UDP port open?");
            }
            return peer;
        });
    }

    private HandoffPlan plan(
            String migration,
            Vm vm,
            String source,
            String destination,
            long epoch,
            List<String> correspondents,
            String ordering,
            long bufferBytes,
            Limits limits) {
        long rttNs = forwarder.ask(() ->
                forwarder.table().peers().stream().mapToLong(p -> p.rttNs).max().orElse(0));
        Timing usual = Timing.forRtt(rttNs);
        Timing timing = new Timing(
                usual.rttNs(),
                limits.getHoldBoundMs() == 0 ? usual.drainBoundNs() : limits.getHoldBoundMs() * 1_000_000L,
                usual.markerBoundNs(),
                usual.quietNs(),
                usual.maxPauseNs(),
                usual.giveUpNs(),
                limits.getMaxTotalS() == 0 ? usual.armExpiryNs() : limits.getMaxTotalS() * 1_000_000_000L,
                bufferBytes == 0 ? usual.bufferBytes() : bufferBytes);
        return new HandoffPlan(
                MigrationId.parse(migration),
                new VmId(vm.getName()),
                new GatewayId(source),
                new GatewayId(destination),
                new Epoch(vm.getEpoch()),
                new Epoch(epoch),
                correspondents.stream()
                        .filter(c -> !c.equals(source) && !c.equals(destination))
                        .map(GatewayId::new)
                        .toList(),
                Ordering.parse(ordering),
                timing);
    }

    private StreamParameters parameters(Peer peer, long limitBytesPerS) {
        long cap = config.bandwidthBytesPerS() == 0 ? Long.MAX_VALUE / 4 : config.bandwidthBytesPerS();
        cap = limitBytesPerS == 0 ? cap : Math.min(cap, limitBytesPerS);
        int payload = peer.underlayMtuBytes - peer.outerHeaderBytes() - StreamFormat.DATA_HEADER_BYTES;
        StreamParameters stream =
                StreamParameters.defaults().withCapBytesPerS(cap).withMaxPayloadBytes(payload);
        return config.copyBytesPerS() == 0 ? stream : stream.withCopyBytesPerS(config.copyBytesPerS());
    }

    private Path socket(MigrationId migration, String direction) {
        try {
            Path directory = Files.createDirectories(config.stateDir().resolve("run"));
            Path socket = directory.resolve(migration.toString().substring(0, 8) + "." + direction);
            Files.deleteIfExists(socket);
            return socket.toAbsolutePath();
        } catch (IOException e) {
            throw new GatewayException("cannot use " + config.stateDir() + ": " + e.getMessage(), e);
        }
    }
}

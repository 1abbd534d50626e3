// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import io.sojourn.handoff.Counter;
import io.sojourn.handoff.HandoffPlan;
import io.sojourn.handoff.MigrationId;
import io.sojourn.handoff.SignalCodec;
import io.sojourn.handoff.Timing;
import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.sim.Scenario.Fault;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.UUID;

/** Everything there is in one run, and the running of it. */
final class World implements Wan.Receiver {
    static final byte[] KEY = new byte[SignalCodec.KEY_BYTES];
    /** Hosts behind no gateway, by ILNP: in each network one that knows it, and one with plain IPv6. */
    static final int OUTSIDERS = 2 * SimLocators.NETWORKS;

    static final MigrationId TOMBSTONE = new MigrationId(new UUID(0, 0));

    private static final long MS = Scenario.MS;
    /** The end of patience: two times to give up, and then some. */
    private static final long HORIZON_NS = 200 * Scenario.SECOND;

    final Scenario scenario;
    final Timeline timeline = new Timeline();
    final SplittableRandom random;
    final Monitor monitor;
    final Mutator mutator;
    final Wan wan;
    final GatewayId[] names;
    final VmId[] vms;
    final SimHost host;
    final SimController controller;

    private final SimGateway[] gateways;
    private final Map<GatewayId, Integer> indices = new HashMap<>();
    private final Map<VmId, Integer> vmIndices = new HashMap<>();
    private final Timing timing;
    private final List<Fault> waiting;
    private final List<Flow> flows = new ArrayList<>();
    private final List<SimOutsider> outsiders = new ArrayList<>();
    private final int[] firstAt;
    private final List<Packet> packets = new ArrayList<>();
    private int faultsUnderWay;

    private boolean traffic = true;

    World(Scenario scenario, Mutation mutation, boolean logging) {
        this.scenario = scenario;
        random = new SplittableRandom(scenario.seed() ^ 0x5deece66dL);
        monitor = new Monitor(timeline, scenario.vms(), scenario.strict(), 2 * scenario.rttNs() + 50 * MS, logging);
        mutator = new Mutator(mutation);
        wan = new Wan(scenario, timeline, random, monitor, this);
        timing = Timing.forRtt(scenario.rttNs());
        names = new GatewayId[scenario.gateways()];
        for (int i = 0; i < names.length; i++) {
            names[i] = new GatewayId("g" + i);
            indices.put(names[i], i);
        }
        vms = new VmId[scenario.vms()];
        for (int i = 0; i < vms.length; i++) {
            vms[i] = new VmId("vm" + i);
            vmIndices.put(vms[i], i);
        }
        host = new SimHost(this);
        controller = new SimController(this);
        // An outsider is told where a VM is when it is there: what goes straight then may overtake.
        monitor.unordered(flow -> isOutsider(flow) || controller.unordered(flow));
        gateways = new SimGateway[names.length];
        for (int i = 0; i < gateways.length; i++) {
            gateways[i] = new SimGateway(this, i);
        }
        waiting = new ArrayList<>(scenario.faults());
        firstAt = new int[vms.length];
        for (int i = 0; scenario.ilnp() && i < OUTSIDERS; i++) {
            outsiders.add(new SimOutsider(this, i, i / 2, partyOf(i), i % 2 == 0));
        }
        begin();
    }

    int index(GatewayId gateway) {
        return Objects.requireNonNull(indices.get(gateway));
    }

    int vm(VmId vm) {
        return Objects.requireNonNull(vmIndices.get(vm));
    }

    int vm(HandoffPlan plan) {
        return vm(plan.vm());
    }

    int networkOf(int vm) {
        return vm % 2;
    }

    /** @return -1: nobody */
    int vmOf(int network, long nid) {
        for (int vm = 0; vm < vms.length; vm++) {
            if (networkOf(vm) == network && LocatorPackets.vmNid(vm) == nid) {
                return vm;
            }
        }
        return -1;
    }

    /** Of an outsider on the WAN. */
    int partyOf(int outsider) {
        return scenario.gateways() + 1 + outsider;
    }

    /** Of where the VM was first: by it outsiders know the VM for ever. */
    long firstLocator(int vm) {
        return LocatorPackets.locator(networkOf(vm), firstAt[vm]);
    }

    SimGateway gateway(int index) {
        return gateways[index];
    }

    Timing timing() {
        return timing;
    }

    Scenario.Move move(HandoffPlan plan) {
        SimController.Migration migration = controller.find(plan);
        if (migration == null) {
            throw new IllegalStateException("nobody planned " + plan);
        }
        return migration.move;
    }

    // the beginning

    private void begin() {
        for (int vm = 0; vm < vms.length; vm++) {
            int at = random.nextInt(gateways.length);
            Binding binding = new Binding(vms[vm], names[at], new Epoch(1));
            controller.bind(vm, binding);
            for (SimGateway gateway : gateways) {
                gateway.bind(vm, binding);
            }
            host.boot(vm, at);
            firstAt[vm] = at;
            monitor.activated(vm, 1, at);
            for (int gateway = 0; gateway < gateways.length; gateway++) {
                flow(new FlowName(networkOf(vm), -1, vm, gateway));
                flow(new FlowName(networkOf(vm), vm, -1, gateway));
            }
            for (SimOutsider outsider : outsiders) {
                if (outsider.network() == networkOf(vm)) {
                    flow(new FlowName(networkOf(vm), -1, vm, outsider.party()));
                    flow(new FlowName(networkOf(vm), vm, -1, outsider.party()));
                }
            }
            for (int other = 0; other < vms.length; other++) {
                if (other != vm && networkOf(other) == networkOf(vm)) {
                    flow(new FlowName(networkOf(vm), vm, other, -1));
                }
            }
        }
        for (Scenario.Move move : scenario.moves()) {
            timeline.at(move.atNs(), () -> controller.migrate(move));
        }
        for (Fault fault : scenario.faults()) {
            if (fault.when() instanceof Scenario.At(long atNs)) {
                timeline.at(atNs, () -> strike(fault));
            }
        }
    }

    private void flow(FlowName name) {
        Flow flow = new Flow(name, flows.size());
        flows.add(flow);
        timeline.in(random.nextLong(scenario.flowIntervalNs()), () -> keepSending(flow));
    }

    private void keepSending(Flow flow) {
        if (traffic) {
            send(flow);
            timeline.in(
                    scenario.flowIntervalNs() / 2 + random.nextLong(scenario.flowIntervalNs()),
                    () -> keepSending(flow));
        }
    }

    private void send(Flow flow) {
        FlowName name = flow.name;
        if (name.sourceVm() < 0) {
            if (isOutsider(name)) {
                outsiderOf(name).says(next(flow));
            } else {
                gateways[name.hostAt()].fromHost(next(flow));
            }
            return;
        }
        SimHost.Guest guest = host.running(name.sourceVm());
        if (guest != null) {
            gateways[guest.host].fromGuest(name.sourceVm(), next(flow));
        }
    }

    /** The other end is behind no gateway. */
    boolean isOutsider(FlowName flow) {
        return flow.hostAt() > gateways.length;
    }

    private SimOutsider outsiderOf(FlowName flow) {
        return outsiders.get(flow.hostAt() - gateways.length - 1);
    }

    private Packet next(Flow flow) {
        Packet packet = new Packet(flow, ++flow.sent, timeline.nowNs());
        packets.add(packet);
        return packet;
    }

    // the network's ends

    @Override
    public void data(int to, int from, Packet packet, long epoch, boolean relayed) {
        gateways[to].data(packet, from, epoch, relayed);
    }

    @Override
    public void signal(int to, int from, byte[] datagram, boolean inOrder) {
        gateways[to].datagram(datagram, from, inOrder);
    }

    @Override
    public void located(int to, int from, Located located) {
        if (to > gateways.length) {
            outsiders.get(to - gateways.length - 1).arrived(located);
        } else {
            gateways[to].located(located, from);
        }
    }

    @Override
    public boolean isUp(int gateway) {
        return gateways[gateway].isUp();
    }

    // faults

    void entered(HandoffPlan plan, char role, String state) {
        for (Fault fault : List.copyOf(waiting)) {
            if (fault.when() instanceof Scenario.OnState(int move, char r, String s, long delayNs)
                    && r == role
                    && s.equals(state)
                    && move < scenario.moves().size()
                    && scenario.moves().get(move) == move(plan)) {
                waiting.remove(fault);
                faultsUnderWay++;
                timeline.in(delayNs, () -> {
                    faultsUnderWay--;
                    strike(fault);
                });
            }
        }
    }

    private void strike(Fault fault) {
        monitor.mix(40, scenario.faults().indexOf(fault), 0);
        faultsUnderWay++;
        monitor.faultBegins();
        switch (fault) {
            case Scenario.Crash(int who, var when, long forNs)
            when who == gateways.length -> {
                if (controller.isUp()) {
                    controller.kill();
                    timeline.in(forNs, () -> {
                        if (scenario.withoutController()) {
                            judgeWithoutController();
                        }
                        controller.start();
                        healed();
                    });
                } else {
                    healed();
                }
            }
            case Scenario.Crash(int who, var when, long forNs) -> {
                if (who < gateways.length && gateways[who].isUp()) {
                    gateways[who].kill();
                    timeline.in(forNs, () -> {
                        gateways[who].start();
                        healed();
                    });
                } else {
                    healed();
                }
            }
            case Scenario.Cut(int a, int b, var when, long forNs, boolean noticed) -> cut(a, b, forNs, noticed);
            case Scenario.Split(Scenario.OnState when, long forNs) -> {
                Scenario.Move move = scenario.moves().get(when.move());
                HandoffPlan plan = controller.migrations().stream()
                        .filter(m -> m.move == move)
                        .findFirst()
                        .orElseThrow()
                        .plan;
                cut(index(plan.source()), index(plan.destination()), forNs, true);
            }
        }
    }

    private void cut(int a, int b, long forNs, boolean noticed) {
        monitor.say("cut between " + a + " and " + b);
        wan.cut(a, b);
        boolean gatewaysOnly = noticed && a < gateways.length && b < gateways.length;
        timeline.in(forNs, () -> {
            monitor.say("healed between " + a + " and " + b);
            wan.heal(a, b);
            healed();
            if (gatewaysOnly) {
                timeline.in(2 * wan.delayNs(a, b) + random.nextLong(50 * MS), () -> {
                    gateways[a].reachable(names[b], true);
                    gateways[b].reachable(names[a], true);
                });
            }
        });
        if (gatewaysOnly && forNs > 200 * MS) {
            timeline.in(200 * MS, () -> {
                gateways[a].reachable(names[b], false);
                gateways[b].reachable(names[a], false);
            });
        }
    }

    private void judgeWithoutController() {
        Scenario.Move move = scenario.moves().getFirst();
        for (SimGateway gateway : gateways) {
            if (gateway.forwarder().routeTo(move.vm()) != move.to()) {
                monitor.violate(8, "gateway " + gateway.index + " has not flipped without the controller");
            }
        }
    }

    private void healed() {
        faultsUnderWay--;
        monitor.faultEnds();
    }

    // the run

    /** Lets everything happen until nothing is under way, and then looks at what is left. */
    void run() {
        long checkNs = scenario.moves().getLast().atNs();
        for (Fault fault : scenario.faults()) {
            if (fault.when() instanceof Scenario.At(long atNs)) {
                checkNs = Math.max(checkNs, atNs);
            }
        }
        checkNs += 200 * MS;
        while (checkNs < HORIZON_NS && monitor.violations().isEmpty()) {
            while (monitor.violations().isEmpty() && timeline.step(checkNs)) {
                // until then
            }
            if (faultsUnderWay == 0 && unfinished().isEmpty()) {
                break;
            }
            if (timeline.nowNs() > scenario.moves().getLast().atNs() + 10 * Scenario.SECOND) {
                traffic = false; // the long wait for a timeout needs none
            }
            checkNs = checkNs + (traffic ? 100 * MS : 1_000 * MS);
        }
        if (monitor.violations().isEmpty()) {
            judge();
        }
    }

    /** A bound is for when something is wrong. */
    private void judgeCounts() {
        boolean killed = scenario.faults().stream().anyMatch(Scenario.Crash.class::isInstance);
        boolean cut = scenario.faults().stream().anyMatch(f -> !(f instanceof Scenario.Crash));
        for (int vm = 0; vm < vms.length; vm++) {
            if (!killed && !cut) {
                none(vm, Counter.UNANSWERED);
                if (scenario.signalLoss() < 0.01) { // four sendings in the bound
                    none(vm, Counter.MARKER_MISSED);
                }
                if (scenario.signalLoss() == 0) {
                    none(vm, Counter.RETURN_MISSED);
                }
            }
            int index = vm;
            if (scenario.moves().stream()
                    .noneMatch(m -> m.vm() == index
                            && (m.mishap() == Scenario.Mishap.SLOW_QUEUE
                                    || m.mishap() == Scenario.Mishap.STOPS_UNASKED))) {
                none(vm, Counter.NOT_DRAINED);
                none(vm, Counter.UNHELD);
            }
        }
    }

    private void none(int vm, Counter counter) {
        if (monitor.counted(vm, counter) > 0) {
            monitor.violate(2, "vm" + vm + ": counted " + counter + ", and nothing was wrong");
        }
    }

    private void judge() {
        judgeCounts();
        String left = unfinished();
        if (!left.isEmpty()) {
            monitor.violate(6, "not over after " + timeline.nowNs() / Scenario.SECOND + " s:" + left);
            return;
        }
        traffic = false;
        settle();
        int first = packets.size();
        for (int round = 0; round < 3; round++) {
            for (Flow flow : flows) {
                send(flow);
            }
            settle();
        }
        for (int i = first; i < packets.size(); i++) {
            Packet packet = packets.get(i);
            if (packet.deliveries == 0 && packet.loss != Loss.WAN) {
                monitor.violate(4, packet + " did not arrive after all was over: " + packet.loss);
                return;
            }
        }
        if (scenario.faults().isEmpty() && scenario.signalLoss() == 0 && scenario.dataLoss() == 0) {
            judgeWays(packets.subList(packets.size() - flows.size(), packets.size()));
        }
        for (Packet packet : packets) {
            if (packet.deliveries == 0 && packet.loss == null) {
                monitor.violate(2, packet + " has vanished");
                return;
            }
        }
        for (int vm = 0; vm < vms.length; vm++) {
            SimHost.Guest guest = host.running(vm);
            Binding binding = controller.binding(vm);
            if (guest == null) {
                monitor.violate(6, "vm" + vm + " runs nowhere; it is bound as " + binding);
            } else if (guest.host != index(binding.gateway())) {
                monitor.violate(6, "vm" + vm + " runs at " + guest.host + "; it is bound as " + binding);
            }
        }
        for (SimHost.Guest guest : host.guests()) {
            if (guest.state != SimHost.GuestState.GONE && guest.state != SimHost.GuestState.RUNNING) {
                monitor.violate(6, "orphan: QEMU of vm" + guest.vm + " at " + guest.host + " " + guest.state);
            }
        }
    }

    /** Between a VM and whoever knows ILNP there is no other site, once that has been told. */
    private void judgeWays(List<Packet> last) {
        for (Packet packet : last) {
            FlowName flow = packet.flow.name;
            if (isOutsider(flow) && outsiderOf(flow).isIlnp() && !packet.direct) {
                monitor.violate(4, packet + " goes by way of another site after all was over");
            }
        }
    }

    private void settle() {
        long untilNs = timeline.nowNs() + 2 * scenario.rttNs() + 300 * MS;
        while (monitor.violations().isEmpty() && timeline.step(untilNs)) {
            // until then
        }
    }

    private String unfinished() {
        StringBuilder left = new StringBuilder();
        for (SimController.Migration migration : controller.migrations()) {
            if (!migration.over()) {
                left.append(" controller ")
                        .append(migration.plan.epoch())
                        .append(' ')
                        .append(migration.progress);
            }
        }
        for (SimGateway gateway : gateways) {
            left.append(gateway.leftovers());
        }
        return left.toString();
    }

    long sent() {
        return packets.size();
    }
}

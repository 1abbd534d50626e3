// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.handoff.CorrespondentHandoff;
import io.sojourn.handoff.DestinationHandoff;
import io.sojourn.handoff.HandoffAction;
import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.HandoffPlan;
import io.sojourn.handoff.Late;
import io.sojourn.handoff.MigrationId;
import io.sojourn.handoff.Ordering;
import io.sojourn.handoff.Signal;
import io.sojourn.handoff.SignalCodec;
import io.sojourn.handoff.SourceHandoff;
import io.sojourn.handoff.Step;
import io.sojourn.handoff.Timing;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.wire.ArpFrames;
import io.sojourn.wire.Checksum;
import io.sojourn.wire.NdFrames;
import io.sojourn.wire.NeighborDiscovery;
import io.sojourn.wire.ParsedFrame;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.BooleanSupplier;

/**
 * Runs the code of packet path and handoff before the first packet and the first move need it: interpreted it takes many times as
 * long, and the first move of a fresh process must be as good as the tenth.
 */
final class WarmUp {
    private static final int FRAMES = 20_000;
    private static final int MOVES = 300;
    private static final int REHEARSALS = 100;

    private WarmUp() {}

    /**
     * Returns something that depends on all of it, so that none of it can be optimised away.
     *
     * @param natively packets may go by pages here
     * @param packetBoundNs how long packets may be rehearsed at most
     * @param inVain true as soon as there is nothing to rehearse for; it is over soon after that
     */
    static long run(boolean natively, long packetBoundNs, BooleanSupplier inVain) {
        long sum = frames() + moves() + SealWarmUp.run(inVain);
        return inVain.getAsBoolean() ? sum : sum + PacketWarmUp.run(natively, packetBoundNs, inVain);
    }

    private static long frames() {
        ParsedFrame f = new ParsedFrame();
        long sum = 0;
        try (Arena arena = Arena.ofConfined();
                HoldBuffer buffer = new HoldBuffer(1 << 20)) {
            MemorySegment s = arena.allocate(2048);
            for (int i = 0; i < FRAMES; i++) {
                int length = ArpFrames.request(s, 0, LanPort.ANYCAST_MAC, i, i + 1);
                f.parse(s, 0, length);
                sum += Checksum.sum(s, 0, 512);
                buffer.add(s, 0, length);
                if (i % 16 == 15) {
                    for (int n = 0; n < 16; n++) {
                        sum += buffer.frameLength();
                        buffer.remove();
                    }
                }
            }
        }
        return sum;
    }

    /** Whole moves that happen nowhere, through the production machines and the production codec. */
    private static long moves() {
        GatewayId s = new GatewayId("s");
        GatewayId d = new GatewayId("d");
        GatewayId c = new GatewayId("c");
        SignalCodec codec = new SignalCodec(new byte[SignalCodec.KEY_BYTES]);
        long actions = 0;
        for (int i = 0; i < MOVES; i++) {
            HandoffPlan plan = new HandoffPlan(
                    new MigrationId(new UUID(1, i)),
                    new VmId("warm-up"),
                    s,
                    d,
                    new Epoch(1),
                    new Epoch(2),
                    List.of(c),
                    Ordering.STRICT,
                    Timing.forRtt(1_000_000));
            Rehearsal rehearsal = new Rehearsal(plan, codec);
            actions += rehearsal.run();
            actions += Late.answer(announce(plan), c, Optional.empty()).size();
        }
        return actions;
    }

    /** Moves through the runner of the machines, in each role. */
    static void rehearse(Handoffs stage, GatewayId self) {
        GatewayId other = new GatewayId("rehearsal-other");
        GatewayId third = new GatewayId("rehearsal-third");
        for (int i = 0; i < REHEARSALS; i++) {
            arrive(stage, plan(i * 3, other, self, third));
            depart(stage, plan(i * 3 + 1, self, other, third));
            flip(stage, plan(i * 3 + 2, other, third, self), self);
        }
        announce();
    }

    private static HandoffPlan plan(int number, GatewayId source, GatewayId destination, GatewayId correspondent) {
        return plan(number, new VmId("rehearsal"), source, destination, correspondent);
    }

    static HandoffPlan plan(int number, VmId vm, GatewayId source, GatewayId destination, GatewayId correspondent) {
        return new HandoffPlan(
                new MigrationId(new UUID(2, number)),
                vm,
                source,
                destination,
                new Epoch(1),
                new Epoch(2),
                List.of(correspondent),
                Ordering.STRICT,
                Timing.forRtt(1_000_000));
    }

    private static VmEntry extra(HandoffPlan plan) {
        return new VmEntry(plan.vm(), List.of(), plan.source(), plan.previous());
    }

    private static void arrive(Handoffs stage, HandoffPlan plan) {
        Step<DestinationHandoff.State> first = DestinationHandoff.arm(plan, System.nanoTime());
        stage.begin(Handoff.atDestination(first.state(), extra(plan), GuestSide.NONE), first.actions());
        stage.event(plan.migration(), new HandoffEvent.IncomingComplete());
        stage.guestResumed(plan.migration(), 1, System.nanoTime());
        stage.event(plan.migration(), new HandoffEvent.Forget());
    }

    private static void depart(Handoffs stage, HandoffPlan plan) {
        Step<SourceHandoff.State> first = SourceHandoff.arm(plan, System.nanoTime());
        stage.begin(Handoff.atSource(first.state(), extra(plan), GuestSide.NONE), first.actions());
        stage.event(plan.migration(), new HandoffEvent.Start());
        stage.event(plan.migration(), new HandoffEvent.StreamParked());
        stage.guestStopped(plan.migration(), 1, System.nanoTime());
        announced(stage, plan);
        stage.event(plan.migration(), new HandoffEvent.GuestGone());
        stage.event(plan.migration(), new HandoffEvent.Forget());
    }

    private static void flip(Handoffs stage, HandoffPlan plan, GatewayId self) {
        Step<CorrespondentHandoff.State> first = CorrespondentHandoff.arm(plan, self, System.nanoTime());
        stage.begin(Handoff.atCorrespondent(first.state(), extra(plan)), first.actions());
        announced(stage, plan);
        stage.event(plan.migration(), new HandoffEvent.Forget());
    }

    private static void announced(Handoffs stage, HandoffPlan plan) {
        stage.event(plan.migration(), new HandoffEvent.SignalReceived(announce(plan), plan.destination()));
    }

    private static Signal announce(HandoffPlan plan) {
        return new Signal(
                plan.migration(),
                plan.vm(),
                plan.epoch(),
                plan.destination(),
                new Signal.Announce(plan.source(), plan.previous(), plan.ordering()));
    }

    private static void announce() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment s = arena.allocate(256);
            for (int i = 0; i < FRAMES / 10; i++) {
                ArpFrames.gratuitous(s, 0, LanPort.ANYCAST_MAC, i);
                NdFrames.unsolicited(s, 0, LanPort.ANYCAST_MAC, i, i, NeighborDiscovery.OVERRIDE);
            }
        }
    }

    private static final class Rehearsal {
        private final HandoffPlan plan;
        private final SignalCodec codec;
        private SourceHandoff.State source;
        private DestinationHandoff.State destination;
        private CorrespondentHandoff.State correspondent;
        private long number;

        Rehearsal(HandoffPlan plan, SignalCodec codec) {
            this.plan = plan;
            this.codec = codec;
            source = SourceHandoff.arm(plan, 0).state();
            destination = DestinationHandoff.arm(plan, 0).state();
            correspondent = CorrespondentHandoff.arm(plan, plan.correspondents().getFirst(), 0)
                    .state();
        }

        long run() {
            atSource(new HandoffEvent.Start());
            atSource(new HandoffEvent.StreamParked());
            atSource(new HandoffEvent.QueueDrained());
            atSource(new HandoffEvent.GuestStopped(0));
            atSource(new HandoffEvent.StreamDone());
            atDestination(new HandoffEvent.IncomingComplete());
            atDestination(new HandoffEvent.GuestResumed(0));
            atSource(new HandoffEvent.GuestGone());
            atSource(new HandoffEvent.Quiet(0));
            return number;
        }

        private void atSource(HandoffEvent.AtSource event) {
            Step<SourceHandoff.State> step = SourceHandoff.apply(source, event, 0);
            source = step.state();
            carry(plan.source(), step.actions());
        }

        private void atDestination(HandoffEvent.AtDestination event) {
            Step<DestinationHandoff.State> step = DestinationHandoff.apply(destination, event, 0);
            destination = step.state();
            carry(plan.destination(), step.actions());
        }

        private void atCorrespondent(HandoffEvent.AtCorrespondent event) {
            Step<CorrespondentHandoff.State> step = CorrespondentHandoff.apply(correspondent, event, 0);
            correspondent = step.state();
            carry(plan.correspondents().getFirst(), step.actions());
        }

        private void carry(GatewayId from, List<HandoffAction> actions) {
            for (HandoffAction action : actions) {
                switch (action) {
                    case HandoffAction.Send(GatewayId to, Signal signal) -> arrive(from, to, signal);
                    case HandoffAction.SendInOrder(GatewayId to, Signal signal) -> arrive(from, to, signal);
                    default -> number++;
                }
            }
        }

        private void arrive(GatewayId from, GatewayId to, Signal signal) {
            if (codec.decode(codec.encode(signal, ++number)) instanceof SignalCodec.Accepted(Signal heard, long n)) {
                HandoffEvent.SignalReceived event = new HandoffEvent.SignalReceived(heard, from);
                if (to.equals(plan.source())) {
                    atSource(event);
                } else if (to.equals(plan.destination())) {
                    atDestination(event);
                } else {
                    atCorrespondent(event);
                }
            }
        }
    }
}

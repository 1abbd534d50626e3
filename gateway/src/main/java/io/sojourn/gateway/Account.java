// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.certificate.ClockOffset;
import io.sojourn.certificate.Mark;
import io.sojourn.certificate.Statement;
import io.sojourn.certificate.Statement.Outcome;
import io.sojourn.certificate.Subject;
import io.sojourn.certificate.TimelineStep;
import io.sojourn.handoff.HandoffAction;
import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.HandoffPlan;
import io.sojourn.handoff.Phase;
import io.sojourn.handoff.Signal;
import io.sojourn.model.location.GatewayId;
import io.sojourn.rpc.Role;
import io.sojourn.wire.Vxlan;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What this gateway does, sees and counts in one handoff, from its first step to its last: its half of the certificate. Forwarder's
 * thread only.
 */
final class Account {
    private static final int MOST_STEPS = 256;
    private static final int MOST_MARKS = 64;
    /** The probe that the offset comes from may be eight seconds old, at 15 ppm (RFC 5905 section 7.1, PHI). */
    private static final long DRIFT_US = 120;

    private final Handoff handoff;
    private final HandoffPlan plan;
    private final ForwardingTable table;
    private final Map<String, Long> dropsBefore;
    private final long openedUs = WallClock.nowUs();
    private final List<TimelineStep> timeline = new ArrayList<>();
    private final List<Mark> marks = new ArrayList<>();
    /** The other of source and destination; nobody for a correspondent. */
    private final Optional<GatewayId> other;

    private Outcome outcome = Outcome.UNKNOWN;
    private Optional<ClockOffset> clock = Optional.empty();
    private @Nullable Map<String, Long> frozenFrames;
    private boolean announced;
    private long sent;
    /** Of those sent, such as did not travel with the signals. */
    private long natively;

    private long received;

    Account(Handoff handoff, ForwardingTable table, Map<String, Long> dropsBefore) {
        this.handoff = handoff;
        this.plan = handoff.plan;
        this.table = table;
        this.dropsBefore = dropsBefore;
        this.other = switch (handoff.role) {
            case SOURCE -> Optional.of(plan.destination());
            case DESTINATION -> Optional.of(plan.source());
            default -> Optional.empty();
        };
        if (handoff.ring != null) {
            step(
                    "capture",
                    "captures/"
                            + Captures.fileName(plan.vm().name(), plan.epoch().number()));
        }
    }

    Handoff handoff() {
        return handoff;
    }

    boolean isRolledBack() {
        return outcome == Outcome.ROLLED_BACK;
    }

    boolean isOf(VmEntry vm) {
        return handoff.vm == vm;
    }

    // --- frames

    void toWan(Peer to, long epoch, long mac, int frames, boolean beside) {
        if (epoch == plan.epoch().number() && isOther(to.id) && handoff.vm.nicWithMac(mac) != null) {
            sent += frames;
            natively += beside ? frames : 0;
        }
    }

    void fromWan(Peer from, int epoch, long mac, int frames) {
        if (epoch != 0
                && Vxlan.compareEpochs(epoch, plan.epoch().number()) == 0
                && isOther(from.id)
                && handoff.vm.nicWithMac(mac) != null) {
            received += frames;
        }
    }

    private boolean isOther(GatewayId gateway) {
        return other.isPresent() && other.get().equals(gateway);
    }

    void keep(
            PacketRing.Way way,
            @Nullable Peer peer,
            int vni,
            long epoch,
            MemorySegment s,
            long at,
            int length,
            int frames) {
        PacketRing ring = handoff.ring;
        if (ring != null) {
            ring.add(way, peer, vni, epoch, s, at, length, frames);
        }
    }

    /** What was captured; nothing is added to it any more. */
    Optional<Captures.Captured> captured() {
        PacketRing ring = handoff.ring;
        if (ring == null) {
            return Optional.empty();
        }
        ring.close();
        return Optional.of(new Captures.Captured(
                plan.vm().name(),
                plan.epoch().number(),
                plan.migration().toString(),
                handoff.role,
                ring,
                clock.or(this::clock)));
    }

    // --- steps

    /** The machine is told of something. */
    void happened(HandoffEvent event) {
        if (event instanceof HandoffEvent.SignalReceived(Signal signal, GatewayId from) && isOther(from)) {
            kindOf(signal.body()).ifPresent(kind -> {
                mark(new Mark(false, kind, originOf(signal).name(), received));
                step(kind, "of " + originOf(signal) + ", after " + received + " frames");
            });
        }
    }

    /** An action is about to be carried out; those before it have been. */
    void doing(HandoffAction action) {
        PacketRing ring = handoff.ring;
        if (ring != null && isFlip(action)) {
            ring.flipped();
        }
        switch (action) {
            case HandoffAction.Report(Phase phase, String event, String detail) -> reported(phase, event, detail);
            case HandoffAction.RedirectOn(GatewayId to, var epoch) -> step("redirect", "to " + to);
            case HandoffAction.RedirectOff r -> step("redirect-off", "");
            case HandoffAction.FlushBuffer f -> step("flush", keptFrames() + " frames wait");
            case HandoffAction.ReleaseStream r -> step("let-go", "");
            case HandoffAction.ReturnBuffer r -> step("return", keptFrames() + " frames wait");
            case HandoffAction.DropBuffer d -> step("drop-buffer", keptFrames() + " frames wait");
            case HandoffAction.ReleaseHold(GatewayId from) -> step("hold-released", "from " + from);
            case HandoffAction.SendInOrder(GatewayId to, Signal signal) -> sending(to, signal);
            case HandoffAction.Send(GatewayId to, Signal signal) -> sending(to, signal);
            default -> {}
        }
    }

    private static boolean isFlip(HandoffAction action) {
        return action instanceof HandoffAction.RedirectOn
                || action instanceof HandoffAction.FlushBuffer
                || action instanceof HandoffAction.DeliverLive;
    }

    private int keptFrames() {
        KeptFrames kept = handoff.vm.kept;
        return kept == null ? 0 : kept.count();
    }

    private void sending(GatewayId to, Signal signal) {
        if (signal.body() instanceof Signal.Announce && !announced) {
            announced = true;
            step("announce", "");
        }
        if (isOther(to)) {
            kindOf(signal.body())
                    .ifPresent(
                            kind -> mark(new Mark(true, kind, originOf(signal).name(), sent)));
        }
    }

    /** Signals that travel in order behind the frames; others say nothing about what came before them. */
    private static Optional<String> kindOf(Signal.Body body) {
        return switch (body) {
            case Signal.EndMarker(var origin, var direction) ->
                Optional.of("end-marker-" + direction.name().toLowerCase(Locale.ROOT));
            case Signal.ReturnEnd r -> Optional.of("return-end");
            default -> Optional.empty();
        };
    }

    private static GatewayId originOf(Signal signal) {
        return signal.body() instanceof Signal.EndMarker(GatewayId origin, var direction) ? origin : signal.sender();
    }

    private void mark(Mark mark) {
        if (marks.size() < MOST_MARKS) {
            marks.add(mark);
        }
    }

    private void reported(Phase phase, String event, String detail) {
        if (phase == Phase.RELEASED) {
            outcome = Outcome.MOVED;
        } else if (phase == Phase.ABORTED) {
            outcome = Outcome.ROLLED_BACK;
        }
        long guestUs = handoff.guestEventUs;
        if (event.equals("activate") && guestUs != 0) {
            step(guestUs, "resume", "");
        }
        step(event.equals("pause") && guestUs != 0 ? guestUs : WallClock.nowUs(), event, detail);
        if (event.equals("pause") || event.equals("activate")) {
            clock = clock();
        }
    }

    /** Something that only the stream or the hypervisor knows, at its own time. */
    void seen(long atUs, String event, String detail) {
        step(atUs, event, detail);
    }

    private void step(String event, String detail) {
        step(WallClock.nowUs(), event, detail);
    }

    private void step(long atUs, String event, String detail) {
        if (timeline.size() < MOST_STEPS) {
            timeline.add(new TimelineStep(atUs, event, detail));
        }
    }

    private Optional<ClockOffset> clock() {
        Peer peer = other.map(table::peer).orElse(null);
        return peer == null || peer.rttNs == 0
                ? Optional.empty()
                : Optional.of(new ClockOffset(peer.clockOffsetUs, (peer.rttNs + 1_999) / 2_000 + DRIFT_US));
    }

    // --- the end

    /** Another handoff of the VM begins to count from zero. */
    void freezeFrames() {
        if (frozenFrames == null) {
            frozenFrames = handoff.vm.counts.snapshot();
        }
    }

    /** Empty for a correspondent, who has no half. */
    Optional<Statement> statement(String gateway, String site, Map<String, Long> dropsNow) {
        if (other.isEmpty()) {
            return Optional.empty();
        }
        Map<String, Long> events = new HashMap<>();
        handoff.counts.forEach((counter, n) -> events.put(counter.toString(), n));
        Map<String, Long> drops = new HashMap<>();
        dropsNow.forEach((reason, n) -> {
            long meanwhile = n - dropsBefore.getOrDefault(reason, 0L);
            if (meanwhile != 0) {
                drops.put(reason, meanwhile);
            }
        });
        return Optional.of(new Statement(
                subject(),
                handoff.role == Role.SOURCE ? Statement.Role.SOURCE : Statement.Role.DESTINATION,
                gateway,
                site,
                outcome,
                !handoff.recovered,
                clock.or(this::clock),
                timeline,
                sent,
                received,
                marks,
                frames(),
                events,
                drops,
                openedUs,
                WallClock.nowUs()));
    }

    private Map<String, Long> frames() {
        Map<String, Long> frames = new HashMap<>(frozenFrames == null ? handoff.vm.counts.snapshot() : frozenFrames);
        if (natively != 0) {
            frames.put(Statement.NATIVELY, natively);
        }
        return frames;
    }

    private Subject subject() {
        return new Subject(
                plan.migration().toString(),
                plan.vm().name(),
                handoff.vm.nics.stream().map(nic -> nic.network().name).toList(),
                plan.source().name(),
                plan.destination().name(),
                plan.previous().number(),
                plan.epoch().number(),
                plan.ordering().toString());
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.handoff.DestinationHandoff;
import io.sojourn.handoff.HandoffPlan;
import io.sojourn.handoff.Late;
import io.sojourn.handoff.MigrationId;
import io.sojourn.handoff.Ordering;
import io.sojourn.handoff.Signal;
import io.sojourn.handoff.SourceHandoff;
import io.sojourn.handoff.Step;
import io.sojourn.handoff.Timing;
import io.sojourn.hypervisor.GuestState;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Moves that nobody told us of. Where the VM comes out: it is seen on our LAN, and the gateway that it is bound at is asked. Where it
 * left: the hypervisor is asked, and it alone decides; a frame can be forged, so it moves nothing by itself.
 *
 * <p>Forwarder's thread only; hypervisors are asked elsewhere.
 */
final class Claims {
    /** What lies beyond the forwarder's thread. */
    interface Surroundings {
        /** Asks the guest's hypervisor here and posts the answer; empty: nobody here can tell. */
        void stateOf(VmId vm, java.util.function.Consumer<Optional<GuestState>> answer);

        /** The guest that has left: what is still here of it. */
        GuestSide remains(MigrationId migration, VmId vm);

        /** Something that an operator may want to know of. */
        void sighted(VmId vm, String how);
    }

    private static final Logger LOG = LoggerFactory.getLogger(Claims.class);
    /**
     * A guest that has arrived and keeps silent is claimed by its RARP alone. That names no address, so a moment is left for something better; no longer, because a guest to
     * which nothing comes has little reason to speak, and whether it has left its old place is decided there.
     */
    private static final long SILENT_NS = TimeUnit.MILLISECONDS.toNanos(25);
    /** Between two claims of one VM; doubles up to the second figure while they are refused, so that a forger costs little. */
    private static final long LEAST_PAUSE_NS = TimeUnit.MILLISECONDS.toNanos(250);

    private static final long LONGEST_PAUSE_NS = TimeUnit.SECONDS.toNanos(16);
    /** A claim that settled so long ago says nothing about the next. */
    private static final long CALM_NS = TimeUnit.SECONDS.toNanos(60);

    private static final long SAID_EVERY_NS = TimeUnit.SECONDS.toNanos(10);

    /** What is remembered of a VM that was seen where it is not bound. */
    private static final class Memory {
        long pauseNs = LEAST_PAUSE_NS;
        long lastClaimNs;
        boolean claimed;
        boolean waiting;
        long saidNs;
        boolean said;
    }

    private final Forwarder forwarder;
    private final Handoffs handoffs;
    private final ForwardingTable table;
    private final Timers timers;
    private final Counters counters;
    private final Surroundings surroundings;
    private final Map<VmId, Memory> memories = new HashMap<>();
    /** Claims whose answer the hypervisor is being asked for. */
    private final Set<MigrationId> asking = new HashSet<>();

    Claims(
            Forwarder forwarder,
            Handoffs handoffs,
            ForwardingTable table,
            Timers timers,
            Counters counters,
            Surroundings surroundings) {
        this.forwarder = forwarder;
        this.handoffs = handoffs;
        this.table = table;
        this.timers = timers;
        this.counters = counters;
        this.surroundings = surroundings;
    }

    // --- where it comes out

    /** A frame of a VM that is bound elsewhere and not on a move that we know of came out of our LAN. */
    void sighted(VmEntry vm, Sign sign, long nowNs) {
        switch (sign) {
            case NONE -> {}
            case FOREIGN -> unauthorised(vm, "a frame with its MAC and an address that is not its", nowNs);
            case ARRIVED -> later(vm, sign, nowNs + SILENT_NS);
            case ANNOUNCED, SPOKE -> claim(vm, sign, nowNs);
        }
    }

    /** Somebody who is not the VM says that it has the VM's address. */
    void unauthorised(VmEntry vm, String how, long nowNs) {
        counters.add(Kind.SIGHTINGS_UNAUTHORISED);
        say(vm, "unauthorised: " + how, nowNs);
    }

    /** A word about a VM that nobody was entitled to. */
    void refused(VmId vm, String how) {
        surroundings.sighted(vm, how);
    }

    private void say(VmEntry vm, String how, long nowNs) {
        Memory memory = memories.computeIfAbsent(vm.id, v -> new Memory());
        if (!memory.said || nowNs - memory.saidNs > SAID_EVERY_NS) {
            memory.said = true;
            memory.saidNs = nowNs;
            surroundings.sighted(vm.id, how);
        }
    }

    /** Once the pause is over the VM is claimed if it is still bound elsewhere: no sighting is forgotten, the latest wins. */
    private void later(VmEntry vm, Sign sign, long atNs) {
        Memory memory = memories.computeIfAbsent(vm.id, v -> new Memory());
        if (!memory.waiting) {
            memory.waiting = true;
            timers.set(memory, atNs, () -> {
                memory.waiting = false;
                if (table.vm(vm.id) == vm && !vm.local && !handoffs.isMoving(vm.id)) {
                    claim(vm, sign, System.nanoTime());
                }
            });
        }
    }

    private void claim(VmEntry vm, Sign sign, long nowNs) {
        Memory memory = memories.computeIfAbsent(vm.id, v -> new Memory());
        if (memory.claimed && nowNs - memory.lastClaimNs > CALM_NS) {
            memory.pauseNs = LEAST_PAUSE_NS;
        }
        if (memory.claimed && nowNs - memory.lastClaimNs < memory.pauseNs) {
            counters.add(Kind.CLAIMS_DELAYED);
            later(vm, sign, memory.lastClaimNs + memory.pauseNs);
            return;
        }
        Peer source = table.peer(vm.gateway);
        if (source == null || !handoffs.signals().hasKey()) {
            return;
        }
        timers.cancel(memory);
        memory.waiting = false;
        if (memory.claimed) {
            memory.pauseNs = Math.min(2 * memory.pauseNs, LONGEST_PAUSE_NS);
        }
        memory.claimed = true;
        memory.lastClaimNs = nowNs;
        vm.highestEpoch = Math.max(vm.highestEpoch, vm.epoch.number()) + 1;
        HandoffPlan plan = new HandoffPlan(
                new MigrationId(UUID.randomUUID()),
                vm.id,
                vm.gateway,
                table.self(),
                vm.epoch,
                new Epoch(vm.highestEpoch),
                others(vm.gateway),
                ordering(vm),
                timing());
        LOG.info("VM {}: seen here ({}), bound as {}; claiming it under {}", vm.id, sign, vm, plan.epoch());
        counters.add(Kind.CLAIMS_MADE);
        List<Integer> ports = new ArrayList<>();
        for (VmEntry.Nic nic : vm.nics) {
            LanPort port = nic.network().port;
            int learnt = port == null ? -1 : port.portOf(nic.mac());
            ports.add(port != null && learnt == port.ifindex() ? -1 : learnt);
        }
        GuestSide seen = new GuestSide() {
            @Override
            public List<Integer> ports() {
                return ports;
            }
        };
        Step<DestinationHandoff.State> first = DestinationHandoff.claim(plan, nowNs);
        handoffs.begin(Handoff.atDestination(first.state(), vm, seen).detected(), first.actions());
    }

    // --- where it left

    /** A peer says that it has seen a VM. */
    void heard(Signal claim, VmEntry vm) {
        if (!vm.gateway.equals(table.self())) {
            counters.add(Kind.CLAIMS_REFUSED);
            handoffs.signals()
                    .send(
                            claim.sender(),
                            new Signal(
                                    claim.migration(),
                                    claim.vm(),
                                    claim.epoch(),
                                    table.self(),
                                    new Signal.Moved(vm.gateway, vm.epoch)));
            return;
        }
        if (handoffs.isMoving(vm.id)) {
            refuse(claim, vm, "the VM is on an orderly move");
        } else if (!(claim.body() instanceof Signal.Claim c)
                || !c.previous().equals(vm.epoch)
                || claim.epoch().number() <= Math.max(vm.highestEpoch, vm.epoch.number())) {
            refuse(claim, vm, "it is of the past: " + vm + " here, the claim follows another epoch, or repeats one");
        } else if (asking.add(claim.migration())) {
            surroundings.stateOf(vm.id, state -> forwarder.post(() -> decide(claim, vm, state)));
        }
    }

    private void decide(Signal claim, VmEntry vm, Optional<GuestState> state) {
        asking.remove(claim.migration());
        if (!vm.gateway.equals(table.self()) || handoffs.isMoving(vm.id)) {
            return; // overtaken; the claim comes again if it still stands
        }
        if (state.isEmpty()) {
            refuse(claim, vm, "no hypervisor is held here that could say that the guest has left");
            return;
        }
        switch (state.get()) {
            case FINISHING -> {} // about to be sent whole: the next claim will find it gone
            case POSTMIGRATE, GONE -> {
                counters.add(Kind.CLAIMS_AGREED);
                LOG.info("VM {}: {} claims it, and it is {} here", vm.id, claim.sender(), state.get());
                Step<SourceHandoff.State> first =
                        SourceHandoff.claimed(claim, table.self(), others(claim.sender()), timing(), System.nanoTime());
                handoffs.begin(
                        Handoff.atSource(first.state(), vm, surroundings.remains(claim.migration(), vm.id))
                                .detected(),
                        first.actions());
            }
            default -> refuse(claim, vm, "the guest is " + state.get() + " at " + table.self());
        }
    }

    private void refuse(Signal claim, VmEntry vm, String why) {
        counters.add(Kind.CLAIMS_REFUSED);
        handoffs.signals().answer(Late.refuse(claim, table.self(), why));
        say(vm, "refused a claim of " + claim.sender() + " under " + claim.epoch() + ": " + why, System.nanoTime());
    }

    // --- common

    private List<GatewayId> others(GatewayId without) {
        return table.peers().stream()
                .map(peer -> peer.id)
                .filter(id -> !id.equals(without))
                .toList();
    }

    /** As the controller decides it for a move that it is asked for: of several networks the stricter one holds. */
    private static Ordering ordering(VmEntry vm) {
        return vm.nics.stream().allMatch(nic -> nic.network().ordering == Ordering.RELAXED)
                ? Ordering.RELAXED
                : Ordering.STRICT;
    }

    private Timing timing() {
        return Timing.forRtt(
                table.peers().stream().mapToLong(p -> p.rttNs).max().orElse(0));
    }
}

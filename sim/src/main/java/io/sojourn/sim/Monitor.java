// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import io.sojourn.handoff.Counter;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Holds the invariants of the handoff protocol against all that happens, and the hash of it.
 *
 * <pre>
 *   1 at most one gateway delivers to a VM, and it holds the highest activated epoch; at most one guest runs
 *   2 nothing is delivered twice, nothing accepted is lost, but for what a counted bound or a fault explains
 *   3 per flow, delivery order is send order
 *   4 after the last fault every correspondent reaches the VM
 *   5 a packet never crosses from one network to another
 *   6 every migration ends, with nothing left over
 *   7 epochs only grow, and none is used twice
 *   8 an armed handoff completes without the controller
 *   9 by ILNP nothing leaves a place under a locator of another
 *  10 by ILNP nobody sees an address change, and who does not know it is told nothing
 * </pre>
 */
final class Monitor {
    private static final long FNV_PRIME = 0x100000001b3L;

    private final Timeline timeline;
    private final int vms;
    private final boolean strict;
    private final List<String> violations = new ArrayList<>();
    private final @Nullable List<String> log;
    private final Map<Long, Integer> epochUsers = new HashMap<>();
    private final Set<Long> epochsReserved = new HashSet<>();
    private final long[] activated;
    private final int[] running;
    private final long[][] counts;
    private long hash = 0xcbf29ce484222325L;
    private int faultsUnderWay;
    private long faultsUntilNs = -1;
    private final long recoveryNs;
    private long delivered;
    private long lost;
    private boolean forgotten;

    /** @param recoveryNs after the end of a fault, what is lost or late is still its doing */
    Monitor(Timeline timeline, int vms, boolean strict, long recoveryNs, boolean logging) {
        this.timeline = timeline;
        this.vms = vms;
        this.recoveryNs = recoveryNs;
        this.strict = strict;
        this.log = logging ? new ArrayList<>() : null;
        activated = new long[vms];
        running = new int[vms];
        counts = new long[vms][Counter.values().length];
    }

    private Predicate<FlowName> unordered = flow -> false;

    /** Flows whose order is not promised. */
    void unordered(Predicate<FlowName> test) {
        unordered = test;
    }

    boolean logging() {
        return log != null;
    }

    /** Only when {@link #logging}; what is said does not enter the hash. */
    void say(String text) {
        if (log != null) {
            log.add(String.format("%12.3f ms  %s", timeline.nowNs() / 1e6, text));
        }
    }

    List<String> log() {
        return log == null ? List.of() : log;
    }

    /** Every event of a run goes through here: two runs that agree on the hash were the same. */
    void mix(int kind, long a, long b) {
        long h = hash;
        h = (h ^ timeline.nowNs()) * FNV_PRIME;
        h = (h ^ kind) * FNV_PRIME;
        h = (h ^ a) * FNV_PRIME;
        hash = (h ^ b) * FNV_PRIME;
    }

    long hash() {
        return hash;
    }

    List<String> violations() {
        return violations;
    }

    void violate(int invariant, String what) {
        String text = "invariant " + invariant + ": " + what;
        say("VIOLATION " + text);
        violations.add(text + String.format(" (at %.3f ms)", timeline.nowNs() / 1e6));
        mix(99, invariant, violations.size());
    }

    long delivered() {
        return delivered;
    }

    long lost() {
        return lost;
    }

    // what happens

    void faultBegins() {
        faultsUnderWay++;
    }

    void faultEnds() {
        faultsUnderWay--;
        faultsUntilNs = timeline.nowNs() + recoveryNs;
    }

    /** A process was killed, or a path cut, when this was under way. */
    private boolean disturbed(Packet packet) {
        return faultsUnderWay > 0 || packet.sentNs <= faultsUntilNs;
    }

    void count(int vm, Counter counter, long n) {
        counts[vm][counter.ordinal()] += n;
    }

    long counted(int vm, Counter counter) {
        return counts[vm][counter.ordinal()];
    }

    /** For either end of a packet's flow. */
    private long counted(Packet packet, Counter counter) {
        FlowName flow = packet.flow.name;
        return (flow.sourceVm() >= 0 ? counted(flow.sourceVm(), counter) : 0)
                + (flow.targetVm() >= 0 ? counted(flow.targetVm(), counter) : 0);
    }

    void guestRuns(int vm, String where) {
        if (++running[vm] > 1) {
            violate(1, "vm" + vm + " runs in two places, now at " + where + " as well");
        }
    }

    void guestStops(int vm) {
        running[vm]--;
    }

    int running(int vm) {
        return running[vm];
    }

    void reserved(int vm, long epoch) {
        if (!epochsReserved.add(epoch * vms + vm)) {
            violate(7, "epoch " + epoch + " of vm" + vm + " was given out twice");
        }
    }

    void activated(int vm, long epoch, int gateway) {
        Integer before = epochUsers.put(epoch * vms + vm, gateway);
        if (before != null && before != gateway) {
            violate(7, "epoch " + epoch + " of vm" + vm + " used by gateways " + before + " and " + gateway);
        }
        activated[vm] = Math.max(activated[vm], epoch);
    }

    long activatedEpoch(int vm) {
        return activated[vm];
    }

    /** A packet is put into a guest's queue by a gateway that holds this epoch. */
    void delivers(int vm, int gateway, long epoch) {
        if (epoch < activated[vm] && counted(vm, Counter.UNHELD) == 0) {
            violate(
                    1,
                    "gateway " + gateway + " delivers to vm" + vm + " under epoch " + epoch + ", but " + activated[vm]
                            + " is active");
        }
    }

    void received(Packet packet, int network) {
        Flow flow = packet.flow;
        delivered++;
        mix(1, flow.index, packet.number);
        if (packet.flow.name.network() != network) {
            violate(5, packet + " of network " + flow.name.network() + " came out in " + network);
        }
        if (++packet.deliveries > 1 && !packet.doubledByWan) {
            violate(2, packet + " was delivered twice");
        }
        packet.loss = null;
        if (packet.number < flow.delivered && !packet.doubledByWan && strict && !disorderExplained(packet)) {
            violate(3, packet + " came after #" + flow.delivered);
        }
        flow.delivered = Math.max(flow.delivered, packet.number);
    }

    private boolean disorderExplained(Packet packet) {
        return disturbed(packet)
                || unordered.test(packet.flow.name)
                || counted(packet, Counter.MARKER_MISSED) > 0
                || counted(packet, Counter.RETURN_MISSED) > 0;
    }

    /**
     * A gateway is killed before it has kept what it learnt last, or a guest runs before what is known of it has come: to hosts without a gateway the VM may be somebody new. No more is excused by it.
     */
    void forgets() {
        forgotten = true;
    }

    boolean hasForgotten() {
        return forgotten;
    }

    /** RFC 2827: the underlay lets nothing out at a place that is not from there. */
    void leavesFrom(boolean atHome, String place, Located located) {
        if (!atHome) {
            violate(
                    9,
                    (located.packet() == null ? "a message" : located.packet()) + " leaves " + place
                            + " from a locator of another place");
        }
    }

    /** By ILNP programs see one address of each other, and the octets that the other one sent, its checksum among them. */
    void unchanged(boolean same, Packet packet) {
        if (!same && !forgotten) {
            violate(10, packet + " came out with other octets than it went in with");
        }
    }

    /** Who has plain IPv6 is told nothing of locators. */
    void notTold(boolean told, int outsider) {
        if (told) {
            violate(10, "outsider " + outsider + " has plain IPv6, and is sent a Locator Update");
        }
    }

    void lost(Packet packet, Loss why, int gateway) {
        if (packet.doubledByWan && packet.deliveries > 0) {
            return;
        }
        lost++;
        mix(2, packet.flow.index, packet.number * 32 + why.ordinal());
        if (log != null) {
            say("lost " + packet + " at " + gateway + ": " + why);
        }
        packet.loss = why;
        boolean excused = switch (why) {
            case WAN, CUT, DEAD_GATEWAY, FULL -> true;
            case QUEUE_OF_THE_GONE ->
                counted(packet, Counter.UNHELD) + counted(packet, Counter.NOT_DRAINED) > 0 || disturbed(packet);
            case BUFFER_DROPPED -> counted(packet, Counter.UNANSWERED) > 0 || disturbed(packet);
            case FUTURE_EPOCH -> counted(packet, Counter.RETURN_MISSED) > 0 || disturbed(packet);
            // a guest that ran unasked, and was taken back before this gateway knew
            case NOT_ACTIVE ->
                counted(packet, Counter.EARLY_SIGN) + counted(packet, Counter.UNHELD) > 0 || disturbed(packet);
            case NO_PORT, NO_ROUTE, STALE_EPOCH -> disturbed(packet);
            case NOT_BELIEVED -> forgotten || disturbed(packet);
            case WRONG_NETWORK -> false;
        };
        if (!excused) {
            violate(2, packet + " was lost at gateway " + gateway + ": " + why);
        }
    }
}

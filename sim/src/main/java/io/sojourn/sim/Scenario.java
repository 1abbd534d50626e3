// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * One run of the simulator, as data. The seed still feeds what the lists do not say (jitter, which signal is lost), so a
 * scenario that is cut down is another run, and equally repeatable.
 *
 * @param oneWayNs delay between gateways, by index; the last row and column is the controller
 * @param signalLoss share of signals and table updates lost; so for the others
 * @param queueNs data waits up to so long in the network, in order; signals may overtake it
 * @param bufferPackets bound of each buffer and hold
 * @param ilnp VMs go by ILNP, visible, and are known to hosts without a gateway; otherwise by the overlay
 * @param forget gateways drop a machine when it has finished, and answer late signals without it
 */
record Scenario(
        long seed,
        int gateways,
        int vms,
        long[][] oneWayNs,
        double signalLoss,
        double signalDup,
        double signalReorder,
        double dataLoss,
        double dataDup,
        long queueNs,
        boolean strict,
        int bufferPackets,
        boolean forget,
        long flowIntervalNs,
        boolean ilnp,
        List<Move> moves,
        List<Fault> faults) {

    static final long MS = 1_000_000;
    static final long SECOND = 1_000 * MS;

    /** What a hypervisor may do wrong in one move. */
    enum Mishap {
        NONE,
        STREAM_FAILS,
        /** The guest stops before HOLD, and is continued at the destination by QEMU itself. */
        STOPS_UNASKED,
        INCOMING_DIES,
        /** QMP cont is refused. */
        CONTINUE_REFUSED,
        /** The incoming QEMU dies when it is told to continue. */
        DIES_AT_CONTINUE,
        /** No RESUME event: only frames tell. */
        NO_RESUME_EVENT,
        /** Somebody on the destination's LAN pretends to be the guest while it is copied. */
        FORGED_FRAME,
        SLOW_STOP,
        SLOW_QUEUE
    }

    /**
     * @param copyNs until the carrier parks the stream
     * @param restNs what the last pages take, besides the path's delay
     * @param rarpNs after the guest runs; -1: none
     * @param abortNs after the start somebody aborts; -1: nobody
     */
    record Move(long atNs, int vm, int to, long copyNs, long restNs, Mishap mishap, long rarpNs, long abortNs) {}

    /** When a fault strikes. */
    sealed interface When {}

    record At(long atNs) implements When {}

    /** When the machine of this role in this move enters this state, and a little later. */
    record OnState(int move, char role, String state, long delayNs) implements When {}

    sealed interface Fault {
        When when();

        long forNs();
    }

    /** The process is killed, and started again after a time. {@code who == gateways}: the controller. */
    record Crash(int who, When when, long forNs) implements Fault {}

    /** Nothing passes between the two. {@code noticed}: path probers see it and see it end. */
    record Cut(int a, int b, When when, long forNs, boolean noticed) implements Fault {}

    /** Nothing passes between source and destination of the move that it waits for. */
    record Split(OnState when, long forNs) implements Fault {}

    private static final String[] SOURCE_STATES = {
        "Armed", "Copying", "Held", "Stopping", "Paused", "Asking", "TakingBack", "Draining", "Released", "RolledBack"
    };
    private static final String[] DESTINATION_STATES = {
        "Armed", "Continuing", "Active", "Burning", "Settled", "Burnt", "Finding"
    };
    private static final String[] CORRESPONDENT_STATES = {"Armed", "Flipped", "Settled", "Disarmed"};

    /** The same by ILNP. */
    static Scenario random(long seed, boolean ilnp) {
        Scenario scenario = random(seed);
        return ilnp ? scenario.byIlnp() : scenario;
    }

    /** A world with faults in it. */
    static Scenario random(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        if (seed % 8 == 5) {
            return crossing(seed, random);
        }
        int gateways = 2 + random.nextInt(3);
        int vms = random.nextInt(4) == 0 ? 2 + random.nextInt(2) : 1;
        long[][] oneWayNs = delays(random, gateways);
        boolean noisy = random.nextInt(3) > 0;
        List<Move> moves = moves(random, gateways, vms);
        List<Fault> faults = new ArrayList<>();
        if (random.nextInt(16) == 0) {
            moves = List.of(undisturbed(moves.getFirst()));
            faults.add(new Crash(gateways, new OnState(0, 'S', "Copying", 0), WITHOUT_CONTROLLER_NS));
        } else {
            int count = random.nextInt(4);
            for (int i = 0; i < count; i++) {
                faults.add(fault(random, gateways, moves.size()));
            }
        }
        return new Scenario(
                seed,
                gateways,
                vms,
                oneWayNs,
                noisy ? random.nextDouble(random.nextInt(4) == 0 ? 0.01 : 0.3) : 0,
                noisy ? random.nextDouble(0.3) : 0,
                noisy ? random.nextDouble(0.3) : 0,
                random.nextInt(4) == 0 ? random.nextDouble(0.02) : 0,
                random.nextInt(4) == 0 ? random.nextDouble(0.02) : 0,
                random.nextInt(3) == 0 ? 1 + random.nextLong(20 * MS) : 20_000,
                random.nextInt(8) > 0,
                random.nextInt(16) == 0 ? 3 : 100_000,
                random.nextBoolean(),
                (3 + random.nextInt(25)) * MS,
                false,
                moves,
                faults);
    }

    /** Two VMs of a network, which talk to each other, move within the same moment, time and again; nothing goes wrong but on the WAN. */
    private static Scenario crossing(long seed, SplittableRandom random) {
        int gateways = 2 + random.nextInt(3);
        List<Move> moves = new ArrayList<>();
        int rounds = 1 + random.nextInt(2);
        for (int round = 0; round < rounds; round++) {
            long atNs = 50 * MS + round * (2 + random.nextLong(2)) * SECOND;
            for (int vm = 0; vm <= 2; vm += 2) {
                moves.add(new Move(
                        atNs + random.nextLong(40 * MS),
                        vm,
                        random.nextInt(gateways),
                        20 * MS + random.nextLong(150 * MS),
                        random.nextLong(20 * MS),
                        Mishap.NONE,
                        random.nextLong(60 * MS),
                        -1));
            }
        }
        return new Scenario(
                seed,
                gateways,
                3,
                delays(random, gateways),
                random.nextInt(4) == 0 ? 0.1 : 0,
                random.nextInt(4) == 0 ? 0.1 : 0,
                0,
                0,
                0,
                random.nextInt(3) == 0 ? 1 + random.nextLong(20 * MS) : 20_000,
                true,
                100_000,
                random.nextBoolean(),
                (3 + random.nextInt(10)) * MS,
                false,
                List.copyOf(moves),
                List.of());
    }

    /** So long the controller is away, where nothing else goes wrong. */
    private static final long WITHOUT_CONTROLLER_NS = 8 * SECOND;

    private static Move undisturbed(Move move) {
        return new Move(
                move.atNs(), move.vm(), move.to(), move.copyNs(), move.restNs(), Mishap.NONE, move.rarpNs(), -1);
    }

    /** The controller dies when all is armed and started, and comes back when all must be over (invariant 8). */
    boolean withoutController() {
        return faults.size() == 1
                && faults.getFirst() instanceof Crash(int who, When when, long forNs)
                && who == gateways
                && forNs == WITHOUT_CONTROLLER_NS;
    }

    private static long[][] delays(SplittableRandom random, int gateways) {
        long[][] oneWayNs = new long[gateways + 1][gateways + 1];
        int scale = random.nextInt(4);
        long boundNs = new long[] {MS / 5, 5 * MS, 40 * MS, 150 * MS}[scale];
        for (int a = 0; a <= gateways; a++) {
            for (int b = 0; b < a; b++) {
                oneWayNs[a][b] = oneWayNs[b][a] = 50_000 + random.nextLong(boundNs);
            }
        }
        return oneWayNs;
    }

    private static List<Move> moves(SplittableRandom random, int gateways, int vms) {
        List<Move> moves = new ArrayList<>();
        int count = 1 + random.nextInt(4);
        long atNs = 50 * MS;
        for (int i = 0; i < count; i++) {
            Mishap mishap =
                    random.nextInt(3) == 0 ? Mishap.values()[random.nextInt(Mishap.values().length)] : Mishap.NONE;
            long rarpNs = mishap == Mishap.NO_RESUME_EVENT || random.nextInt(3) > 0 ? random.nextLong(60 * MS) : -1;
            moves.add(new Move(
                    atNs,
                    random.nextInt(vms),
                    random.nextInt(gateways),
                    20 * MS + random.nextLong(150 * MS),
                    random.nextLong(20 * MS),
                    mishap,
                    rarpNs,
                    random.nextInt(5) == 0 ? random.nextLong(600 * MS) : -1));
            atNs += vms > 1 && random.nextBoolean() ? random.nextLong(20 * MS) : random.nextLong(2 * SECOND);
        }
        return List.copyOf(moves);
    }

    private static Fault fault(SplittableRandom random, int gateways, int moves) {
        When when = random.nextInt(3) == 0 ? new At(random.nextLong(3 * SECOND)) : onState(random, moves);
        long forNs = switch (random.nextInt(4)) {
            case 0 -> 1 + random.nextLong(20 * MS);
            case 1, 2 -> 20 * MS + random.nextLong(800 * MS);
            default -> random.nextLong(6 * SECOND);
        };
        int parties = gateways + 1;
        if (when instanceof OnState on && random.nextInt(5) == 0) {
            return new Split(on, random.nextInt(3) == 0 ? 10 * SECOND + random.nextLong(4 * SECOND) : forNs);
        }
        if (random.nextBoolean()) {
            return new Crash(random.nextInt(parties), when, forNs);
        }
        int a = random.nextInt(parties);
        int b = (a + 1 + random.nextInt(parties - 1)) % parties;
        return new Cut(a, b, when, forNs, random.nextBoolean());
    }

    private static When onState(SplittableRandom random, int moves) {
        char role = "SSDDC".charAt(random.nextInt(5));
        String[] states = switch (role) {
            case 'S' -> SOURCE_STATES;
            case 'D' -> DESTINATION_STATES;
            default -> CORRESPONDENT_STATES;
        };
        return new OnState(
                random.nextInt(moves),
                role,
                states[random.nextInt(states.length)],
                random.nextBoolean() ? 0 : random.nextLong(30 * MS));
    }

    private Scenario byIlnp() {
        return with(true, moves, faults);
    }

    Scenario withMoves(List<Move> fewer) {
        return with(ilnp, fewer, faults);
    }

    Scenario withFaults(List<Fault> fewer) {
        return with(ilnp, moves, fewer);
    }

    private Scenario with(boolean nowIlnp, List<Move> someMoves, List<Fault> someFaults) {
        return new Scenario(
                seed,
                gateways,
                vms,
                oneWayNs,
                signalLoss,
                signalDup,
                signalReorder,
                dataLoss,
                dataDup,
                queueNs,
                strict,
                bufferPackets,
                forget,
                flowIntervalNs,
                nowIlnp,
                List.copyOf(someMoves),
                List.copyOf(someFaults));
    }

    Scenario withNoise(double loss, double dup, double reorder, double packetLoss, double packetDup) {
        return new Scenario(
                seed,
                gateways,
                vms,
                oneWayNs,
                loss,
                dup,
                reorder,
                packetLoss,
                packetDup,
                queueNs,
                strict,
                bufferPackets,
                forget,
                flowIntervalNs,
                ilnp,
                moves,
                faults);
    }

    /** The longest round trip between gateways. */
    long rttNs() {
        long longest = 0;
        for (int a = 0; a < gateways; a++) {
            for (int b = 0; b < gateways; b++) {
                longest = Math.max(longest, 2 * oneWayNs[a][b]);
            }
        }
        return longest;
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder("seed " + seed + ": " + gateways + " gateways, " + vms + " VMs, rtt "
                + rttNs() / 1000 + " us, loss " + signalLoss + " dup " + signalDup + " reorder " + signalReorder
                + " data loss " + dataLoss + " dup " + dataDup + " queue " + queueNs / 1000 + " us"
                + (ilnp ? " ilnp" : "") + (strict ? " strict" : " relaxed") + " buffer "
                + bufferPackets + (forget ? " forget" : "") + " every " + flowIntervalNs / 1000 + " us");
        moves.forEach(m -> text.append("\n  ").append(m));
        faults.forEach(f -> text.append("\n  ").append(f));
        return text.toString();
    }
}

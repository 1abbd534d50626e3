// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.rpc.AbortMigration;
import io.sojourn.rpc.ArmCorrespondent;
import io.sojourn.rpc.ArmDestination;
import io.sojourn.rpc.ArmSource;
import io.sojourn.rpc.Command;
import io.sojourn.rpc.Limits;
import io.sojourn.rpc.ReleaseMigration;
import io.sojourn.rpc.StartMigration;
import io.sojourn.rpc.Vm;

/** What a move tells its gateways, as messages. */
final class MoveCommands {
    /** How much a destination may hold back for the guest: a second of a full gigabit link, half of that again for bursts. */
    private static final long BUFFER_BYTES = 192L << 20;

    private MoveCommands() {}

    private static Vm vm(Move move) {
        Resource.Migration plan = move.plan();
        return ForwardingTable.message(move.vm(), plan.fromGateway(), move.boundEpoch());
    }

    /** Taps and QMP socket are the source's: at the destination they are found or made anew. */
    static Command.Builder armDestination(Move move) {
        Vm.Builder vm = vm(move).toBuilder().clearQmp();
        vm.getNicsBuilderList().forEach(io.sojourn.rpc.Nic.Builder::clearTap);
        return Command.newBuilder()
                .setArmDestination(ArmDestination.newBuilder()
                        .setMigration(move.id())
                        .setVm(vm)
                        .setEpoch(move.plan().epoch())
                        .setSource(move.parties().source())
                        .setLandingQmp(move.landingQmp())
                        .addAllCorrespondents(move.parties().correspondents())
                        .setBufferBytes(BUFFER_BYTES)
                        .setOrdering(move.plan().ordering())
                        .setCapture(Boolean.TRUE.equals(move.plan().capture())));
    }

    static Command.Builder armSource(Move move) {
        Resource.Migration plan = move.plan();
        return Command.newBuilder()
                .setArmSource(ArmSource.newBuilder()
                        .setMigration(move.id())
                        .setVm(vm(move))
                        .setEpoch(plan.epoch())
                        .setDestination(move.parties().destination())
                        .setStreamToken(move.streamToken())
                        .addAllCorrespondents(move.parties().correspondents())
                        .setLimits(Limits.newBuilder()
                                .setBandwidthBytesPerS(or0(plan.bandwidthMbit()) * 1_000_000L / 8)
                                .setMaxPauseMs(or0(plan.maxPauseMs()))
                                .setMaxTotalS(or0(plan.maxTotalS())))
                        .setOrdering(plan.ordering())
                        .setCapture(Boolean.TRUE.equals(plan.capture())));
    }

    static Command.Builder armCorrespondent(Move move) {
        return Command.newBuilder()
                .setArmCorrespondent(ArmCorrespondent.newBuilder()
                        .setMigration(move.id())
                        .setVm(vm(move))
                        .setEpoch(move.plan().epoch())
                        .setSource(move.parties().source())
                        .setDestination(move.parties().destination())
                        .setOrdering(move.plan().ordering()));
    }

    static Command.Builder start(Move move) {
        return Command.newBuilder().setStart(StartMigration.newBuilder().setMigration(move.id()));
    }

    static Command.Builder abort(String migration, String reason) {
        return Command.newBuilder()
                .setAbort(AbortMigration.newBuilder().setMigration(migration).setReason(reason));
    }

    static Command.Builder release(String migration) {
        return Command.newBuilder().setRelease(ReleaseMigration.newBuilder().setMigration(migration));
    }

    private static int or0(@org.jspecify.annotations.Nullable Integer number) {
        return number == null ? 0 : number;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.handoff.MigrationId;
import io.sojourn.handoff.Signal;
import io.sojourn.handoff.Signal.Direction;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.rpc.Gateway;
import io.sojourn.rpc.TableUpdate;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Gateways a, b, c; vm1 at a, vm2 at c. */
class PacketPathTest {
    private static final long BOUND = 1 << 20;

    private final PathStage a = new PathStage("a");
    private final PathStage b = new PathStage("b");
    private final PathStage c = new PathStage("c");

    @BeforeEach
    void connect() {
        PathStage.connect(a, b, c);
        PathStage.bind(1, "a", 1, a, b, c);
        PathStage.bind(2, "c", 1, a, b, c);
    }

    @AfterEach
    void close() {
        a.close();
        b.close();
        c.close();
    }

    private static Epoch epoch(long number) {
        return new Epoch(number);
    }

    private static void settle(PathStage... stages) {
        PathStage.settle(stages);
    }

    @Test
    void theEndOfAMoveLeavesTheNextOneAlone() {
        VmEntry atA = a.vm(1);
        a.path.redirectOn(atA, epoch(2), b.id, epoch(2), false);
        a.table.bind(atA, b.id, epoch(2));
        // It comes back before the first move has been forgotten.
        a.path.startBuffering(atA, epoch(3), epoch(3), BOUND);
        b.toWan(a, 2, 1, 1, 3);
        settle(a);

        a.path.deleteState(atA, epoch(2));
        a.path.finish(atA, epoch(2));
        b.toWan(a, 2, 1, 2, 3);
        settle(a);
        a.table.bind(atA, a.id, epoch(3));
        a.path.flushBuffer(atA, epoch(3), System.nanoTime());
        a.path.deliverLive(atA, epoch(3), System.nanoTime());
        flush(a);

        assertThat(a.delivered(1)).containsExactly(1, 2);
        assertThat(a.dropped()).isEmpty();
    }

    private static void flush(PathStage stage) {
        for (long now = stage.delivery.nextFlushNs(); now != Long.MAX_VALUE; now = stage.delivery.nextFlushNs()) {
            stage.delivery.flushDue(now);
        }
    }

    private static boolean knowsNextHop(PathStage stage, int target) {
        VmTable vms = requireNonNull(stage.table.network(PathStage.NETWORK)).vmByAddress;
        return vms.nextHop(vms.find(false, 0, 0xC000_0200L + target)) != NextHop.NONE;
    }

    @Test
    void theNextHopIsThatOfTheBindingAsSoonAsThereIsOne() {
        assertThat(knowsNextHop(a, 2)).isTrue();
        assertThat(knowsNextHop(a, 1)).as("it is here").isFalse();
        a.fromLan(9, 2, 1);
        settle(c);
        PathStage.bind(2, "b", 2, a, b, c);
        assertThat(knowsNextHop(a, 2)).isTrue();
        a.fromLan(9, 2, 2);
        settle(b);

        assertThat(c.delivered(2)).containsExactly(1);
        assertThat(b.delivered(2)).containsExactly(2);
    }

    @Test
    void gatewaysThatComeAndGoLeadNobodyAstray() {
        a.table.apply(TableUpdate.newBuilder()
                .addGateways(Gateway.newBuilder().setName("aa").setSite("aa").setLocator("127.0.0.1:9"))
                .addRemovedGateways("b")
                .build());
        a.fromLan(9, 2, 1);
        settle(c);
        assertThat(c.delivered(2)).containsExactly(1);

        a.table.apply(TableUpdate.newBuilder().addRemovedGateways("c").build());
        assertThat(knowsNextHop(a, 2)).isFalse();
    }

    @Test
    void aVmThatComesHereIsNoLongerSentForElsewhere() {
        VmEntry vm2 = a.vm(2);
        a.fromLan(9, 2, 1);
        a.path.startBuffering(vm2, epoch(2), epoch(2), BOUND);
        assertThat(knowsNextHop(a, 2)).isFalse();
        a.path.deliverLive(vm2, epoch(2), System.nanoTime());
        a.fromLan(9, 2, 2);
        settle(c);

        assertThat(a.delivered(2)).containsExactly(2);
        assertThat(c.delivered(2)).containsExactly(1);
    }

    @Test
    void aVmThatMovesIsAskedForEachPacketUntilItsMoveIsOver() {
        VmEntry vm2 = a.vm(2);
        vm2.onMove = true;
        a.table.willChange(vm2);
        assertThat(knowsNextHop(a, 2)).isFalse();
        a.table.bind(vm2, b.id, epoch(2));
        assertThat(knowsNextHop(a, 2)).isFalse();
        vm2.onMove = false;
        a.table.settle(vm2);
        assertThat(knowsNextHop(a, 2)).isTrue();

        a.path.redirectOn(vm2, epoch(3), c.id, epoch(3), true);
        a.fromLan(9, 2, 2);
        a.table.settle(vm2);
        assertThat(knowsNextHop(a, 2)).isFalse();
        settle(b, c);
        assertThat(b.delivered(2)).isEmpty();
        assertThat(c.delivered(2)).isEmpty();
    }

    @Test
    void theBridgeWaitsUntilTheGuestHasAnsweredWhatItHadFromUs() {
        VmEntry atB = b.vm(1);
        b.path.startBuffering(atB, epoch(2), epoch(2), BOUND);
        b.table.bind(atB, b.id, epoch(2));
        long now = System.nanoTime();
        b.path.deliverLive(atB, epoch(2), now);
        b.delivery.flushDue(now);
        assertThat(atB.captured).isTrue();

        b.delivery.flushDue(b.delivery.nextFlushNs());
        assertThat(atB.captured).isFalse();
        assertThat(b.delivery.nextFlushNs()).isEqualTo(Long.MAX_VALUE);
    }

    @Test
    void theEndOfAMoveDoesNotGiveTheBridgeAGuestThatHasYetToAnswerWhatWasHeld() {
        VmEntry atB = b.vm(1);
        b.path.startBuffering(atB, epoch(2), epoch(2), BOUND);
        b.table.bind(atB, b.id, epoch(2));
        b.path.deliverLive(atB, epoch(2), System.nanoTime());
        b.path.holdFrom(atB, epoch(2), b.id, BOUND, () -> {});
        b.fromLan(9, 1, 1);
        assertThat(b.delivered(1)).isEmpty();

        b.path.finish(atB, epoch(2));
        assertThat(b.delivered(1)).containsExactly(1);
        assertThat(atB.captured).isTrue();
        b.delivery.flushDue(System.nanoTime() + TimeUnit.SECONDS.toNanos(1));
        assertThat(atB.captured).isFalse();
    }

    @Test
    void whatIsRedirectedWaitsForWhatTheGuestHasNotRead() {
        VmEntry atA = a.vm(1);
        VmEntry atB = b.vm(1);
        b.path.startBuffering(atB, epoch(2), epoch(2), BOUND);
        a.path.redirectOn(atA, epoch(2), b.id, epoch(2), true);
        a.fromLan(9, 1, 2);
        c.toWan(a, 2, 1, 3, 1);
        settle(a, b);
        assertThat(atB.counts.buffered).isZero();

        long at = a.wan.frameAt();
        int length = PathStage.udp(a.wan.frames(), at, 9, 1, 1);
        PathStage.toMac(a.wan.frames(), at, 1);
        byte[] unread = a.wan.frames().asSlice(at, length).toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
        a.path.rescue(atA, a.peer(b), PathStage.copy(unread), 2, false);
        a.path.letGo(atA, epoch(2));
        a.fromLan(9, 1, 4);
        a.wan.flush();
        settle(b);
        b.table.bind(atB, b.id, epoch(2));
        b.path.deliverLive(atB, epoch(2), System.nanoTime());
        flush(b);

        assertThat(b.delivered(1)).containsExactly(1, 3, 2, 4); // 3 is the first of another correspondent
    }

    @Test
    void whatWasRescuedAndComesBackIsNotGivenTwice() {
        fourComeBack(0, 2);

        assertThat(a.delivered(1)).containsExactly(3, 4);
    }

    @Test
    void whatTheHypervisorHadReadInVainAndComesBackIsGiven() {
        fourComeBack(1, 2);

        assertThat(a.delivered(1)).containsExactly(1, 4);
    }

    /** The move is undone when so many frames had been rescued. */
    private void fourComeBack(long readInVain, long stillInPort) {
        VmEntry atA = a.vm(1);
        a.path.redirectOn(atA, epoch(2), b.id, epoch(2), false);
        atA.readInVain = readInVain;
        atA.rescuedHere = stillInPort;
        a.path.redirectOff(atA, epoch(2), b.id, epoch(2), BOUND);
        for (int number = 1; number <= 4; number++) {
            b.toWan(a, 2, 1, number, 2);
        }
        settle(a);
    }

    @Test
    void aPacketOfABurntEpochIsNotDelivered() {
        c.toWan(a, 2, 1, 1, 1);
        c.toWan(a, 2, 1, 2, 2);
        c.toWan(a, 2, 1, 3, 1);
        settle(a);

        assertThat(a.delivered(1)).containsExactly(1, 3);
        assertThat(a.dropped()).containsExactly(java.util.Map.entry("drop-future-epoch", 1L));
    }

    @Test
    void aPacketIsPassedOnUnderAHigherEpochOnly() {
        c.toWan(b, 2, 1, 1, 0);
        c.toWan(b, 2, 1, 2, 1);
        settle(a, b);

        assertThat(a.delivered(1)).containsExactly(1);
        assertThat(b.dropped()).containsExactly(java.util.Map.entry("drop-stale-epoch", 1L));
    }

    @Test
    void whoSendsByTheOldPathIsNamedSoThatHeCanBeTold() {
        c.toWan(b, 2, 1, 1, 0);
        settle(b, a);

        assertThat(b.late).containsExactly("vm1 from c");
        assertThat(a.delivered(1)).containsExactly(1);
        assertThat(a.late).as("it is here").isEmpty();
    }

    @Test
    void aPacketForAVmOfNoKnownGatewayIsDroppedAndNobodyIsTold() {
        PathStage.bind(3, "nowhere", 1, a);
        c.toWan(a, 2, 3, 1, 0);
        settle(a);

        assertThat(a.dropped()).containsExactly(java.util.Map.entry("drop-no-route", 1L));
        assertThat(a.late).isEmpty();
    }

    @Test
    void aPacketIsNotPassedOnForEver() {
        c.toWan(b, 2, 1, 1, 0, 1);
        settle(b, a);

        assertThat(b.dropped()).containsExactly(java.util.Map.entry("drop-ttl-expired", 1L));
        assertThat(a.delivered(1)).isEmpty();
    }

    @Test
    void whatExceedsTheBoundOfABufferIsDroppedAndTheRestGivenInOrder() {
        VmEntry atB = b.vm(1);
        b.path.startBuffering(atB, epoch(2), epoch(2), 200);
        for (int number = 1; number <= 4; number++) {
            a.toWan(b, 2, 1, number, 2);
        }
        settle(b);
        b.table.bind(atB, b.id, epoch(2));
        b.path.flushBuffer(atB, epoch(2), System.nanoTime());
        b.path.deliverLive(atB, epoch(2), System.nanoTime());
        flush(b);

        List<Integer> given = b.delivered(1);
        assertThat(given).isNotEmpty().isSorted().startsWith(1).hasSizeLessThan(4);
        assertThat(b.dropped().values().stream().mapToLong(Long::longValue).sum())
                .isEqualTo(4L - given.size());
    }

    @Test
    void oldPathPacketsOfAnEarlierBindingAreNotHeld() {
        VmEntry atA = a.vm(1);
        a.table.bind(atA, a.id, epoch(3));
        a.path.holdFrom(atA, epoch(3), c.id, BOUND, () -> {});
        c.toWan(a, 2, 1, 2, 3);
        c.toWan(a, 2, 1, 1, 1);
        settle(a);
        assertThat(a.delivered(1)).containsExactly(1);

        a.path.releaseHold(atA, epoch(3), c.id);
        assertThat(a.delivered(1)).containsExactly(1, 2);
    }

    @Test
    void anEarlierMoveDoesNotLetGoWhatALaterOneHolds() {
        VmEntry atC = c.vm(1);
        c.path.holdOutbound(atC, epoch(2), b.id, BOUND, () -> {});
        c.path.holdOutbound(atC, epoch(4), b.id, BOUND, () -> {});
        b.toWan(c, 1, 2, 1, 1);
        settle(c);
        c.path.releaseOutbound(atC, epoch(2), b.id);
        assertThat(c.delivered(2)).isEmpty();

        c.path.releaseOutbound(atC, epoch(4), b.id);
        assertThat(c.delivered(2)).containsExactly(1);
    }

    @Test
    void anEndMarkerWaitsBehindThePacketsThatItEnds() {
        VmEntry atC = c.vm(1);
        Signal toVm2 = marker(2, "b", Direction.INBOUND);
        Signal toVm1 = marker(1, "b", Direction.INBOUND);
        c.path.holdOutbound(atC, epoch(2), b.id, BOUND, () -> {});
        assertThat(c.path.waits(toVm2, b.id, List.of(atC)))
                .as("nothing is held")
                .isFalse();
        b.toWan(c, 1, 2, 1, 1);
        settle(c);

        assertThat(c.path.waits(toVm1, b.id, List.of(atC)))
                .as("of another path")
                .isFalse();
        assertThat(c.path.waits(toVm2, a.id, List.of(atC))).as("by another way").isFalse();
        assertThat(c.path.waits(toVm2, b.id, List.of(atC))).isTrue();
        assertThat(c.markers).isEmpty();
        c.path.releaseOutbound(atC, epoch(2), b.id);
        assertThat(c.delivered(2)).containsExactly(1);
        assertThat(c.markers).containsExactly(new Hold.Marker(toVm2, b.id));
    }

    @Test
    void aVmThatHasMovedAsWellWaitsForWhatItSentBefore() {
        // vm2 has moved from c to b; vm1 arrives at a, and what c has sent for it may still be on its way.
        VmEntry vm1 = a.vm(1);
        a.table.bind(a.vm(2), b.id, epoch(2));
        a.path.holdFrom(vm1, epoch(1), b.id, BOUND, () -> {});
        a.path.holdFrom(vm1, epoch(1), c.id, BOUND, () -> {});
        b.toWan(a, 2, 1, 2, 1);
        settle(a);
        a.path.releaseHold(vm1, epoch(1), b.id);
        b.toWan(a, 2, 1, 3, 1);
        b.toWan(a, 7, 1, 9, 1);
        settle(a);
        assertThat(a.delivered(1)).as("a host's").containsExactly(9);

        a.path.releaseHold(vm1, epoch(1), c.id);
        assertThat(a.delivered(1)).containsExactly(9, 2, 3);
    }

    @Test
    void whatAGatewayPassesOnIsNotWhatItsVmSends() {
        // vm2, still at c, speaks to vm1 by way of b, where vm2 is about to be.
        c.path.holdOutbound(c.vm(2), epoch(2), b.id, BOUND, () -> {});
        a.path.holdOutbound(a.vm(2), epoch(2), b.id, BOUND, () -> {});
        c.toWan(b, 2, 1, 1, 0);
        settle(b, a);
        b.toWan(a, 2, 1, 2, 1);
        settle(a);

        assertThat(a.delivered(1)).containsExactly(1);
    }

    @Test
    void anEndMarkerThatWasPassedOnWaitsForNobody() {
        VmEntry atC = c.vm(1);
        c.path.holdOutbound(atC, epoch(2), b.id, BOUND, () -> {});
        b.toWan(c, 1, 2, 1, 1);
        settle(c);

        assertThat(c.path.waits(marker(2, "a", Direction.INBOUND), b.id, List.of(atC)))
                .isFalse();
        assertThat(c.path.waits(marker(2, "b", Direction.INBOUND), b.id, List.of(atC)))
                .isTrue();
    }

    private static Signal marker(int vm, String origin, Direction direction) {
        var gateway = new io.sojourn.model.location.GatewayId(origin);
        return new Signal(
                new MigrationId(new UUID(0, vm)),
                new VmId("vm" + vm),
                epoch(2),
                gateway,
                new Signal.EndMarker(gateway, direction));
    }
}

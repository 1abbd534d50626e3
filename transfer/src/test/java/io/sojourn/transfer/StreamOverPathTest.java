// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import static io.sojourn.transfer.SimulatedPath.MS;
import static io.sojourn.transfer.SimulatedPath.S;
import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.transfer.SimulatedPath.Link;
import org.junit.jupiter.api.Test;

/** Sender and receiver over simulated paths in virtual time; every byte is checked on arrival. */
class StreamOverPathTest {
    private static final double MBIT = 125_000;
    private static final int MB = 1_000_000;

    private static SimulatedPath path(long seed, StreamParameters parameters, Link link) {
        Link back = Link.clean(link.bytesPerS(), link.delayNs() / MS)
                .loss(link.loss())
                .jitter(link.jitterNs())
                .duplicate(link.duplicate());
        return new SimulatedPath(seed, parameters, link, back);
    }

    private static StreamParameters small() {
        return StreamParameters.defaults().withRingBytes(16 << 20);
    }

    @Test
    void everyByteArrivesThroughLossDuplicationAndReordering() {
        for (long seed = 1; seed <= 8; seed++) {
            SimulatedPath path = path(
                    seed,
                    small(),
                    Link.clean(100 * MBIT, 20).loss(0.03).jitter(3 * MS).duplicate(0.02));
            path.produceTo(10 * MB + seed);
            path.run(60 * S);
            assertThat(path.sender.failure()).isEmpty();
            assertThat(path.sender.done()).as("seed %d", seed).isTrue();
            assertThat(path.checkedBytes).isEqualTo(10L * MB + seed);
            assertThat(path.targetRing.end()).isEqualTo(10L * MB + seed);
            path.close();
        }
    }

    @Test
    void anEmptyStreamAndAStreamOfOneByteEnd() {
        for (long bytes = 0; bytes <= 1; bytes++) {
            SimulatedPath path = path(3, small(), Link.clean(100 * MBIT, 20).loss(0.3));
            path.produceTo(bytes);
            path.run(60 * S);
            assertThat(path.sender.done()).isTrue();
            assertThat(path.targetRing.end()).isEqualTo(bytes);
            path.close();
        }
    }

    @Test
    void theSameSeedGivesTheSameRun() {
        long[] wire = new long[2];
        for (int i = 0; i < 2; i++) {
            SimulatedPath path =
                    path(7, small(), Link.clean(200 * MBIT, 40).loss(0.02).jitter(MS));
            path.produceTo(5 * MB);
            path.run(30 * S);
            wire[i] = path.sender.stats().hashCode() * 31L + path.nowNs;
            path.close();
        }
        assertThat(wire[0]).isEqualTo(wire[1]);
    }

    @Test
    void fillsALongFatPathInSpiteOfRandomLossWithoutStandingInItsQueue() {
        SimulatedPath path = path(
                1, StreamParameters.defaults(), Link.clean(1000 * MBIT, 125).loss(0.01));
        path.produceTo(2_000L * MB);
        path.run(5 * S);
        long before = path.checkedBytes;
        path.maxQueueNs = 0;
        path.run(3 * S);
        assertThat((path.checkedBytes - before) / (3.0 * 1000 * MBIT)).isGreaterThan(0.8);
        assertThat(path.maxQueueNs).isLessThan(25 * MS);
        assertThat(path.queueDrops).isZero();
        path.close();
    }

    @Test
    void aBusyMachineIsNotTakenForANarrowPath() {
        SimulatedPath path = path(1, StreamParameters.defaults(), Link.clean(500 * MBIT, 50));
        path.latenessNs = 20 * MS; // beyond what the sender may catch up with
        path.produceTo(2_000L * MB);
        path.run(4 * S);
        long before = path.checkedBytes;
        path.run(2 * S);
        assertThat((path.checkedBytes - before) / (2.0 * 500 * MBIT)).isGreaterThan(0.6);
        path.close();
    }

    @Test
    void reachesTheRateOfSlowAndShallowPathsToo() {
        SimulatedPath slow = path(1, small(), Link.clean(20 * MBIT, 20));
        slow.produceTo(100L * MB);
        slow.run(5 * S);
        long before = slow.checkedBytes;
        slow.run(10 * S);
        assertThat((slow.checkedBytes - before) / (10.0 * 20 * MBIT)).isGreaterThan(0.9);
        slow.close();

        SimulatedPath shallow = path(1, small(), Link.clean(100 * MBIT, 55).queue((long) (100 * MBIT / 50)));
        shallow.produceTo(200L * MB);
        shallow.run(5 * S);
        long drops = shallow.queueDrops;
        before = shallow.checkedBytes;
        shallow.run(10 * S);
        assertThat((shallow.checkedBytes - before) / (10.0 * 100 * MBIT)).isGreaterThan(0.85);
        assertThat(shallow.queueDrops - drops).isLessThan(20);
        shallow.close();
    }

    @Test
    void findsCapacityThatAppearsAndYieldsWhatDisappears() {
        SimulatedPath path = path(1, small(), Link.clean(100 * MBIT, 25));
        path.produceTo(2_000L * MB);
        path.run(4 * S);
        path.forward = Link.clean(400 * MBIT, 25);
        path.run(8 * S);
        long before = path.checkedBytes;
        path.run(2 * S);
        assertThat((path.checkedBytes - before) / (2.0 * 400 * MBIT)).isGreaterThan(0.7);
        path.forward = Link.clean(80 * MBIT, 25);
        path.run(5 * S);
        path.maxQueueNs = 0;
        before = path.checkedBytes;
        path.run(5 * S);
        assertThat((path.checkedBytes - before) / (5.0 * 80 * MBIT)).isGreaterThan(0.7);
        assertThat(path.maxQueueNs).isLessThan(40 * MS);
        path.close();
    }

    @Test
    void neverExceedsItsCap() {
        StreamParameters capped = small().withCapBytesPerS(10 * MB);
        SimulatedPath path = path(1, capped, Link.clean(1000 * MBIT, 50));
        path.produceTo(2_000L * MB);
        path.run(2 * S);
        long before = path.sender.stats().wireBytes();
        path.run(5 * S);
        double rate = (path.sender.stats().wireBytes() - before) / 5.0;
        assertThat(rate).isBetween(9.5 * MB, 10.05 * MB);
        assertThat(path.maxQueueNs).isLessThan(5 * MS);
        path.close();
    }

    @Test
    void aSlowReaderHoldsTheSenderThroughTheWindow() {
        SimulatedPath path = path(2, small(), Link.clean(1000 * MBIT, 50).loss(0.005));
        path.readerBytesPerS = 4 * MB;
        path.produceTo(60L * MB);
        path.run(4 * S);
        assertThat(path.targetRing.published() - path.targetRing.released()).isLessThanOrEqualTo(16 << 20);
        assertThat(path.checkedBytes).isGreaterThan(14L * MB);
        path.readerBytesPerS = 1e12;
        path.run(20 * S);
        assertThat(path.sender.done()).isTrue();
        assertThat(path.receiver.count(StreamVerdict.BEYOND_WINDOW)).isZero();
        path.close();
    }

    @Test
    void outlivesACutOfTheWan() {
        SimulatedPath path = path(2, small(), Link.clean(200 * MBIT, 50));
        path.produceTo(60L * MB);
        path.run(S);
        path.forward = path.forward.loss(1);
        path.backward = path.backward.loss(1);
        path.run(5 * S);
        assertThat(path.sender.failure()).isEmpty();
        long wire = path.sender.stats().wireBytes();
        path.forward = path.forward.loss(0);
        path.backward = path.backward.loss(0);
        path.run(30 * S);
        assertThat(path.sender.done()).isTrue();
        assertThat(path.checkedBytes).isEqualTo(60L * MB);
        assertThat(wire).isLessThan(60L * MB);
        path.close();
    }

    @Test
    void givesUpOnASilentPeerAfterItsTime() {
        SimulatedPath path = path(2, small().withSilenceMs(3_000), Link.clean(200 * MBIT, 50));
        path.produceTo(60L * MB);
        path.run(S);
        path.forward = path.forward.loss(1);
        path.run(4 * S);
        assertThat(path.sender.failure()).contains("has not answered for 3 s");
        path.close();
    }

    /** The guest is paused: from the first byte of the last burst to the last byte at the destination's reader. */
    private static long burstNs(long seed, double loss, int copies, long parkNs) {
        StreamParameters parameters = small().withExtraCopies(copies, 4 << 20).withCapBytesPerS(40L * MB);
        SimulatedPath path = path(seed, parameters, Link.clean(1000 * MBIT, 125).loss(loss));
        path.finishWhenProduced = false;
        path.produceTo(40L * MB);
        path.run(4 * S);
        assertThat(path.checkedBytes).isEqualTo(40L * MB);
        path.run(parkNs);
        long from = path.nowNs;
        path.sender.expedite();
        path.produceTo(42L * MB);
        while (path.checkedBytes < 42L * MB) {
            path.run(MS);
        }
        long took = path.nowNs - from;
        path.close();
        return took;
    }

    @Test
    void theFinalBurstLeavesAtTheKnownRateHoweverLongThePark() {
        long floorNs = 125 * MS + 2L * MB * S / (40L * MB);
        assertThat(burstNs(1, 0, 1, 50 * MS)).isLessThan(floorNs + 5 * MS);
        assertThat(burstNs(1, 0, 1, 20 * S)).isLessThan(floorNs + 5 * MS);
    }

    /** As a hypervisor writes it: in portions, never as much as the copy may carry. */
    @Test
    void theFinalBurstOfACopyThatWasHeldBackLeavesAtTheRateOfTheCap() {
        StreamParameters parameters = small().withCapBytesPerS(100L * MB).withCopyBytesPerS(30L * MB);
        SimulatedPath path = path(1, parameters, Link.clean(1000 * MBIT, 75));
        path.finishWhenProduced = false;
        long portion = 200_000;
        for (int i = 1; i <= 200; i++) {
            path.produceTo(i * portion);
            path.run(8 * MS);
        }
        path.run(S);
        long before = 200 * portion;
        assertThat(path.checkedBytes).isEqualTo(before);
        long from = path.nowNs;
        path.sender.expedite();
        path.produceTo(before + MB);
        while (path.checkedBytes < before + MB) {
            path.run(MS);
        }
        assertThat(path.nowNs - from).isLessThan(75 * MS + MB * S / (100L * MB) + 4 * MS);
        path.close();
    }

    /** At the end of a copy whose host had hardly a processor for it. */
    private static SimulatedPath starvedCopy(StreamParameters parameters, Link link) {
        SimulatedPath path = path(1, parameters, link);
        path.finishWhenProduced = false;
        path.latenessNs = 60 * MS;
        path.produceTo(10L * MB);
        path.run(20 * S);
        assertThat(path.checkedBytes).isEqualTo(10L * MB);
        path.latenessNs = 0;
        path.sender.expedite();
        path.run(MS);
        return path;
    }

    @Test
    void theFinalBurstOfAStarvedCopyLeavesAtHalfTheStatedCapAtLeast() {
        StreamParameters capped = small().withCapBytesPerS(100L * MB).withCopyBytesPerS(30L * MB);
        SimulatedPath path = starvedCopy(capped, Link.clean(1000 * MBIT, 125));
        long from = path.nowNs;
        path.produceTo(11L * MB);
        while (path.checkedBytes < 11L * MB) {
            path.run(MS);
        }
        assertThat(path.nowNs - from).isLessThan(125 * MS + MB * S / (50L * MB) + 6 * MS);
        path.close();
    }

    @Test
    void neitherAnUncappedNorALossyPathIsOwedAShareOfAnything() {
        StreamParameters capped = small().withCapBytesPerS(100L * MB).withCopyBytesPerS(30L * MB);
        SimulatedPath uncapped = starvedCopy(small(), Link.clean(1000 * MBIT, 125));
        assertThat(uncapped.sender.paceBytesPerS()).isLessThan(50.0 * MB);
        uncapped.close();
        SimulatedPath lossy = starvedCopy(capped, Link.clean(1000 * MBIT, 125).loss(0.1));
        assertThat(lossy.sender.paceBytesPerS()).isLessThan(50.0 * MB);
        lossy.close();
    }

    @Test
    void copiesSpareThePausedGuestTheRoundTripOfALoss() {
        long floorNs = 125 * MS + 2L * MB * S / (40L * MB);
        int late = 0;
        int lateWithoutCopies = 0;
        for (long seed = 1; seed <= 8; seed++) {
            // With copies a loss costs the time until the first copy, or the second: one or two bursts, not 250 ms.
            late += burstNs(seed, 0.01, 1, 100 * MS) > floorNs + 110 * MS ? 1 : 0;
            lateWithoutCopies += seed <= 3 && burstNs(seed, 0.01, 0, 100 * MS) > floorNs + 200 * MS ? 1 : 0;
        }
        assertThat(lateWithoutCopies).isEqualTo(3);
        assertThat(late).isZero();
    }
}

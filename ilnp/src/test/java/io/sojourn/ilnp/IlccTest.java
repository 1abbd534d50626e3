// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.ilnp.Correspondent.Mode;
import io.sojourn.model.identity.NodeIdentifier;
import io.sojourn.model.location.Locator64;
import io.sojourn.wire.DropReason;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The rules one by one; that they hold together is {@link IlccModelTest}'s. */
class IlccTest {
    private static final IlccTiming TIMING = IlccTiming.DEFAULT;
    private static final long PEER = 0x0214_4FFF_FEFF_EE64L;
    private static final Locator64 C = new Locator64(0x2001_0DB8_000C_0000L);
    private static final Locator64 D = new Locator64(0x2001_0DB8_000D_0000L);
    private static final Nonce ITS = Nonce.ofShort(0xDEAD_BEEF);

    private int nonces = 7;
    private final Ilcc cache =
            new Ilcc(new NodeIdentifier(0x1234_56FF_FE78_9ABCL), TIMING, () -> Nonce.ofShort(nonces++));

    private Correspondent session(long now) {
        Correspondent c = Objects.requireNonNull(cache.sending(PEER, C.bits(), now));
        assertThat(receive(C, ITS, now)).isEqualTo(DropReason.NONE);
        return c;
    }

    private DropReason receive(Locator64 from, Nonce nonce, long now) {
        return cache.receiving(PEER, from.bits(), nonce.bytes(), nonce.high(), nonce.low(), now);
    }

    private DropReason receivePlain(Locator64 from, long now) {
        return cache.receiving(PEER, from.bits(), 0, 0, 0, now);
    }

    private DropReason update(Nonce nonce, long now, Advertised... listed) {
        return cache.updated(PEER, nonce.bytes(), nonce.high(), nonce.low(), List.of(listed), now);
    }

    @Test
    void theFourStatesFollowFromLifetimeAndUse() {
        assertThat(Validity.of(false, false)).isEqualTo(Validity.VALID);
        assertThat(Validity.of(false, true)).isEqualTo(Validity.ACTIVE);
        assertThat(Validity.of(true, true)).isEqualTo(Validity.EXPIRED);
        assertThat(Validity.of(true, false)).isEqualTo(Validity.AGED);
    }

    @Test
    void aLocatorIsUsedBeyondItsLifetimeUntilAnotherIsKnown() {
        Correspondent c = session(0);
        update(ITS, 0, new Advertised(C, 10, 20));
        assertThat(c.validity(C, 1_000, TIMING)).contains(Validity.ACTIVE);
        assertThat(c.validity(C, 15_000, TIMING)).contains(Validity.VALID);
        assertThat(c.validity(C, 25_000, TIMING)).contains(Validity.AGED);
        assertThat(c.destination(25_000)).isEqualTo(C.bits());
        assertThat(c.validity(C, 25_000, TIMING)).contains(Validity.EXPIRED);
        update(ITS, 26_000, new Advertised(D, 10, 300));
        assertThat(c.destination(26_000)).isEqualTo(D.bits());
        assertThat(c.validity(C, 26_000, TIMING)).contains(Validity.AGED);
    }

    @Test
    void anUpdateReplacesAndPreferenceDecides() {
        Correspondent c = session(0);
        assertThat(update(ITS, 5, new Advertised(C, 20, 300), new Advertised(D, 10, 300)))
                .isEqualTo(DropReason.NONE);
        assertThat(cache.matched()).isSameAs(c);
        assertThat(c.destination(6)).isEqualTo(D.bits());
        update(ITS, 7, new Advertised(C, 20, 300));
        assertThat(c.destination(8)).isEqualTo(C.bits());
        assertThat(c.currentLocators()).containsExactly(C);
        assertThat(c.knownAs()).as("what the local node calls it").isEqualTo(C);
    }

    @Test
    void packetsOnTheirWayFromAReplacedLocatorAreTakenForAWhile() {
        session(0);
        update(ITS, 1_000, new Advertised(D, 10, 300));
        assertThat(receivePlain(C, 1_000 + TIMING.replacedMs() - 1)).isEqualTo(DropReason.NONE);
        assertThat(receivePlain(C, 1_000 + TIMING.replacedMs())).isEqualTo(DropReason.UNKNOWN_LOCATOR);
        assertThat(receive(C, ITS, 60_000)).as("the nonce proves it").isEqualTo(DropReason.NONE);
    }

    @Test
    void forgedUpdatesAreRefusedByReason() {
        Correspondent c = session(0);
        assertThat(cache.updated(PEER, 0, 0, 0, List.of(new Advertised(D, 1, 300)), 1))
                .isEqualTo(DropReason.NO_NONCE);
        assertThat(update(Nonce.ofShort(1), 1, new Advertised(D, 1, 300))).isEqualTo(DropReason.WRONG_NONCE);
        assertThat(update(Nonce.ofLong(0, 0xDEAD_BEEFL), 1, new Advertised(D, 1, 300)))
                .as("the same number in another size")
                .isEqualTo(DropReason.WRONG_NONCE);
        assertThat(update(c.outbound(), 1, new Advertised(D, 1, 300)))
                .as("our nonce is not its nonce")
                .isEqualTo(DropReason.WRONG_NONCE);
        assertThat(cache.updated(99, 4, 0, 1, List.of(new Advertised(D, 1, 300)), 1))
                .isEqualTo(DropReason.UNKNOWN_CORRESPONDENT);
        assertThat(c.destination(2)).isEqualTo(C.bits());
    }

    @Test
    void nobodyTakesAnIdentifierOver() {
        session(0);
        assertThat(receivePlain(D, 1)).isEqualTo(DropReason.UNKNOWN_LOCATOR);
        assertThat(receive(D, Nonce.ofShort(5), 1)).isEqualTo(DropReason.WRONG_NONCE);
        assertThat(receive(C, Nonce.ofShort(5), 1)).isEqualTo(DropReason.WRONG_NONCE);
        assertThat(receive(D, ITS, 1)).isEqualTo(DropReason.NONE);
    }

    @Test
    void whoWasNeverAnsweredIsSoonForgottenAndMayNotMove() {
        assertThat(receive(C, ITS, 0)).isEqualTo(DropReason.NONE);
        assertThat(Objects.requireNonNull(cache.matched()).mode()).isEqualTo(Mode.TENTATIVE);
        assertThat(update(ITS, 1, new Advertised(D, 1, 300))).isEqualTo(DropReason.UNKNOWN_CORRESPONDENT);
        receive(C, ITS, TIMING.tentativeMs() - 1);
        assertThat(cache.prune(TIMING.tentativeMs())).isEqualTo(1);
        receive(C, ITS, 20_000);
        assertThat(Objects.requireNonNull(cache.sending(PEER, C.bits(), 20_001)).mode())
                .isEqualTo(Mode.ILNP);
        assertThat(cache.prune(40_000)).isZero();
        assertThat(cache.prune(20_001 + TIMING.idleMs())).isEqualTo(1);
    }

    @Test
    void plainIpv6IsFallenBackToOnlyOnTheRightNonce() {
        Correspondent c = Objects.requireNonNull(cache.sending(PEER, C.bits(), 0));
        Nonce ours = c.outbound();
        assertThat(cache.nonceUnknown(PEER, C.bits(), 4, 0, 12345)).isEqualTo(DropReason.WRONG_NONCE);
        assertThat(c.mode()).isEqualTo(Mode.UNKNOWN);
        assertThat(cache.nonceUnknown(PEER, C.bits(), ours.bytes(), ours.high(), ours.low()))
                .isEqualTo(DropReason.NONE);
        assertThat(c.mode()).isEqualTo(Mode.PLAIN);
        assertThat(c.takesNonce(1, TIMING)).isFalse();
        receive(C, ITS, 2);
        assertThat(c.mode()).as("it has learnt ILNP").isEqualTo(Mode.ILNP);
    }

    @Test
    void firstPacketsAndThoseAfterAMoveCarryTheNonce() {
        Correspondent c = session(0);
        for (int i = 0; i < TIMING.nonceFirstPackets(); i++) {
            assertThat(c.takesNonce(i, TIMING)).isTrue();
        }
        assertThat(c.takesNonce(10, TIMING)).isFalse();
        cache.moved(1_000);
        assertThat(c.takesNonce(1_000 + TIMING.nonceAfterMoveMs() - 1, TIMING)).isTrue();
        assertThat(c.takesNonce(1_000 + TIMING.nonceAfterMoveMs(), TIMING)).isFalse();
    }

    @Test
    void moreLocatorsThanThereIsRoomForAreCounted() {
        Correspondent c = session(0);
        Advertised[] many = new Advertised[40];
        Arrays.setAll(many, i -> new Advertised(new Locator64(i + 1), 10, 300));
        assertThat(update(ITS, 1, many)).isEqualTo(DropReason.NONE);
        assertThat(c.currentLocators()).hasSize(TIMING.locatorsMax());
        assertThat(cache.passedOver()).isEqualTo(40 - TIMING.locatorsMax());
    }

    @Test
    void stateThatIsNotOursIsRefused() {
        session(0);
        update(ITS, 5, new Advertised(D, 10, 300));
        byte[] state = IlccState.export(cache, 10);
        assertThat(IlccState.restore(state, TIMING, () -> ITS, 999_999)).isPresent();
        for (int length = 0; length < state.length; length++) {
            assertThat(IlccState.restore(Arrays.copyOf(state, length), TIMING, () -> ITS, 0))
                    .isEmpty();
        }
        assertThat(IlccState.restore(Arrays.copyOf(state, state.length + 1), TIMING, () -> ITS, 0))
                .isEmpty();
        SplittableRandom random = new SplittableRandom(1);
        for (int i = 0; i < 20_000; i++) {
            byte[] mutated = state.clone();
            mutated[random.nextInt(mutated.length)] = (byte) random.nextInt();
            mutated[random.nextInt(mutated.length)] = (byte) random.nextInt();
            IlccState.restore(mutated, TIMING, () -> ITS, 1_000_000).ifPresent(restored -> {
                restored.prune(1_000_001);
                restored.correspondents().forEach(c -> c.destination(1_000_002));
            });
        }
    }

    @Test
    void afterAMoveTheNextGatewaySpeaksWithTheSameNonces() {
        Correspondent c = session(1_000);
        update(ITS, 2_000, new Advertised(D, 10, 300));
        Ilcc there = IlccState.restore(IlccState.export(cache, 3_000), TIMING, () -> Nonce.ofShort(0), 9_000_000)
                .orElseThrow();
        Correspondent moved = Objects.requireNonNull(there.sending(PEER, C.bits(), 9_000_001));
        assertThat(moved.outbound()).isEqualTo(c.outbound());
        assertThat(moved.inbound()).contains(ITS);
        assertThat(moved.destination(9_000_002)).isEqualTo(D.bits());
        assertThat(there.prove(PEER, ITS.bytes(), ITS.high(), ITS.low(), 9_000_003))
                .isEqualTo(DropReason.NONE);
    }
}

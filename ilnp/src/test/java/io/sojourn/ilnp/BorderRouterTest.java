// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.ilnp.BorderRouter.Way;
import io.sojourn.ilnp.Correspondent.Mode;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.LocatorUpdate;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Stories of RFC 6748 between sites of one process, with real packets whose checksums are looked at where they arrive. */
class BorderRouterTest {
    private final IlnpWorld world = new IlnpWorld();
    private int said;

    /** The guest says hello to the correspondent, and is answered, once a millisecond. */
    private void talk(int times) {
        for (int i = 0; i < times; i++) {
            world.guestSays(said++);
            world.run(1);
        }
    }

    @Test
    void thePeerSeesTheSiteAndTheGuestSeesNothing() {
        talk(3);
        assertThat(world.peer.heard).hasSize(3);
        assertThat(world.peer.sources).containsOnly(IlnpWorld.A1);
        assertThat(world.guestHeard).hasSize(3);
        assertThat(world.guestSources).containsOnly(IlnpWorld.PEER_AT);
        assertThat(world.ways).containsOnly(Way.DIRECT);
    }

    @Test
    void aVisibleMoveIsToldConfirmedAndThenDirect() {
        world.peer.speaksIlnp();
        talk(5);
        world.move(Transparency.VISIBLE, Handover.SOFT);
        talk(200);
        assertThat(world.peer.heard)
                .as("nothing lost, nothing doubled")
                .hasSize(205)
                .doesNotHaveDuplicates();
        assertThat(world.guestHeard).hasSize(205);
        assertThat(world.peer.updates).hasSize(1);
        assertThat(world.peer.updates.getFirst())
                .as("all that is valid, the new one first")
                .extracting(Advertised::locator)
                .containsExactly(IlnpWorld.B1, IlnpWorld.A1);
        assertThat(world.ways)
                .as("by way of the old site until it was confirmed")
                .contains(Way.RELAY);
        assertThat(world.ways.getLast()).isEqualTo(Way.DIRECT);
        assertThat(world.peer.sources.getLast()).isEqualTo(IlnpWorld.B1);
        assertThat(world.peer.sendsTo()).isEqualTo(IlnpWorld.B1);
        assertThat(world.relayed).as("no packet takes the way round any more").isLessThan(200);
    }

    @Test
    void aPlainPeerNeverNoticesAMove() {
        talk(5);
        world.move(Transparency.VISIBLE, Handover.SOFT);
        talk(100);
        assertThat(world.peer.heard).hasSize(105).doesNotHaveDuplicates();
        assertThat(world.guestHeard).hasSize(105);
        assertThat(world.peer.sources).containsOnly(IlnpWorld.A1);
        assertThat(world.peer.updates).isEmpty();
        assertThat(world.ways.getLast()).isEqualTo(Way.RELAY);
    }

    @Test
    void whoShowsOnlyAfterAMoveThatHeKnowsIlnpIsToldThen() {
        talk(5);
        world.move(Transparency.VISIBLE, Handover.SOFT);
        talk(20);
        assertThat(world.ways.getLast()).isEqualTo(Way.RELAY);
        world.peer.speaksIlnp();
        talk(20);
        assertThat(world.peer.updates).hasSize(1);
        assertThat(world.ways.getLast()).isEqualTo(Way.DIRECT);
        assertThat(world.peer.heard).hasSize(45).doesNotHaveDuplicates();
    }

    @Test
    void whoDoesNotAnswerToNoncesIsTakenForPlain() {
        talk(5);
        for (int i = 0; i < IlccTiming.DEFAULT.nonceFirstPackets(); i++) {
            assertThat(world.nonceOfLast()).isNotNull();
        }
        world.borderA.prune(world.now);
        assertThat(world.correspondent().mode()).isEqualTo(Mode.PLAIN);
        world.guestSays(5);
        assertThat(world.nonceOfLast()).isNull();
    }

    @Test
    void anInvisibleMoveIsNotToldEvenToWhoWouldUnderstand() {
        world.peer.speaksIlnp();
        talk(5);
        world.move(Transparency.INVISIBLE, Handover.SOFT);
        talk(100);
        assertThat(world.peer.sources).containsOnly(IlnpWorld.A1);
        assertThat(world.peer.updates).isEmpty();
        assertThat(world.guestHeard).hasSize(105);
    }

    @Test
    void lostUpdatesAreSentAgainAsTheScheduleSaysWhileTheOldWayGoesOn() {
        world.peer.speaksIlnp();
        talk(5);
        world.loseUpdates = 2;
        world.loseAcknowledgements = 1;
        long moved = world.now;
        world.move(Transparency.VISIBLE, Handover.SOFT);
        talk(7_000);
        assertThat(world.updatesSentMs.stream().map(at -> at - moved).toList())
                .containsExactly(0L, 1_000L, 3_000L, 6_000L);
        assertThat(world.peer.heard).hasSize(7_005).doesNotHaveDuplicates();
        assertThat(world.guestHeard).hasSize(7_005);
        assertThat(world.ways.getLast()).isEqualTo(Way.DIRECT);
    }

    @Test
    void whoNeverConfirmsIsReachedTheOldWay() {
        world.peer.speaksIlnp();
        talk(5);
        world.loseUpdates = Integer.MAX_VALUE;
        world.move(Transparency.VISIBLE, Handover.SOFT);
        talk(30_000);
        assertThat(world.updatesSentMs).hasSize(UpdateSending.ATTEMPTS_MAX);
        assertThat(world.guestHeard).hasSize(30_005);
        assertThat(world.ways.getLast()).isEqualTo(Way.RELAY);
    }

    @Test
    void forgedUpdatesChangeNothingAndAreCounted() {
        world.peer.speaksIlnp();
        talk(5);
        List<Advertised> forged = List.of(new Advertised(IlnpWorld.EVIL, 1, 300));
        world.forge(Nonce.ofShort(12345), LocatorUpdate.ADVERTISEMENT, forged);
        assertThat(world.dropped).containsExactly(DropReason.WRONG_NONCE);
        world.forge(Nonce.ofLong(1, 2), LocatorUpdate.ACKNOWLEDGEMENT, forged);
        assertThat(world.dropped).last().isEqualTo(DropReason.WRONG_NONCE);
        world.forge(world.peer.nonce, LocatorUpdate.ACKNOWLEDGEMENT, forged);
        assertThat(world.dropped).last().isEqualTo(DropReason.STALE_ACKNOWLEDGEMENT);
        talk(10);
        assertThat(world.peer.heard).hasSize(15);
        assertThat(world.acknowledged).isZero();
    }

    @Test
    void aPeerThatMovesIsFollowedAndTheGuestGoesOnCallingItAsBefore() {
        world.peer.speaksIlnp();
        talk(5);
        world.peer.moveTo(IlnpWorld.PEER_NEXT);
        world.run(1); // what is on its way to where it was is lost: nobody relays for it
        talk(10);
        assertThat(world.acknowledged).isEqualTo(1);
        assertThat(world.guestSources).containsOnly(IlnpWorld.PEER_AT);
        assertThat(world.sentTo.getLast()).isEqualTo(IlnpWorld.PEER_NEXT);
        assertThat(world.guestHeard).hasSize(15);
    }

    @Test
    void aPeerThatDoesNotKnowTheNonceIsFoundOut() {
        world.peer.refusesNonce = true;
        talk(2);
        world.sendNonce();
        world.run(1);
        assertThat(world.correspondent().mode()).isEqualTo(Mode.PLAIN);
        assertThat(world.guestHeard).as("the refusal is not the guest's").hasSize(2);
        talk(2);
        assertThat(world.guestHeard).hasSize(4);
    }

    @Test
    void anUplinkThatFailsIsLeftAtOnceAndThePeerIsTold() {
        world.peer.speaksIlnp();
        talk(5);
        world.siteA.set(IlnpWorld.A1, false);
        world.borderA.locatorsChanged(Handover.HARD, world.now);
        world.run(1); // what is on its way to the locator that is gone is lost
        talk(50);
        assertThat(world.peer.updates).hasSize(1);
        assertThat(world.peer.updates.getFirst())
                .extracting(Advertised::locator)
                .containsExactly(IlnpWorld.A2);
        assertThat(world.peer.sources.getLast()).isEqualTo(IlnpWorld.A2);
        assertThat(world.guestHeard).hasSize(55);
    }

    /** The flood goes on to where the site no longer is; sessions do not. */
    @Test
    void aFloodToAWithdrawnLocatorIsDroppedAtTheBorder() {
        world.peer.speaksIlnp();
        talk(5);
        world.siteA.set(IlnpWorld.A1, false);
        world.borderA.locatorsChanged(Handover.HARD, world.now);
        world.run(1); // what is on its way to the locator that is gone is lost
        talk(5);
        for (int i = 0; i < 1_000; i++) {
            assertThat(world.flood(IlnpWorld.A1)).isEqualTo(Way.DROP);
        }
        assertThat(world.borderA.reason()).isEqualTo(DropReason.NO_ROUTE);
        talk(5);
        assertThat(world.guestHeard).hasSize(15);
    }

    @Test
    void theMostSpecificRuleSteersAndAChangeIsTold() {
        world.peer.speaksIlnp();
        talk(5);
        world.siteA.rules(List.of(
                new TrafficRule(Optional.empty(), Optional.of(IlnpWorld.PEER), IlnpWorld.A1),
                new TrafficRule(Optional.of(IlnpWorld.GUEST), Optional.of(IlnpWorld.PEER), IlnpWorld.A2),
                new TrafficRule(Optional.of(IlnpWorld.GUEST), Optional.empty(), IlnpWorld.A1)));
        world.borderA.locatorsChanged(Handover.SOFT, world.now);
        talk(20);
        assertThat(world.peer.sources.getLast()).isEqualTo(IlnpWorld.A2);
        assertThat(world.peer.updates.getFirst())
                .extracting(Advertised::locator)
                .containsExactly(IlnpWorld.A2, IlnpWorld.A1);
        assertThat(world.peer.sendsTo()).isEqualTo(IlnpWorld.A2);
        assertThat(world.guestHeard).hasSize(25);
    }

    @Test
    void twoNodesOfOneSiteMeetAtTheBorder() {
        assertThat(world.hairpin(IlnpWorld.A1)).isEqualTo(Way.HAIRPIN);
        assertThat(world.lastSource).isEqualTo(IlnpWorld.A1);
        assertThat(world.lastDestination).isEqualTo(IlnpWorld.INSIDE);
        assertThat(world.hairpin(IlnpWorld.INSIDE)).isEqualTo(Way.HAIRPIN);
        assertThat(world.lastSource).isEqualTo(IlnpWorld.INSIDE);
    }

    @Test
    void afterAHardMoveEverythingCarriesTheNonceForAWhile() {
        world.peer.speaksIlnp();
        talk(10);
        for (int i = 0; i < IlccTiming.DEFAULT.nonceFirstPackets(); i++) {
            assertThat(world.nonceOfLast()).isNotNull();
        }
        assertThat(world.nonceOfLast()).isNull();
        world.move(Transparency.VISIBLE, Handover.HARD);
        world.guestSays(99);
        assertThat(world.nonceOfLast()).isEqualTo(world.correspondent().outbound());
        assertThat(world.ways.getLast())
                .as("the old locator is not used any more")
                .isEqualTo(Way.DIRECT);
    }

    @Test
    void whatIsNotForAnybodyHereSaysSo() {
        assertThat(world.flood(IlnpWorld.EVIL)).isEqualTo(Way.DROP);
        assertThat(world.borderA.reason()).isEqualTo(DropReason.NOT_FOR_US);
        world.borderA.detach(IlnpWorld.GUEST);
        assertThat(world.flood(IlnpWorld.A1)).isEqualTo(Way.DROP);
        assertThat(world.borderA.reason()).isEqualTo(DropReason.NO_NEIGHBOR);
    }
}

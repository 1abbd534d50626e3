// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.wire.DropReason;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class SealEndpointTest {
    private static final long SECOND = SealWorld.SECOND;

    @Test
    void oneRoundTripMakesASessionForBothDirections() {
        SealWorld w = new SealWorld().connected();
        assertThat(w.a.say("there")).isTrue();
        assertThat(w.b.say("and back")).isTrue();
        w.settle();
        assertThat(w.b.received).containsExactly("there");
        assertThat(w.a.received).containsExactly("and back");
        assertThat(w.a.drops).isEmpty();
        assertThat(w.b.drops).isEmpty();
    }

    @Test
    void nothingLeavesBeforeThereIsASession() {
        SealWorld w = new SealWorld();
        assertThat(w.a.say("too early")).isFalse();
        assertThat(w.a.sent).isEmpty();
    }

    @Test
    void aResponderSendsNothingBeforeItHasHeardOverTheSession() {
        SealWorld w = new SealWorld();
        w.tick(w.a);
        w.b.take(w.b.inbox.remove());
        assertThat(w.b.say("too early")).isFalse();
        w.settle();
        assertThat(w.b.say("now")).isTrue();
    }

    @Test
    void whatIsInsideIsNotReadableOutsideAndCosts28Octets() {
        SealWorld w = new SealWorld().connected();
        w.a.say("a secret of some length");
        byte[] datagram = w.a.sent.getLast();
        assertThat(datagram).hasSize("a secret of some length".length() + SealFormat.OVERHEAD_BYTES);
        assertThat(new String(datagram, StandardCharsets.ISO_8859_1)).doesNotContain("secret");
        assertThat(SealFormat.OVERHEAD_BYTES).isEqualTo(28);
    }

    @Test
    void aTamperedDatagramIsDroppedWhicheverOctetWasChanged() {
        SealWorld w = new SealWorld().connected();
        w.a.say("genuine");
        byte[] genuine = w.b.inbox.remove();
        for (int i = 1; i < genuine.length; i++) {
            byte[] bad = genuine.clone();
            bad[i] ^= 1;
            w.b.take(bad);
        }
        assertThat(w.b.received).isEmpty();
        assertThat(w.b.drops)
                .hasSize(genuine.length - 1)
                .containsOnly(DropReason.UNAUTHENTICATED, DropReason.UNKNOWN_SESSION, DropReason.REPLAYED);
        w.b.take(genuine);
        assertThat(w.b.received).as("and the genuine one opens after all that").containsExactly("genuine");
    }

    @Test
    void aReplayedDatagramIsDropped() {
        SealWorld w = new SealWorld().connected();
        w.a.say("once");
        byte[] datagram = w.b.inbox.peek();
        w.settle();
        w.b.take(datagram);
        assertThat(w.b.received).containsExactly("once");
        assertThat(w.b.drops).containsExactly(DropReason.REPLAYED);
    }

    @Test
    void aReflectedDatagramIsDropped() {
        SealWorld w = new SealWorld();
        w.tick(w.a);
        w.a.take(w.a.sent.getFirst());
        w.settle();
        w.a.say("mirror");
        w.a.take(w.a.sent.getLast());
        assertThat(w.a.received).isEmpty();
        assertThat(w.a.drops).hasSize(2);
    }

    @Test
    void aReplayedInitiationIsDropped() {
        SealWorld w = new SealWorld().connected();
        w.b.take(w.a.sent.getFirst());
        assertThat(w.b.drops).containsExactly(DropReason.REPLAYED);
        assertThat(w.b.endpoint.counts().answered()).isEqualTo(1);
    }

    @Test
    void aStrangerIsDroppedAndToldNothing() {
        SealWorld w = new SealWorld();
        w.b.endpoint.remove(w.b.peer);
        w.tick(w.a);
        w.settle();
        assertThat(w.b.drops).containsExactly(DropReason.UNKNOWN_PEER);
        assertThat(w.b.sent).isEmpty();
    }

    @Test
    void rekeyingLosesNothing() {
        SealWorld w = new SealWorld().connected();
        int said = 0;
        for (int i = 0; i < 4_000; i++) {
            w.now += SECOND / 10;
            w.tick(w.a);
            assertThat(w.a.say("a" + said)).isTrue();
            w.tick(w.b);
            assertThat(w.b.say("b" + said++)).isTrue();
            w.settle();
        }
        assertThat(w.a.received).hasSize(said);
        assertThat(w.b.received).hasSize(said);
        assertThat(w.a.endpoint.counts().rekeys()).isEqualTo(3);
        assertThat(w.b.endpoint.counts().rekeys()).isEqualTo(3);
        assertThat(w.a.drops).isEmpty();
        assertThat(w.b.drops).isEmpty();
    }

    @Test
    void whatWasOnItsWayAtARekeyStillOpens() {
        SealWorld w = new SealWorld().connected();
        w.pass(119 * SECOND);
        w.a.say("old keys");
        byte[] late = w.b.inbox.remove();
        w.pass(2 * SECOND);
        assertThat(w.b.endpoint.counts().rekeys()).isEqualTo(1);
        w.b.take(late);
        assertThat(w.b.received).containsExactly("old keys");
        assertThat(w.b.endpoint.isNewest())
                .as("no word on where the peer is now")
                .isFalse();
    }

    @Test
    void aDeferredRekeyWaitsAndThenComes() {
        SealWorld w = new SealWorld().connected();
        w.a.endpoint.deferRekeyUntil(w.now + 140 * SECOND);
        w.b.endpoint.deferRekeyUntil(w.now + 140 * SECOND);
        w.pass(139 * SECOND);
        assertThat(w.a.endpoint.counts().established()).isEqualTo(1);
        assertThat(w.a.say("on the old keys")).isTrue();
        w.pass(2 * SECOND);
        assertThat(w.a.endpoint.counts().established()).isEqualTo(2);
    }

    @Test
    void aSessionThatCannotBeRenewedEnds() {
        SealWorld w = new SealWorld().connected();
        w.lost = datagram -> (datagram[0] & 0xFF) != SealFormat.TRANSPORT;
        w.pass(179 * SECOND);
        assertThat(w.a.say("still")).isTrue();
        w.pass(2 * SECOND);
        assertThat(w.a.say("no more")).isFalse();
        w.lost = datagram -> false;
        w.pass(5 * SECOND);
        assertThat(w.a.say("again")).isTrue();
    }

    @Test
    void aPeerThatLostItsKeysIsBackWithinARoundTrip() {
        SealWorld w = new SealWorld().connected();
        w.b.restart();
        w.b.knows(new byte[0]);
        w.a.say("to whom?");
        w.settle();
        assertThat(w.b.drops).containsExactly(DropReason.UNKNOWN_SESSION);
        w.now += SECOND / 10;
        w.tick(w.b);
        w.settle();
        assertThat(w.a.say("to you")).isTrue();
        w.settle();
        assertThat(w.b.received).containsExactly("to you");
    }

    @Test
    void bothEndsMayInitiateAtOnce() {
        SealWorld w = new SealWorld();
        w.tick(w.a);
        w.tick(w.b);
        w.settle();
        assertThat(w.a.say("x")).isTrue();
        assertThat(w.b.say("y")).isTrue();
        w.settle();
        assertThat(w.b.received).containsExactly("x");
        assertThat(w.a.received).containsExactly("y");
        assertThat(w.a.endpoint.isNewest()).as("each learns where the other is").isTrue();
        assertThat(w.b.endpoint.isNewest()).isTrue();
    }

    @Test
    void whereBothHaveInitiatedARekeyOfOneLosesNothingOfTheOther() {
        SealWorld w = new SealWorld();
        w.tick(w.a);
        w.tick(w.b);
        w.settle();
        for (int round = 0; round < 4_000; round++) {
            w.now += SECOND / 10;
            // All that one end does before anything of it arrives: a path with a long delay.
            w.tick(w.a);
            assertThat(w.a.say("a")).isTrue();
            assertThat(w.b.say("b")).isTrue();
            w.deliverOnce();
            w.tick(w.b);
            assertThat(w.b.say("b")).isTrue();
            assertThat(w.a.say("a")).isTrue();
            w.deliverOnce();
        }
        w.settle();
        assertThat(w.a.received).hasSize(8_000);
        assertThat(w.b.received).hasSize(8_000);
        assertThat(w.a.drops).isEmpty();
        assertThat(w.b.drops).isEmpty();
        assertThat(w.a.endpoint.counts().rekeys()).isGreaterThan(2);
    }

    @Test
    void inAFloodACookieLetsTheHonestIn() {
        SealWorld w = new SealWorld();
        for (int i = 0; i < 150; i++) {
            byte[] noise = new byte[SealFormat.INITIATION_BYTES];
            w.random.nextBytes(noise);
            noise[0] = (byte) SealFormat.INITIATION;
            noise[1] = (byte) Suite.AES_GCM.code();
            byte[] mac1 = Handshakes.mac(Handshakes.mac1Key(w.b.key.publicKey()), noise, noise.length - 32);
            System.arraycopy(mac1, 0, noise, noise.length - 32, 16);
            w.b.take(noise);
        }
        assertThat(w.b.drops).contains(DropReason.COOKIE_REQUIRED);
        w.a.inbox.clear();
        w.tick(w.a);
        w.settle();
        assertThat(w.a.peer.isUp()).isFalse();
        w.now += 1;
        w.tick(w.a);
        w.settle();
        assertThat(w.a.peer.isUp()).as("with the cookie").isTrue();
        w.source = new byte[] {9};
        byte[] initiation = w.a.sent.stream()
                .filter(d -> (d[0] & 0xFF) == SealFormat.INITIATION)
                .toList()
                .getLast();
        w.b.take(initiation);
        assertThat(w.b.drops.getLast()).as("the same from another address").isEqualTo(DropReason.COOKIE_REQUIRED);
    }

    @Test
    void aPresharedKeyMustBeTheSameAtBothEnds() {
        byte[] psk = new byte[32];
        psk[3] = 9;
        SealWorld same = new SealWorld(psk, psk).connected();
        assertThat(same.a.say("x")).isTrue();
        SealWorld other = new SealWorld(psk, new byte[32]).connected();
        assertThat(other.a.say("x")).isFalse();
        assertThat(other.a.drops).containsOnly(DropReason.UNAUTHENTICATED);
        SealWorld none = new SealWorld(psk, new byte[0]).connected();
        assertThat(none.b.drops).containsExactly(DropReason.UNAUTHENTICATED);
        SealWorld missing = new SealWorld(new byte[0], psk).connected();
        assertThat(missing.b.drops).containsExactly(DropReason.UNAUTHENTICATED);
    }

    private static PresharedKey generation(int number) {
        byte[] octets = new byte[PresharedKey.BYTES];
        octets[0] = (byte) number;
        return new PresharedKey(number, octets);
    }

    @Test
    void theNextPresharedKeyComesIntoUseWithTheNextSessionAndNothingIsLost() {
        SealWorld w = new SealWorld();
        w.a.knows(List.of(generation(1)));
        w.b.knows(List.of(generation(1)));
        w.connected();
        assertThat(w.a.peer.presharedGeneration()).isEqualTo(1);
        w.a.knows(List.of(generation(2), generation(1)));
        assertThat(w.a.peer.isUp()).isTrue();
        w.b.knows(List.of(generation(2), generation(1)));
        for (int i = 0; i < 140; i++) {
            assertThat(w.a.say("a" + i)).isTrue();
            assertThat(w.b.say("b" + i)).isTrue();
            w.settle();
            w.pass(SECOND);
        }
        assertThat(w.a.peer.presharedGeneration()).isEqualTo(2);
        assertThat(w.b.peer.presharedGeneration()).isEqualTo(2);
        assertThat(w.a.received).hasSize(140);
        assertThat(w.b.received).hasSize(140);
        assertThat(w.a.drops).isEmpty();
        assertThat(w.b.drops).isEmpty();
    }

    @Test
    void whoHasNotHeardOfTheNextPresharedKeyYetIsNotCutOff() {
        SealWorld w = new SealWorld();
        w.a.knows(List.of(generation(1)));
        w.b.knows(List.of(generation(1)));
        w.connected();
        w.a.knows(List.of(generation(2), generation(1)));
        for (int i = 0; i < 400; i++) {
            assertThat(w.a.say("a" + i)).isTrue();
            assertThat(w.b.say("b" + i)).isTrue();
            w.settle();
            w.pass(SECOND);
        }
        assertThat(w.a.peer.presharedGeneration()).isEqualTo(1);
        assertThat(w.b.received).hasSize(400);

        w.a.knows(List.of(generation(3), generation(2)));
        w.pass(400 * SECOND);
        assertThat(w.a.peer.isUp()).as("but after two generations it is").isFalse();
    }

    @Test
    void anEndWithoutAesTalksToOneWithIt() {
        SealWorld w = new SealWorld();
        w.a.aes = false;
        w.a.restart();
        w.a.knows(new byte[0]);
        w.connected();
        w.a.say("chacha");
        w.b.say("poly");
        byte[] bad = w.b.inbox.peek().clone();
        bad[20] ^= 1;
        w.b.take(bad);
        w.settle();
        assertThat(w.b.received).containsExactly("chacha");
        assertThat(w.a.received).containsExactly("poly");
    }

    @Test
    void idlePeersKeepTheirSessionAlive() {
        SealWorld w = new SealWorld().connected();
        w.pass(100 * SECOND);
        assertThat(w.a.endpoint.counts().initiations()).isEqualTo(1);
        assertThat(w.b.endpoint.counts().initiations()).isZero();
        assertThat(w.a.received).isEmpty();
    }
}

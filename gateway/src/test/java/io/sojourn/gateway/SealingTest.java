// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.linux.DatagramBatch;
import io.sojourn.linux.PeerAddress;
import io.sojourn.linux.UdpSocket;
import io.sojourn.mechanism.Overlay;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.Locator;
import io.sojourn.model.location.SiteId;
import io.sojourn.seal.SealFormat;
import io.sojourn.seal.SealPrivateKey;
import io.sojourn.wire.DropReason;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Two WAN ports on loopback. */
class SealingTest {
    private static final InetSocketAddress ANY = new InetSocketAddress("127.0.0.1", 0);
    private static final int ROUNDS = 5_000;

    /** A gateway as far as its WAN port goes. */
    private static final class Side implements AutoCloseable {
        final String name;
        final Counters counters = new Counters();
        final SealPrivateKey key = SealPrivateKey.generate(new SecureRandom()::nextBytes);
        final List<String> received = new ArrayList<>();
        final WanPort wan = WanPort.bind(ANY, new Overlay(), counters);
        final Sealing sealing;
        List<Peer> peers = List.of();

        Side(String name, GatewayConfig.Transport transport) {
            this.name = name;
            sealing = new Sealing(key, transport, wan, counters);
        }

        void knows(Side other) {
            Peer peer = new Peer(
                    new GatewayId(other.name),
                    new SiteId("x"),
                    Locator.parse("127.0.0.1:" + other.wan.localAddress().getPort()));
            peer.sealKey = other.key.publicKey().toString();
            peers = List.of(peer);
            sealing.peers(peers);
        }

        Peer peer() {
            return peers.getFirst();
        }

        void say(String text) {
            wan.sendBytes(peer(), text.getBytes(StandardCharsets.UTF_8));
            wan.flush();
        }

        void turn() {
            sealing.tick(System.nanoTime());
            int n = wan.receive();
            DatagramBatch in = wan.in();
            for (int i = 0; i < n; i++) {
                if (sealing.open(in, i) != null) {
                    byte[] octets =
                            in.slab().asSlice(in.offset(i), in.length(i)).toArray(ValueLayout.JAVA_BYTE);
                    received.add(new String(octets, StandardCharsets.UTF_8));
                }
            }
            wan.flush();
        }

        @Override
        public void close() {
            wan.close();
        }
    }

    private final GatewayConfig.Transport sealed = new GatewayConfig.Transport(true, Set.of(), 120);
    private final Side a = new Side("a", sealed);
    private final Side b = new Side("b", sealed);

    @AfterEach
    void close() {
        a.close();
        b.close();
    }

    private void until(BooleanSupplier done) {
        for (int i = 0; i < ROUNDS && !done.getAsBoolean(); i++) {
            a.turn();
            b.turn();
        }
        assertThat(done.getAsBoolean()).isTrue();
    }

    private void connect() {
        a.knows(b);
        b.knows(a);
        until(() -> up(a) && up(b));
        for (int i = 0; i < 20; i++) { // both may have begun: what else is on its way arrives
            a.turn();
            b.turn();
        }
    }

    private static boolean up(Side side) {
        return side.peer().seal != null && side.peer().seal.isUp();
    }

    @Test
    void whatIsSaidArrivesInBothDirections() {
        connect();
        a.say("there");
        b.say("back");
        until(() -> b.received.contains("there") && a.received.contains("back"));
    }

    @Test
    void nothingLeavesInTheOpenBeforeThereIsASession() {
        a.knows(b);
        a.say("secret");
        assertThat(a.counters.get(DropReason.NO_SESSION)).isEqualTo(1);
        assertThat(b.wan.receive()).isZero();
    }

    @Test
    void aPeerWithoutAKeyGetsNothing() {
        Peer keyless = new Peer(new GatewayId("c"), new SiteId("x"), Locator.parse("127.0.0.1:9"));
        a.sealing.peers(List.of(keyless));
        a.wan.sendBytes(keyless, new byte[10]);
        assertThat(a.counters.get(DropReason.NO_SESSION)).isEqualTo(1);
    }

    @Test
    void plainIsWhatWasAskedForByName() {
        GatewayConfig.Transport toB = new GatewayConfig.Transport(true, Set.of("b"), 120);
        Side plain = new Side("p", toB);
        try {
            plain.knows(b);
            plain.say("in the open");
            assertThat(new String(intercept(), StandardCharsets.UTF_8)).isEqualTo("in the open");
            assertThat(plain.peer().outerHeaderBytes()).isEqualTo(28);
            a.knows(b);
            assertThat(a.peer().outerHeaderBytes()).isEqualTo(28 + SealFormat.OVERHEAD_BYTES);
        } finally {
            plain.close();
        }
    }

    @Test
    void aPeerIsFollowedToWhereItSendsFrom() {
        connect();
        a.say("from elsewhere");
        byte[] onItsWay = intercept();
        sendToB(onItsWay);
        until(() -> b.received.contains("from elsewhere"));
        assertThat(b.counters.get(Kind.ROAMED)).isEqualTo(1);
        assertThat(b.peer().address).isNotEqualTo(b.peer().advertised);
        a.say("home again");
        until(() -> b.received.contains("home again"));
        assertThat(b.peer().address).isEqualTo(b.peer().advertised);
    }

    @Test
    void aReplayFromElsewhereIsDroppedAndMovesNobody() {
        connect();
        a.say("once");
        byte[] onItsWay = intercept();
        assertThat(b.sealing.open(b.wan.in(), 0)).isNotNull();
        sendToB(onItsWay);
        until(() -> b.counters.get(DropReason.REPLAYED) == 1);
        assertThat(b.peer().address).isEqualTo(b.peer().advertised);
    }

    /** What b has received and not yet opened. */
    private byte[] intercept() {
        for (int i = 0; i < ROUNDS; i++) {
            if (b.wan.receive() == 1) {
                DatagramBatch in = b.wan.in();
                return in.slab().asSlice(in.offset(0), in.length(0)).toArray(ValueLayout.JAVA_BYTE);
            }
        }
        throw new AssertionError("nothing came");
    }

    /** From an address that is not a's. */
    private void sendToB(byte[] datagram) {
        try (UdpSocket elsewhere = UdpSocket.bind(ANY);
                DatagramBatch out = new DatagramBatch(1, 2048)) {
            MemorySegment.copy(datagram, 0, out.slab(), ValueLayout.JAVA_BYTE, 0, datagram.length);
            out.length(0, datagram.length);
            out.setPeer(0, PeerAddress.of(b.wan.localAddress()));
            assertThat(elsewhere.send(out, 0, 1)).isEqualTo(1);
        }
    }
}

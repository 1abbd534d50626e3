// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.mechanism.Mechanism;
import io.sojourn.mechanism.Overlay;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.SiteId;
import io.sojourn.rpc.Gateway;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.seal.SealPrivateKey;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.RelayDatagram;
import io.sojourn.wire.SojournDatagram;
import java.lang.foreign.MemorySegment;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Two gateways that tell the controller an address at which they cannot be reached, and a third that can; on loopback, in time of their own. */
class RelaysTest {
    private static final long TURN_NS = TimeUnit.MILLISECONDS.toNanos(50);
    private static final int TURNS = 2_000;
    /** Nobody listens there. */
    private static final int NOWHERE = 9;

    /** A gateway as far as its WAN side goes. */
    private static final class Side implements Outside.Control, ForwardingTable.Changes, AutoCloseable {
        final String name;
        final Counters counters = new Counters();
        final SealPrivateKey key = SealPrivateKey.generate(new SecureRandom()::nextBytes);
        final List<String> heard = new ArrayList<>();
        final WanPort wan;
        final ForwardingTable table;
        final Sealing sealing;
        final Relays relays;
        final Outside outside;
        final PathProber prober;

        Side(String name, Set<String> relayNames) {
            this.name = name;
            Mechanism mechanism = new Overlay();
            wan = WanPort.bind(new InetSocketAddress("127.0.0.1", 0), mechanism, counters);
            table = new ForwardingTable(new GatewayId(name), new SiteId(name), this);
            GatewayConfig.Transport transport =
                    new GatewayConfig.Transport(true, Set.of(), relayNames, 120, GatewayConfig.Offloads.AUTO);
            sealing = new Sealing(key, transport, wan, counters);
            relays = new Relays(relayNames, table, wan, counters);
            outside = new Outside(
                    table, wan, mechanism, sealing, new LocalDelivery(table, counters), counters, relays, this);
            prober = new PathProber(wan, table, counters, relays, (peer, reachable) -> {});
            prober.key(new byte[32]);
        }

        void knows(Side other, int port) {
            table.apply(TableUpdate.newBuilder()
                    .addGateways(Gateway.newBuilder()
                            .setName(other.name)
                            .setSite(other.name)
                            .setLocator("127.0.0.1:" + port)
                            .setSealKey(other.key.publicKey().toString()))
                    .build());
            sealing.peers(table.peers());
            outside.reindexPeers();
        }

        int port() {
            return wan.localAddress().getPort();
        }

        Peer peer(Side other) {
            return Objects.requireNonNull(table.peer(Peer.numberOf(new GatewayId(other.name))));
        }

        void say(Side to, String text) {
            byte[] octets = (".." + text).getBytes(StandardCharsets.UTF_8);
            octets[0] = SojournDatagram.MAGIC;
            octets[1] = SojournDatagram.SIGNAL;
            wan.sendBytes(peer(to), octets);
        }

        void turn(long now) {
            sealing.tick(now);
            outside.poll(now);
            prober.tick(now);
            wan.flush();
        }

        @Override
        public void signal(Peer from, byte[] datagram, long nowNs) {
            heard.add(from + ": " + new String(datagram, 2, datagram.length - 2, StandardCharsets.UTF_8));
        }

        @Override
        public void probe(Peer from, MemorySegment s, long at, int length) {
            prober.probed(from, s, at, length);
        }

        @Override
        public void probeReply(Peer from, MemorySegment s, long at, int length, long nowNs) {
            prober.answered(from, s, at, length, nowNs);
        }

        @Override
        public void stream(Peer from, MemorySegment s, long at, int length, long nowNs) {}

        @Override
        public void late(VmEntry vm, Peer from, long nowNs) {}

        @Override
        public void networkAdded(VirtualNetwork network) {}

        @Override
        public void damaged(Peer at, long now) {}

        @Override
        public void networkRemoved(VirtualNetwork network) {}

        @Override
        public void tableSays(VmEntry vm, GatewayId gateway, Epoch epoch) {}

        @Override
        public void vmRemoved(VmEntry vm) {}

        @Override
        public void close() {
            wan.close();
        }
    }

    private final Side a = new Side("a", Set.of("c"));
    private final Side b = new Side("b", Set.of());
    private final Side c = new Side("c", Set.of());
    private long now = System.nanoTime();

    @AfterEach
    void close() {
        a.close();
        b.close();
        c.close();
    }

    private void connect(int portOfA, int portOfB) {
        a.knows(b, portOfB);
        b.knows(a, portOfA);
        for (Side side : List.of(a, b)) {
            side.knows(c, c.port());
            c.knows(side, NOWHERE); // found by what they send
        }
    }

    private boolean until(BooleanSupplier done) {
        for (int i = 0; i < TURNS && !done.getAsBoolean(); i++) {
            now += TURN_NS;
            List.of(a, b, c).forEach(side -> side.turn(now));
        }
        return done.getAsBoolean();
    }

    @Test
    void whoCannotBeReachedIsReachedByTheRelayAndThenWhereTheRelaySeesIt() {
        connect(NOWHERE, NOWHERE);
        assertThat(until(() -> a.peer(b).via == a.peer(c))).isTrue();
        assertThat(until(() -> a.prober.isReachable(a.peer(b)) && b.prober.isReachable(b.peer(a))))
                .isTrue();
        assertThat(c.counters.get(Kind.HANDED_ON)).isPositive();
        assertThat(until(() -> a.peer(b).via == null && b.peer(a).via == null))
                .as("the direct path is found by itself")
                .isTrue();
        assertThat(a.peer(b).address.port()).isEqualTo(b.port());
        assertThat(b.peer(a).address.port()).isEqualTo(a.port());

        until(() -> false); // for a long while
        long handedOn = c.counters.get(Kind.HANDED_ON);
        a.say(b, "straight");
        b.say(a, "and back");
        assertThat(until(() -> b.heard.contains("a: straight") && a.heard.contains("b: and back")))
                .isTrue();
        assertThat(c.counters.get(Kind.HANDED_ON)).isEqualTo(handedOn);
    }

    @Test
    void whatGoesByTheRelayArrivesAsFromItsSender() {
        connect(NOWHERE, NOWHERE);
        assertThat(until(() -> a.peer(b).via != null && b.peer(a).via != null)).isTrue();
        a.say(b, "by way of c");
        assertThat(until(() -> b.heard.contains("a: by way of c"))).isTrue();
        assertThat(c.heard).isEmpty();
    }

    @Test
    void withoutARelayNobodyIsAsked() {
        connect(NOWHERE, NOWHERE);
        Side without = new Side("a", Set.of());
        try (without) {
            without.knows(b, NOWHERE);
            without.knows(c, c.port());
            for (int i = 0; i < TURNS; i++) {
                now += TURN_NS;
                without.turn(now);
            }
            assertThat(without.peer(b).via).isNull();
        }
    }

    @Test
    void whatNamesNobodyOrHoldsNothingSealedIsDroppedAndCounted() {
        connect(a.port(), b.port());
        MemorySegment s = MemorySegment.ofArray(new byte[64]);
        RelayDatagram.writeTo(s, 0, Peer.numberOf(new GatewayId("nobody")));
        c.relays.handOn(c.peer(a), s, 0, 64);
        assertThat(c.counters.get(DropReason.MALFORMED_CONTROL)).isEqualTo(1);
        s.set(java.lang.foreign.ValueLayout.JAVA_BYTE, RelayDatagram.TO_HEADER_BYTES, (byte)
                io.sojourn.seal.SealFormat.TRANSPORT);
        c.relays.handOn(c.peer(a), s, 0, 64);
        assertThat(c.counters.get(DropReason.NO_ROUTE)).isEqualTo(1);
        RelayDatagram.writeTo(s, 0, c.peer(a).number);
        c.relays.handOn(c.peer(a), s, 0, 64);
        assertThat(c.counters.get(DropReason.NO_ROUTE))
                .as("back to where it came from")
                .isEqualTo(2);
    }
}

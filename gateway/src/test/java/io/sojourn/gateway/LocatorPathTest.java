// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.handoff.DestinationHandoff;
import io.sojourn.handoff.HandoffPlan;
import io.sojourn.handoff.MigrationId;
import io.sojourn.handoff.Ordering;
import io.sojourn.handoff.SourceHandoff;
import io.sojourn.handoff.Timing;
import io.sojourn.ilnp.BorderRouter;
import io.sojourn.ilnp.Handover;
import io.sojourn.ilnp.Transparency;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.identity.NodeIdentifier;
import io.sojourn.model.location.Locator64;
import io.sojourn.rpc.Gateway;
import io.sojourn.rpc.Network;
import io.sojourn.rpc.NetworkLocators;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Checksum;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.Udp;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Three gateways, each with a locator; VM number n is 2001:db8::n, so n is its identifier. */
class LocatorPathTest {
    private static final long DEVICE_MAC = 0x0200_0000_00AAL;
    static final long INSIDE = 0x2001_0DB8_0000_0000L;
    private static final int PAYLOAD = 18;
    private static final int LENGTH = Ethernet.HEADER_BYTES + Ipv6.HEADER_BYTES + Udp.HEADER_BYTES + PAYLOAD;

    private final PathStage a = new PathStage("a");
    private final PathStage b = new PathStage("b");
    private final PathStage c = new PathStage("c");
    private final CollectingDevice atA = new CollectingDevice();
    private final CollectingDevice atB = new CollectingDevice();
    private final CollectingDevice atC = new CollectingDevice();
    private final LocatorPath pathA = path(a, atA, 1);
    private final LocatorPath pathB = path(b, atB, 2);
    private final LocatorPath pathC = path(c, atC, 3);

    static long locator(int number) {
        return 0xFD66_0000_0000_0000L | (long) number << 32;
    }

    static String text(int number) {
        return "fd66:" + number + "::/64";
    }

    private static LocatorPath path(PathStage stage, CollectingDevice underlay, int number) {
        return path(
                stage,
                underlay,
                new GatewayConfig.Attachment(
                        PathStage.NETWORK,
                        "br",
                        0,
                        List.of(IpPrefix.parse(text(number))),
                        List.of(IpPrefix.parse("fd64::/16"))));
    }

    static LocatorPath path(PathStage stage, CollectingDevice underlay, GatewayConfig.Attachment attachment) {
        return path(stage, underlay, attachment, NodeFile.none());
    }

    static LocatorPath path(
            PathStage stage, CollectingDevice underlay, GatewayConfig.Attachment attachment, NodeFile kept) {
        LocatorPath path = new LocatorPath(
                stage.table,
                stage.wan,
                new PagePort.Opened(underlay, DEVICE_MAC),
                Map.of(PathStage.NETWORK, attachment),
                stage.outside,
                stage.counters,
                kept);
        stage.wan.bypassedBy(path);
        stage.outside.locatedBy(path);
        stage.inside.locatedBy(path);
        return path;
    }

    @BeforeEach
    void connect() {
        PathStage.connect(a, b, c);
        transparency("visible");
        TableUpdate.Builder update = TableUpdate.newBuilder();
        int number = 1;
        for (PathStage stage : List.of(a, b, c)) {
            var address = stage.wan.localAddress();
            update.addGateways(Gateway.newBuilder()
                    .setName(stage.id.name())
                    .setSite(stage.id.name())
                    .setLocator(
                            new io.sojourn.model.location.Locator(address.getAddress(), address.getPort()).toString())
                    .addLocators(NetworkLocators.newBuilder()
                            .setNetwork(PathStage.NETWORK)
                            .addPrefixes(text(number++))));
        }
        for (PathStage stage : List.of(a, b, c)) {
            stage.table.apply(update.build());
        }
        bind(1, "a", 1);
        bind(2, "b", 1);
    }

    private void transparency(String word) {
        for (PathStage stage : List.of(a, b, c)) {
            stage.table.apply(TableUpdate.newBuilder()
                    .addNetworks(Network.newBuilder()
                            .setName(PathStage.NETWORK)
                            .setVni(1)
                            .setMtu(1400)
                            .setMechanism("ilnp")
                            .setTransparency(word))
                    .build());
        }
    }

    private void bind(int vm, String gateway, long epoch) {
        PathStage.bind(vm, gateway, epoch, a, b, c);
        List.of(pathA, pathB, pathC).forEach(LocatorPath::tableChanged);
    }

    @AfterEach
    void close() {
        a.close();
        b.close();
        c.close();
    }

    private static BorderRouter border(PathStage stage) {
        return requireNonNull(requireNonNull(stage.table.network(1)).ilnp).border;
    }

    static void says(PathStage stage, int from, long to) {
        saysTo(stage, from, INSIDE, to);
    }

    private static void saysTo(PathStage stage, int from, long toHigh, long to) {
        long at = stage.wan.frameAt();
        MemorySegment s = stage.wan.frames();
        s.asSlice(at - LanPort.VNET_BYTES, LanPort.VNET_BYTES + LENGTH).fill((byte) 0);
        udp(s, at, INSIDE, from, toHigh, to);
        stage.wan.reserve(WanPort.behind(at, LENGTH));
        stage.inside.frame(requireNonNull(requireNonNull(stage.table.network(1)).port), s, at, LENGTH);
        stage.wan.release();
        stage.wan.flush();
    }

    private static void udp(MemorySegment s, long at, long fromHigh, long from, long toHigh, long to) {
        Ethernet.write(s, at, LanPort.ANYCAST_MAC, PathStage.mac((int) from), EtherType.IPV6);
        long ip = at + Ethernet.HEADER_BYTES;
        int length = Udp.HEADER_BYTES + PAYLOAD;
        Ipv6.write(s, ip, 0, length, IpProtocol.UDP, 64, fromHigh, from, toHigh, to);
        long l4 = ip + Ipv6.HEADER_BYTES;
        BigEndian.putU16(s, l4, 5000);
        BigEndian.putU16(s, l4 + 2, 6000);
        BigEndian.putU16(s, l4 + Udp.LENGTH_OFFSET, length);
        BigEndian.putU16(s, l4 + 6, Checksum.finish(sum(s, ip)));
    }

    private static long sum(MemorySegment s, long ip) {
        int length = Udp.HEADER_BYTES + PAYLOAD;
        return Checksum.pseudoHeader6(
                        Ipv6.sourceHigh(s, ip),
                        Ipv6.sourceLow(s, ip),
                        Ipv6.destinationHigh(s, ip),
                        Ipv6.destinationLow(s, ip),
                        IpProtocol.UDP,
                        length)
                + Checksum.sum(s, ip + Ipv6.HEADER_BYTES, length);
    }

    /** The UDP packets among them; session's first nonces travel beside. */
    static List<byte[]> udpOf(List<byte[]> frames) {
        return frames.stream()
                .filter(frame -> Ipv6.nextHeader(PathStage.copy(frame), Ethernet.HEADER_BYTES) == IpProtocol.UDP)
                .toList();
    }

    static void assertIs(byte[] frame, long fromHigh, long from, long toHigh, long to) {
        MemorySegment s = PathStage.copy(frame);
        long ip = Ethernet.HEADER_BYTES;
        assertThat(List.of(
                        Ipv6.sourceHigh(s, ip),
                        Ipv6.sourceLow(s, ip),
                        Ipv6.destinationHigh(s, ip),
                        Ipv6.destinationLow(s, ip)))
                .containsExactly(fromHigh, from, toHigh, to);
        assertThat(Checksum.isIntact(sum(s, ip))).as("checksum").isTrue();
    }

    @Test
    void twoVmsTalkByLocatorsAndNothingIsAdded() {
        says(a, 1, 2);
        assertThat(atA.written).as("a nonce of its own goes first").hasSize(2);
        byte[] onWan = udpOf(atA.written).getFirst();
        assertIs(onWan, locator(1), 1, locator(2), 2);
        assertThat(onWan).hasSize(LENGTH);

        atB.toRead.addAll(atA.written);
        pathB.underlay().poll();
        assertThat(b.lan.written).hasSize(1);
        assertIs(b.lan.written.getFirst(), INSIDE, 1, INSIDE, 2);
        assertThat(b.dropped()).isEmpty();
    }

    @Test
    void aVisibleVmIsFollowedToWhereItIsBound() {
        says(a, 1, 2);
        bind(2, "c", 2);
        says(a, 1, 2);
        assertIs(udpOf(atA.written).getLast(), locator(1), 1, locator(3), 2);
        atC.toRead.add(atA.written.getLast());
        pathC.underlay().poll();
        assertIs(c.lan.written.getFirst(), INSIDE, 1, INSIDE, 2);
    }

    @Test
    void anInvisibleVmKeepsItsLocatorAndTheOldSitePassesOn() {
        transparency("invisible");
        says(a, 1, 2);
        bind(2, "c", 2);
        says(a, 1, 2);
        byte[] onWan = udpOf(atA.written).getLast();
        assertIs(onWan, locator(1), 1, locator(2), 2);

        atB.toRead.add(onWan);
        pathB.underlay().poll();
        b.wan.flush();
        PathStage.settle(b, c);
        assertIs(c.lan.written.getFirst(), INSIDE, 1, INSIDE, 2);
        assertThat(b.dropped()).isEmpty();
        assertThat(c.dropped()).isEmpty();
    }

    private Account account(PathStage stage, boolean isSource) {
        HandoffPlan plan = new HandoffPlan(
                new MigrationId(new UUID(1, 2)),
                stage.vm(2).id,
                b.id,
                c.id,
                new Epoch(1),
                new Epoch(2),
                List.of(a.id),
                Ordering.STRICT,
                Timing.forRtt(1_000_000));
        Accounts accounts = new Accounts(stage.table, new Timers(), stage.counters, closed -> {});
        Witness witness = new Witness();
        witness.accounts(accounts);
        stage.wan.watchedBy(witness);
        stage.outside.watchedBy(witness);
        pathC.watchedBy(witness);
        return accounts.begin(
                isSource
                        ? Handoff.atSource(SourceHandoff.arm(plan, 0).state(), stage.vm(2), GuestSide.NONE)
                        : Handoff.atDestination(DestinationHandoff.arm(plan, 0).state(), stage.vm(2), GuestSide.NONE));
    }

    /** A nonce of its own and a datagram follow the VM; the border keeps the one, and the VM gets the other. */
    @Test
    void whatFollowsAVmToItsBorderIsCountedAsReceived() {
        says(a, 1, 2);
        assertThat(atA.written).hasSize(2);
        bind(2, "c", 2);
        Account source = account(b, true);
        Account destination = account(c, false);
        atB.toRead.addAll(atA.written);
        pathB.underlay().poll();
        b.wan.flush();
        PathStage.settle(b, c);

        assertThat(c.lan.written).hasSize(1);
        assertThat(source.statement("b", "b", Map.of()).orElseThrow().sent()).isEqualTo(2);
        assertThat(destination.statement("c", "c", Map.of()).orElseThrow().received())
                .isEqualTo(2);
    }

    /** The word that it runs there may be lost on the way, or come late. */
    @Test
    void whatAVmSendsByItsOldSiteGoesOnThoughThatHasNotHeardOfItsMove() {
        long outsider = 0xFD64_0000_0000_0000L;
        MemorySegment s = PathStage.copy(new byte[LENGTH]);
        udp(s, 0, outsider, 9, locator(1), 1);
        atA.toRead.add(s.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE));
        pathA.underlay().poll();
        saysTo(a, 1, outsider, 9);
        assertIs(udpOf(atA.written).getLast(), locator(1), 1, outsider, 9);

        Epoch next = new Epoch(2);
        VmEntry leaving = a.vm(1);
        long nowMs = System.nanoTime() / 1_000_000;
        byte[] known = border(a).export(border(a).node(new NodeIdentifier(1)).orElseThrow(), nowMs);
        leaving.onMove = true;
        a.path.redirectOn(leaving, next, b.id, next, false);
        PathStage.bind(1, "b", 2, b);
        pathB.tableChanged();
        border(b).adopt(known, new Locator64(INSIDE), Transparency.VISIBLE, Handover.SOFT, nowMs);
        saysTo(b, 1, outsider, 9);
        PathStage.settle(a, b);

        assertThat(a.dropped()).isEmpty();
        assertThat(b.dropped()).isEmpty();
        assertThat(udpOf(atB.written)).isEmpty();
        assertThat(udpOf(atA.written)).hasSize(2);
        assertIs(udpOf(atA.written).getLast(), locator(1), 1, outsider, 9);
    }

    @Test
    void whoHasNoGatewayIsHeardIfHeMayBeAndAnswered() {
        MemorySegment s = PathStage.copy(new byte[LENGTH]);
        udp(s, 0, 0xFD64_0000_0000_0000L, 9, locator(1), 1);
        byte[] allowed = s.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
        udp(s, 0, 0xFD99_0000_0000_0000L, 9, locator(1), 1);
        byte[] stranger = s.toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
        atA.toRead.add(allowed);
        atA.toRead.add(stranger);
        pathA.underlay().poll();
        assertThat(a.lan.written).hasSize(1);
        assertIs(a.lan.written.getFirst(), 0xFD64_0000_0000_0000L, 9, INSIDE, 1);
        assertThat(a.dropped()).containsOnlyKeys("drop-unknown-peer");
    }

    @Test
    void hostileOctetsAreDroppedAndCounted() {
        says(a, 1, 2);
        byte[] good = udpOf(atA.written).getFirst();
        java.util.SplittableRandom random = new java.util.SplittableRandom(5);
        for (int i = 0; i < 20_000; i++) {
            byte[] bad = java.util.Arrays.copyOf(good, random.nextInt(good.length + 1));
            for (int n = random.nextInt(4); n > 0 && bad.length > 0; n--) {
                bad[random.nextInt(bad.length)] = (byte) random.nextInt();
            }
            atB.toRead.add(bad);
            pathB.underlay().poll();
        }
        assertThat(b.dropped()).isNotEmpty();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.mechanism.Page;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.identity.MacAddress;
import io.sojourn.rpc.Gateway;
import io.sojourn.rpc.Network;
import io.sojourn.rpc.Nic;
import io.sojourn.rpc.Subnet;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.rpc.Vm;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.Ipv4;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Three gateways, each with a page; what is between them is a list of packets that a test can look at. */
class PagePathTest {
    private static final long DEVICE_MAC = 0x0200_0000_00AAL;
    private static final int VM1 = 40;
    private static final int VM2 = 41;
    private static final int HOSTS = 100;

    private final PathStage a = new PathStage("a");
    private final PathStage b = new PathStage("b");
    private final PathStage c = new PathStage("c");
    private final CollectingDevice atA = new CollectingDevice();
    private final CollectingDevice atB = new CollectingDevice();
    private final CollectingDevice atC = new CollectingDevice();
    private final PagePath pageA = path(a, atA, 1);
    private final PagePath pageB = path(b, atB, 2);
    private final PagePath pageC = path(c, atC, 3);

    private static PagePath path(PathStage stage, CollectingDevice underlay, int number) {
        Page page = Page.parse("100." + (80 + number) + ".0.0/16", "fd50:" + number + "::/48");
        PagePath path = new PagePath(
                stage.table,
                new PageTable(page),
                new PagePort.Opened(underlay, DEVICE_MAC),
                stage.outside,
                stage.counters);
        stage.wan.bypassedBy(path);
        stage.outside.inOrderWith(List.of(path.underlay()));
        return path;
    }

    @BeforeEach
    void connect() {
        PathStage.connect(a, b, c);
        TableUpdate.Builder update = TableUpdate.newBuilder();
        update.addNetworks(Network.newBuilder()
                .setName(PathStage.NETWORK)
                .setVni(1)
                .setMtu(1400)
                .setMechanism("paging")
                .addSubnets(Subnet.newBuilder()
                        .setPrefix("198.51.100.0/24")
                        .setGatewayAddress("198.51.100.1")
                        .setHomeSite("c")
                        .setPageNumber(HOSTS)));
        int number = 1;
        for (PathStage stage : List.of(a, b, c)) {
            var address = stage.wan.localAddress();
            update.addGateways(Gateway.newBuilder()
                    .setName(stage.id.name())
                    .setSite(stage.id.name())
                    .setLocator(
                            new io.sojourn.model.location.Locator(address.getAddress(), address.getPort()).toString())
                    .setPage4("100." + (80 + number) + ".0.0/16")
                    .setPage6("fd50:" + number++ + "::/48"));
        }
        for (PathStage stage : List.of(a, b, c)) {
            stage.table.apply(update.build());
        }
        bind(1, "a", 1, VM1);
        bind(2, "b", 1, VM2);
    }

    private void bind(int vm, String gateway, long epoch, int number) {
        for (PathStage stage : List.of(a, b, c)) {
            stage.table.apply(TableUpdate.newBuilder()
                    .addVms(Vm.newBuilder()
                            .setName("vm" + vm)
                            .setGateway(gateway)
                            .setEpoch(epoch)
                            .addNics(Nic.newBuilder()
                                    .setMac(new MacAddress(PathStage.mac(vm)).toString())
                                    .setNetwork(PathStage.NETWORK)
                                    .addAddresses("192.0.2." + vm)
                                    .addPageNumbers(number)))
                    .build());
        }
        for (PagePath path : List.of(pageA, pageB, pageC)) {
            path.tableChanged();
        }
    }

    @AfterEach
    void close() {
        a.close();
        b.close();
        c.close();
    }

    private static String addresses(byte[] frame) {
        return dotted(frame, 14 + Ipv4.SOURCE_OFFSET) + " > " + dotted(frame, 14 + Ipv4.DESTINATION_OFFSET);
    }

    private static String dotted(byte[] frame, int at) {
        return (frame[at] & 0xFF) + "." + (frame[at + 1] & 0xFF) + "." + (frame[at + 2] & 0xFF) + "."
                + (frame[at + 3] & 0xFF);
    }

    /** Number n of an IPv4 page begins at 32 n: 40 is 5.0, 41 is 5.32, 100 is 12.128. An epoch of 1 adds 2. */
    @Test
    void twoVmsTalkByTheirPagesAndNothingIsAdded() {
        a.fromLan(1, 2, 7);

        assertThat(atA.written).hasSize(1);
        byte[] onWan = atA.written.getFirst();
        assertThat(addresses(onWan)).isEqualTo("100.81.5.2 > 100.82.5.34");
        MemorySegment s = PathStage.copy(onWan);
        assertThat(Ethernet.destination(s, 0)).isEqualTo(DEVICE_MAC);
        assertThat(BigEndian.u16(s, 14 + Ipv4.TOTAL_LENGTH_OFFSET))
                .as("no octet more than the guest sent")
                .isEqualTo(Ipv4.HEADER_BYTES + 8 + 18);

        atB.toRead.add(onWan);
        assertThat(pageB.underlay().poll()).isEqualTo(1);
        assertThat(addresses(b.lan.written.getFirst())).isEqualTo("192.0.2.1 > 192.0.2.2");
        assertThat(b.dropped()).isEmpty();
    }

    @Test
    void whatGoesOnToWhereAVmIsNowSaysSoAndIsFromWhoSendsIt() {
        bind(3, "c", 1, 42);
        // A has heard that vm2 is at b under a new epoch; c sends to a by an older one.
        bind(2, "a", 2, VM2);
        c.fromLan(3, 2, 9);
        assertThat(addresses(atC.written.getFirst())).isEqualTo("100.83.5.66 > 100.81.5.36");
        VmEntry moved = a.vm(2);
        a.path.redirectOn(
                moved, new io.sojourn.model.binding.Epoch(3), b.id, new io.sojourn.model.binding.Epoch(3), false);
        atA.toRead.add(atC.written.getFirst());
        pageA.underlay().poll();

        assertThat(addresses(atA.written.getFirst())).isEqualTo("100.81.5.67 > 100.82.5.38");
        b.path.startBuffering(
                b.vm(2), new io.sojourn.model.binding.Epoch(3), new io.sojourn.model.binding.Epoch(3), 1 << 20);
        atB.toRead.add(atA.written.getFirst());
        pageB.underlay().poll();
        assertThat(b.vm(2).counts.buffered)
                .as("marked with the epoch of the move")
                .isEqualTo(1);
        assertThat(a.dropped()).isEmpty();
        assertThat(b.dropped()).isEmpty();
    }

    @Test
    void aVmTalksToAHostOfAnotherSite() {
        long at = a.wan.frameAt();
        MemorySegment s = a.wan.frames();
        int length = PathStage.udp(s, at, 1, 2, 3);
        BigEndian.putU32(s, at + 14 + Ipv4.DESTINATION_OFFSET, 0xC633_6414L); // 198.51.100.20
        Ipv4.putHeaderChecksum(s, at + 14);
        s.asSlice(at - LanPort.VNET_BYTES, LanPort.VNET_BYTES).fill((byte) 0);
        a.inside.frame(requireNonNull(requireNonNull(a.table.network(1)).port), s, at, length);

        assertThat(addresses(atA.written.getFirst())).isEqualTo("100.81.5.2 > 100.83.12.168");
        atC.toRead.add(atA.written.getFirst());
        pageC.underlay().poll();
        assertThat(c.dropped()).isEmpty();
        assertThat(c.counters.get(Counters.Kind.NATIVE_IN)).isEqualTo(1);
    }

    /** A host of 203.0.113.0/24 has no gateway; a is its way in and out. */
    @Test
    void whoHasNoGatewaySpeaksPlainIpByWayOfOneThatIsToldOfIt() {
        a.table.onUnderlay(Set.of(IpPrefix.parse("203.0.113.0/24")));
        for (PathStage stage : List.of(a, b, c)) {
            stage.table.apply(TableUpdate.newBuilder()
                    .addNetworks(Network.newBuilder()
                            .setName(PathStage.NETWORK)
                            .setVni(1)
                            .setMtu(1400)
                            .setMechanism("paging")
                            .addSubnets(Subnet.newBuilder()
                                    .setPrefix("203.0.113.0/24")
                                    .setGatewayAddress("203.0.113.1")
                                    .setHomeSite("a")
                                    .setPageNumber(HOSTS)))
                    .build());
        }
        List.of(pageA, pageB, pageC).forEach(PagePath::tableChanged);

        b.fromLan(2, 1, 1);
        byte[] template = atB.written.getFirst();
        byte[] toVm1 =
                patched(patched(template, Ipv4.SOURCE_OFFSET, 0xCB00_7109L), Ipv4.DESTINATION_OFFSET, 0xC000_0201L);
        byte[] toVm2 = patched(toVm1, Ipv4.DESTINATION_OFFSET, 0xC000_0202L);
        atA.toRead.add(toVm1);
        atA.toRead.add(toVm2);
        atB.toRead.add(toVm2); // b is nobody's way in
        pageA.underlay().poll();
        pageB.underlay().poll();

        assertThat(addresses(a.lan.written.getFirst())).isEqualTo("203.0.113.9 > 192.0.2.1");
        assertThat(addresses(atA.written.getFirst())).isEqualTo("100.81.12.147 > 100.82.5.34");
        assertThat(b.dropped()).containsOnlyKeys("drop-no-page");

        long at = a.wan.frameAt();
        MemorySegment s = a.wan.frames();
        int length = PathStage.udp(s, at, 1, 2, 3);
        BigEndian.putU32(s, at + 14 + Ipv4.DESTINATION_OFFSET, 0xCB00_7109L);
        Ipv4.putHeaderChecksum(s, at + 14);
        s.asSlice(at - LanPort.VNET_BYTES, LanPort.VNET_BYTES).fill((byte) 0);
        a.inside.frame(requireNonNull(requireNonNull(a.table.network(1)).port), s, at, length);
        assertThat(addresses(atA.written.getLast())).isEqualTo("192.0.2.1 > 203.0.113.9");
    }

    @Test
    void aVmThatIsNotPagedGoesByTheOverlay() {
        a.vm(2).mechanism = "overlay";
        a.fromLan(1, 2, 7);

        assertThat(atA.written).isEmpty();
        PathStage.settle(a, b);
        assertThat(addresses(b.lan.written.getFirst())).isEqualTo("192.0.2.1 > 192.0.2.2");
    }

    @Test
    void whoIsInNobodysPageIsNotHeardAndNoAddressOfOursThatStandsForNobody() {
        a.fromLan(1, 2, 7);
        byte[] good = atA.written.getFirst();
        atB.toRead.add(patched(good, Ipv4.SOURCE_OFFSET, 0x0A00_0001L));
        atB.toRead.add(patched(good, Ipv4.DESTINATION_OFFSET, 0x6452_7000L));
        atB.toRead.add(new byte[5]);
        pageB.underlay().poll();

        assertThat(b.lan.written).isEmpty();
        assertThat(b.dropped())
                .containsOnlyKeys("drop-unknown-peer", "drop-no-page", "drop-too-short")
                .allSatisfy((reason, count) -> assertThat(count).isEqualTo(1));
    }

    private static byte[] patched(byte[] frame, int offset, long address) {
        MemorySegment s = PathStage.copy(frame);
        BigEndian.putU32(s, 14 + offset, address);
        Ipv4.putHeaderChecksum(s, 14);
        return s.toArray(ValueLayout.JAVA_BYTE);
    }

    /** In random order, with hostile octets anywhere, nothing throws and nothing is kept. */
    @Test
    void hostileOctetsAreDroppedAndCounted() {
        a.fromLan(1, 2, 7);
        byte[] good = atA.written.getFirst();
        java.util.SplittableRandom random = new java.util.SplittableRandom(5);
        for (int i = 0; i < 20_000; i++) {
            byte[] bad = java.util.Arrays.copyOf(good, random.nextInt(good.length + 1));
            for (int n = random.nextInt(6); n > 0 && bad.length > 0; n--) {
                bad[random.nextInt(bad.length)] = (byte) random.nextInt();
            }
            atB.toRead.add(bad);
            pageB.underlay().poll();
        }
        assertThat(b.lan.written.size()
                        + b.dropped().values().stream()
                                .mapToLong(Long::longValue)
                                .sum())
                .isLessThanOrEqualTo(20_000);
        assertThat(b.dropped()).isNotEmpty();
    }
}

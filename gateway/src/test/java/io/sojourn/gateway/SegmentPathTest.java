// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.linux.PeerAddress;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.rpc.Explained;
import io.sojourn.rpc.Gateway;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.wire.ArpFrames;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.Vxlan;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.SocketTimeoutException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Two gateways with a segment each of one network, and a socket that stands for a VXLAN device of another make. */
class SegmentPathTest {
    private static final int SEGMENT_A = 70_001;
    private static final int SEGMENT_B = 70_002;
    private static final long THEIR_MAC = 0x0200_0000_0707L;

    private final PathStage a = new PathStage("a");
    private final PathStage b = new PathStage("b");
    private final SegmentPath pathA = path(a, SEGMENT_A);
    private final SegmentPath pathB = path(b, SEGMENT_B);

    private static SegmentPath path(PathStage stage, int vni) {
        SegmentPath path = new SegmentPath(stage.table, stage.wan, stage.inside, stage.counters);
        stage.wan.bypassedBy(path);
        stage.outside.segmentedBy(path);
        return path;
    }

    @BeforeEach
    void connect() {
        PathStage.connect(a, b);
        segments(SEGMENT_A, SEGMENT_B);
        PathStage.bind(1, "a", 1, a, b);
        PathStage.bind(2, "b", 0x1_00_00_05L, a, b);
        for (PathStage stage : List.of(a, b)) {
            network(stage).mechanism = "segment";
            stage.table
                    .peers()
                    .forEach(peer -> peer.plain = false); // what is in the open is a segment's, or is dropped
        }
    }

    private void segments(int ofA, int ofB) {
        network(a).segmentVni = ofA;
        network(b).segmentVni = ofB;
        for (PathStage stage : List.of(a, b)) {
            for (PathStage other : List.of(a, b)) {
                var address = other.wan.localAddress();
                stage.table.apply(TableUpdate.newBuilder()
                        .addGateways(Gateway.newBuilder()
                                .setName(other.id.name())
                                .setSite(other.id.name())
                                .setLocator(
                                        new io.sojourn.model.location.Locator(address.getAddress(), address.getPort())
                                                .toString())
                                .putSegments(PathStage.NETWORK, other == a ? ofA : ofB))
                        .build());
            }
        }
        pathA.tableChanged();
        pathB.tableChanged();
    }

    private static VirtualNetwork network(PathStage stage) {
        return requireNonNull(stage.table.network(PathStage.NETWORK));
    }

    @AfterEach
    void close() {
        a.close();
        b.close();
    }

    @Test
    void packetsOfASegmentedVmCrossInTheOpenAndArriveUnderItsEpoch() {
        a.fromLan(1, 2, 7);
        PathStage.settle(a, b);

        assertThat(b.delivered(2)).containsExactly(7);
        assertThat(b.dropped()).isEmpty();
    }

    @Test
    void whatIsSentByAnOldBindingIsRelayedAndTheSenderLearns() {
        a.toWan(b, 1, 2, 7, 5);
        PathStage.bind(2, "a", 0x1_00_00_06L, b);
        b.hear();
        PathStage.settle(a, b);

        assertThat(b.late).hasSize(1);
    }

    @Test
    void withoutASegmentThereItGoesByTheOverlay() {
        segments(SEGMENT_A, 0);
        a.peer(b).plain = true;
        b.peer(a).plain = true;
        a.fromLan(1, 2, 8);
        PathStage.settle(a, b);

        assertThat(b.delivered(2)).containsExactly(8);
    }

    @Test
    void anExplanationSaysWhatAPacketWouldMeet() {
        Explained there = new Explanation(a.table, a.wan)
                .of(PathStage.NETWORK, IpAddress.parse("192.0.2.1"), IpAddress.parse("192.0.2.2"));
        assertThat(there.getNext()).isEqualTo("b");
        assertThat(there.getAddedBytes()).isEqualTo(50);
        assertThat(there.getLinesList()).anyMatch(line -> line.contains("VNI " + SEGMENT_B));

        Explained here = new Explanation(b.table, b.wan)
                .of(PathStage.NETWORK, IpAddress.parse("192.0.2.1"), IpAddress.parse("192.0.2.2"));
        assertThat(here.getNext()).isEmpty();
        assertThat(here.getLinesList())
                .anyMatch(line -> line.startsWith("delivery: on this LAN, to 02:00:00:00:00:02"));
        assertThat(new Explanation(a.table, a.wan)
                        .of(PathStage.NETWORK, IpAddress.parse("192.0.2.1"), IpAddress.parse("203.0.113.1"))
                        .getLinesList())
                .singleElement()
                .satisfies(line -> assertThat(line).startsWith("no route"));
    }

    @Test
    void aVniThatIsUsedTwiceCarriesNothing() {
        segments(SEGMENT_A, SEGMENT_A);
        assertThat(pathA.network(SEGMENT_A)).isNull();
    }

    @Test
    void aDeviceOfAnotherMakeIsALanOfTheNetwork() throws IOException {
        try (DatagramSocket device = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
            device.setSoTimeout(2_000);
            edgeAt(device);
            MemorySegment s = Arena.ofAuto().allocate(128);
            int length = ArpFrames.request(s, 8, THEIR_MAC, 0xC633_6414L, 0xC000_0202L); // who is vm2?
            send(device, s, SEGMENT_A, length);
            a.hear();

            MemorySegment answer = receive(device);
            assertThat(Vxlan.vni(answer, 0)).isEqualTo(SEGMENT_A);
            assertThat(Vxlan.epoch(answer, 0)).as("RFC 7348: reserved, 0").isZero();
            assertThat(Ethernet.destination(answer, 8)).isEqualTo(THEIR_MAC);
            assertThat(Ethernet.source(answer, 8)).isEqualTo(LanPort.ANYCAST_MAC);
        }
    }

    @Test
    void whatNobodyKnowsOrSpeaksInAVmsNameIsDropped() throws IOException {
        try (DatagramSocket device = new DatagramSocket(0, InetAddress.getLoopbackAddress())) {
            device.setSoTimeout(100);
            MemorySegment s = Arena.ofAuto().allocate(128);
            int length = ArpFrames.request(s, 8, PathStage.mac(2), 0xC633_6414L, 0xC000_0202L);
            send(device, s, SEGMENT_A, length); // no edge yet
            a.hear();
            edgeAt(device);
            send(device, s, SEGMENT_A, length); // in the name of vm2
            send(device, s, SEGMENT_B, length); // another place's
            send(device, s, SEGMENT_A, 3);
            a.hear();

            assertThat(a.dropped()).containsOnlyKeys("drop-unknown-peer", "drop-spoofed");
            org.assertj.core.api.Assertions.assertThatThrownBy(() -> receive(device))
                    .isInstanceOf(SocketTimeoutException.class);
        }
    }

    private void edgeAt(DatagramSocket device) {
        EdgeDevice there = new EdgeDevice(
                a.wan,
                network(a),
                PeerAddress.of(new java.net.InetSocketAddress(device.getLocalAddress(), device.getLocalPort())));
        network(a).edges = List.of(new Edge("far", there, new LanPort(network(a), there, a.counters)));
    }

    private void send(DatagramSocket device, MemorySegment s, int vni, int length) throws IOException {
        Vxlan.write(s, 0, vni, 0);
        byte[] bytes = s.asSlice(0, 8L + length).toArray(ValueLayout.JAVA_BYTE);
        device.send(new DatagramPacket(
                bytes,
                bytes.length,
                InetAddress.getLoopbackAddress(),
                a.wan.localAddress().getPort()));
    }

    private static MemorySegment receive(DatagramSocket device) throws IOException {
        DatagramPacket packet = new DatagramPacket(new byte[2048], 2048);
        device.receive(packet);
        MemorySegment s = PathStage.copy(java.util.Arrays.copyOf(packet.getData(), packet.getLength()));
        assertThat(BigEndian.u8(s, 0)).isEqualTo(Vxlan.FLAGS);
        return s;
    }
}

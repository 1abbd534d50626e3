// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.sojourn.certificate.ClockOffset;
import io.sojourn.gateway.PacketRing.Way;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.Locator;
import io.sojourn.model.location.SiteId;
import io.sojourn.rpc.Network;
import io.sojourn.rpc.Nic;
import io.sojourn.rpc.Role;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.rpc.Vm;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Ethernet;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PacketRingTest {
    private static final int VNI = 7;
    private static final int VM = 0x0A01_010A; // 10.1.1.10
    private static final int OTHER = 0x0A01_0114;
    private static final Peer B = new Peer(new GatewayId("b"), new SiteId("b"), Locator.parse("192.0.2.2:7400"));

    private final PacketRing ring = new PacketRing(vm());
    private final MemorySegment frame = Arena.ofAuto().allocate(2_000);

    private static VmEntry vm() {
        ForwardingTable table = new ForwardingTable(new GatewayId("a"), new SiteId("a"), new ForwardingTable.Changes() {
            @Override
            public void tableSays(VmEntry vm, GatewayId gateway, io.sojourn.model.binding.Epoch epoch) {}

            @Override
            public void networkAdded(VirtualNetwork network) {}

            @Override
            public void networkRemoved(VirtualNetwork network) {}

            @Override
            public void vmRemoved(VmEntry vm) {}
        });
        table.apply(TableUpdate.newBuilder()
                .setVersion(1)
                .setWhole(true)
                .addNetworks(Network.newBuilder().setName("blue").setVni(VNI).setMechanism("overlay"))
                .addVms(Vm.newBuilder()
                        .setName("web1")
                        .setGateway("a")
                        .setEpoch(1)
                        .addNics(Nic.newBuilder()
                                .setMac("52:54:00:00:01:0a")
                                .setNetwork("blue")
                                .addAddresses("10.1.1.10")
                                .addAddresses("fd00:1::10")))
                .build());
        return Objects.requireNonNull(table.vm(new io.sojourn.model.identity.VmId("web1")));
    }

    /** An IPv4 packet with UDP in it, whose identification is {@code number}. */
    private void add(Way way, int vni, int from, int to, int number, int length) {
        Ethernet.write(frame, 0, 2, 4, 0x0800);
        BigEndian.putU16(frame, 14, 0x4500);
        BigEndian.putU16(frame, 16, length - 14);
        BigEndian.putU16(frame, 18, number);
        BigEndian.putU16(frame, 22, 0x4011);
        BigEndian.putU32(frame, 26, from & 0xFFFF_FFFFL);
        BigEndian.putU32(frame, 30, to & 0xFFFF_FFFFL);
        BigEndian.putU16(frame, 34, 5_000);
        BigEndian.putU16(frame, 36, 5_001);
        BigEndian.putU16(frame, 38, length - 34);
        ring.add(way, way == Way.TO_GUEST ? null : B, vni, 2, frame, 0, length, 1);
    }

    private int number(int i) {
        return BigEndian.u16(ring.frame(i), 18);
    }

    @Test
    void onlyTheVmsOwnFramesAreKept() {
        add(Way.TO_WAN, VNI, OTHER, VM, 1, 100);
        add(Way.TO_WAN, VNI, VM, OTHER, 2, 100);
        add(Way.TO_WAN, VNI, OTHER, OTHER, 3, 100);
        add(Way.TO_WAN, VNI + 1, OTHER, VM, 4, 100);
        assertThat(ring.size()).isEqualTo(2);
        Ethernet.write(frame, 0, 2, 4, 0x86DD);
        BigEndian.putU64(frame, 14 + 24, 0xFD00_0001_0000_0000L);
        BigEndian.putU64(frame, 14 + 32, 0x10);
        ring.add(Way.FROM_WAN, B, VNI, 0, frame, 0, 60, 1);
        ring.add(Way.FROM_WAN, B, VNI, 0, frame, 0, 53, 1);
        ring.add(Way.FROM_WAN, B, VNI, 0, frame, 0, 13, 1);
        assertThat(ring.size()).isEqualTo(3);
    }

    @Test
    void theNewestTakeThePlaceOfTheOldestUntilTheFlip() {
        int before = PacketRing.SLOTS + 100;
        for (int i = 0; i < before; i++) {
            add(Way.TO_WAN, VNI, OTHER, VM, i & 0xFFFF, 100);
        }
        assertThat(ring.size()).isEqualTo(PacketRing.SLOTS);
        assertThat(number(0)).isEqualTo(100);

        ring.flipped();
        for (int i = 0; i < PacketRing.SLOTS; i++) {
            if (i == 10) {
                ring.flipped(); // the first counts
            }
            add(Way.TO_GUEST, VNI, OTHER, VM, 50_000, 100);
        }
        assertThat(ring.size()).isEqualTo(PacketRing.SLOTS);
        assertThat(number(PacketRing.SLOTS / 2 - 1)).isEqualTo(before - 1);
        assertThat(number(PacketRing.SLOTS / 2)).isEqualTo(50_000);
        ring.close();
        add(Way.TO_WAN, VNI, OTHER, VM, 1, 100);
        assertThat(ring.written()).isEqualTo(before + PacketRing.SLOTS / 2);
    }

    private Path written(Path dir, Role role, long epoch) {
        new Captures(dir, "gw")
                .write(new Captures.Captured(
                        "web1", epoch, "m", role, ring, Optional.of(new ClockOffset(5_000_000, 300))));
        return dir.resolve("web1-e" + epoch + ".pcapng");
    }

    @Test
    void aFileHasTheBlocksOfTheDraft(@TempDir Path dir) throws Exception {
        add(Way.FROM_WAN, VNI, OTHER, VM, 1, 1_400);
        MemorySegment file = MemorySegment.ofArray(Files.readAllBytes(written(dir, Role.SOURCE, 2)));
        long at = 0;
        int[] types = {0x0A0D0D0A, 1, 1, 1, 6};
        for (int type : types) {
            assertThat(BigEndian.i32(file, at)).isEqualTo(type);
            int length = BigEndian.i32(file, at + 4);
            assertThat(BigEndian.i32(file, at + length - 4)).isEqualTo(length);
            if (type == 6) {
                assertThat(BigEndian.i32(file, at + 20)).isEqualTo(PacketRing.SNAP_BYTES);
                assertThat(BigEndian.i32(file, at + 24)).isEqualTo(1_400);
            }
            at += length;
        }
        assertThat(at).isEqualTo(file.byteSize());
    }

    @Test
    void aFolderHoldsTheLastFewOnly(@TempDir Path dir) throws IOException {
        for (int epoch = 1; epoch <= 20; epoch++) {
            assertThat(written(dir, Role.SOURCE, epoch).toFile().setLastModified(epoch * 1_000_000L))
                    .isTrue();
        }
        try (Stream<Path> files = Files.list(dir)) {
            assertThat(files.map(file -> String.valueOf(file.getFileName())))
                    .hasSize(16)
                    .contains("web1-e20.pcapng", "web1-e5.pcapng");
        }
    }

    @Test
    void tsharkReadsWhatWasKeptAndBothFilesByOneClock(@TempDir Path dir) throws Exception {
        assumeThat(Files.isExecutable(Path.of("/usr/bin/tshark"))).isTrue();
        add(Way.FROM_WAN, VNI, OTHER, VM, 1, 1_400);
        add(Way.TO_GUEST, VNI, OTHER, VM, 1, 60);
        List<String> source = tshark(written(dir, Role.SOURCE, 2));
        List<String> destination = tshark(written(dir, Role.DESTINATION, 3));
        assertThat(source).hasSize(2);
        assertThat(source.getFirst()).startsWith("from-wan\tfrom b, epoch 2\t1400\t10.1.1.20\t10.1.1.10\t5001\t");
        assertThat(source.getLast()).startsWith("to-guest\tto the guest, epoch 2\t60\t");
        double apart = time(destination) - time(source);
        assertThat(apart).isBetween(4.9, 6.0);
    }

    private static double time(List<String> lines) {
        return Double.parseDouble(lines.getFirst().substring(lines.getFirst().lastIndexOf('\t') + 1));
    }

    private static List<String> tshark(Path file) throws Exception {
        String fields = "frame.interface_name frame.comment frame.len ip.src ip.dst udp.dstport frame.time_epoch";
        List<String> command = new java.util.ArrayList<>(List.of("tshark", "-r", file.toString(), "-T", "fields"));
        for (String field : fields.split(" ")) {
            command.addAll(List.of("-e", field));
        }
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        List<String> lines = process.inputReader().lines().toList();
        assertThat(process.waitFor()).isZero();
        return lines;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Consumer;

/** A file of the WAN emulator's captures (pcap-savefile(5), raw IP), and what an eavesdropper can make of it. */
final class Capture {
    private static final int FILE_HEADER_BYTES = 24;
    private static final int RECORD_HEADER_BYTES = 16;
    private static final int UDP = 17;
    private static final int TCP = 6;
    /** What our guests' traffic, SSH and a hypervisor's stream would show of themselves. */
    private static final Map<String, byte[]> PLAIN = Map.of(
            "an SSH banner", "SSH-2.0-".getBytes(StandardCharsets.US_ASCII),
            "a guest's kernel", "Linux version ".getBytes(StandardCharsets.US_ASCII),
            "the guest's MAC", new byte[] {0x52, 0x54, 0x00, 0x10, 0x01, 0x0a},
            "ping's pattern", "ZZZZZZZZZZZZZZZZ".getBytes(StandardCharsets.US_ASCII));

    private Capture() {}

    /** One IPv4 packet of the file, from its first octet. */
    static void forEach(Path file, Consumer<byte[]> packet) {
        try (FileChannel channel = FileChannel.open(file)) {
            ByteBuffer all = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size())
                    .order(ByteOrder.LITTLE_ENDIAN);
            int at = FILE_HEADER_BYTES;
            while (at + RECORD_HEADER_BYTES <= all.limit()) {
                byte[] bytes = new byte[all.getInt(at + 8)];
                all.get(at + RECORD_HEADER_BYTES, bytes);
                packet.accept(bytes);
                at += RECORD_HEADER_BYTES + bytes.length;
            }
        } catch (IOException e) {
            throw new LabException("cannot read " + file + ": " + e.getMessage(), e);
        }
    }

    static boolean isUdp(byte[] packet) {
        return packet.length >= 28 && packet[0] == 0x45 && packet[9] == UDP;
    }

    static int port(byte[] packet, int at) {
        return (packet[at] & 0xFF) << 8 | packet[at + 1] & 0xFF;
    }

    /** Everything between sites that is not UDP between two ports 7400, or shows something of what is inside; by what it is, how often. */
    static Map<String, Integer> leaks(Path file) {
        Map<String, Integer> leaks = new TreeMap<>();
        forEach(file, packet -> {
            boolean udp = isUdp(packet);
            boolean toController = packet.length >= 40
                    && packet[0] == 0x45
                    && packet[9] == TCP
                    && List.of(port(packet, 20), port(packet, 22)).contains(Configs.GRPC_PORT);
            if (udp && (port(packet, 20) != Configs.GATEWAY_PORT || port(packet, 22) != Configs.GATEWAY_PORT)) {
                leaks.merge("UDP of another port", 1, Integer::sum);
            } else if (!udp && !toController) {
                leaks.merge("IP protocol " + protocol(packet), 1, Integer::sum);
            }
            PLAIN.forEach((what, octets) -> {
                if (contains(packet, octets)) {
                    leaks.merge(what, 1, Integer::sum);
                }
            });
        });
        return leaks;
    }

    /** The first header's word on what follows it (RFC 791, 8200); -1 of what is no IP packet. */
    private static int protocol(byte[] packet) {
        if (packet.length < 20) {
            return -1;
        }
        return packet[packet[0] >> 4 == 6 ? 6 : 9] & 0xFF;
    }

    private static boolean contains(byte[] packet, byte[] octets) {
        byte first = octets[0];
        for (int at = 0; at + octets.length <= packet.length; at++) {
            if (packet[at] == first && Arrays.equals(packet, at, at + octets.length, octets, 0, octets.length)) {
                return true;
            }
        }
        return false;
    }
}

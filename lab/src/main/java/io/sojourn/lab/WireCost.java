// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.wan.WanControl;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * What a packet between two sites carries beyond itself: pings of a known length, filled with a pattern, are captured by the WAN emulator, outside of anything of
 * ours, and their IP packets measured. A pcap file has a header of 24 octets, then records of a 16-octet header and a raw IP packet (draft-ietf-opsawg-pcap).
 */
final class WireCost {
    private static final int PING_BYTES = 1000;
    private static final int INNER_BYTES = 20 + 8 + PING_BYTES;
    private static final int FILE_HEADER_BYTES = 24;
    private static final int RECORD_HEADER_BYTES = 16;
    private static final int PATTERN = 0x5a5a5a5a;

    private WireCost() {}

    /** Octets added to each packet; 0 when no packet was seen. */
    static int measure(Lab lab, Place correspondent, String site, String address) {
        Path capture = lab.run().folder().resolve("wire.pcap");
        try (WanControl wan = WanControl.connect(Configs.wanSocket(lab.run()))) {
            wan.capture(site, capture);
            Command.attempt(
                    correspondent.command(java.util.List.of(
                            "ping",
                            "-n",
                            "-c",
                            "5",
                            "-i",
                            "0.1",
                            "-W",
                            "3",
                            "-s",
                            Integer.toString(PING_BYTES),
                            "-p",
                            "5a",
                            address)),
                    java.util.Map.of(),
                    null);
            wan.endCapture(site);
            return added(Files.readAllBytes(capture));
        } catch (IOException e) {
            throw new LabException("cannot read " + capture + ": " + e.getMessage(), e);
        }
    }

    static int added(byte[] pcap) {
        ByteBuffer file = ByteBuffer.wrap(pcap).order(ByteOrder.LITTLE_ENDIAN);
        int added = Integer.MAX_VALUE;
        for (int at = FILE_HEADER_BYTES; at + RECORD_HEADER_BYTES <= pcap.length; ) {
            int captured = file.getInt(at + 8);
            int length = file.getInt(at + 12);
            at += RECORD_HEADER_BYTES;
            boolean ours = captured >= INNER_BYTES
                    && at + captured <= pcap.length
                    && file.getInt(at + captured - Integer.BYTES) == PATTERN;
            if (ours) {
                added = Math.min(added, length - INNER_BYTES);
            }
            at += captured;
        }
        return added == Integer.MAX_VALUE ? 0 : added;
    }
}

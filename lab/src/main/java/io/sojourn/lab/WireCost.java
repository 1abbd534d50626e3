// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.wan.WanControl;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.locks.LockSupport;

/**
 * What a packet between two sites carries beyond itself: pings of a known length, filled with a pattern, are captured by the WAN emulator, outside of anything of
 * ours, and their IP packets measured and searched for the pattern. A pcap file has a header of 24 octets, then records of a 16-octet header and a raw IP packet (draft-ietf-opsawg-pcap).
 */
final class WireCost {
    private static final int PING_BYTES = 1000;
    private static final int INNER_BYTES = 20 + 8 + PING_BYTES;
    private static final int MORE_IN_IPV6_BYTES = 20;
    /** Of TCP as stock Linux speaks it: with timestamps (RFC 7323) in every segment. */
    private static final int INNER_TCP_BYTES = 20 + 20 + 12 + PING_BYTES;

    private static final int ECHO_PORT = 7;
    private static final int SEGMENTS = 5;
    private static final int PATIENCE_MS = 10_000;
    private static final long BETWEEN_NS = 100_000_000;
    private static final int FILE_HEADER_BYTES = 24;
    private static final int RECORD_HEADER_BYTES = 16;
    private static final int PATTERN = 0x5a5a5a5a;
    private static final int ADDED_MOST_BYTES = 150;

    private WireCost() {}

    /**
     * What was found on the wire.
     *
     * @param addedBytes octets added to each packet; -1 when no packet was seen
     * @param readable the pattern inside could be seen from outside
     */
    record Found(int addedBytes, boolean readable) {}

    static Found measure(Lab lab, Place correspondent, String site, String address) {
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
            boolean v6 = address.indexOf(':') >= 0;
            return found(Files.readAllBytes(capture), INNER_BYTES + (v6 ? MORE_IN_IPV6_BYTES : 0));
        } catch (IOException e) {
            throw new LabException("cannot read " + capture + ": " + e.getMessage(), e);
        }
    }

    /** The same of segments of TCP, to the guest's echo service and back; IPv4. */
    static Found measureTcp(Lab lab, Place correspondent, String site, String address) {
        Path capture = lab.run().folder().resolve("wire.pcap");
        try (WanControl wan = WanControl.connect(Configs.wanSocket(lab.run()));
                Socket socket = correspondent.call(() -> connected(address))) {
            wan.capture(site, capture);
            byte[] pattern = new byte[PING_BYTES];
            Arrays.fill(pattern, (byte) PATTERN);
            for (int i = 0; i < SEGMENTS; i++) {
                socket.getOutputStream().write(pattern);
                LockSupport.parkNanos(BETWEEN_NS);
            }
            socket.getInputStream().skipNBytes(SEGMENTS * PING_BYTES);
            wan.endCapture(site);
            return found(Files.readAllBytes(capture), INNER_TCP_BYTES);
        } catch (IOException e) {
            throw new LabException("cannot measure what TCP to " + address + " carries: " + e.getMessage(), e);
        }
    }

    private static Socket connected(String address) throws IOException {
        Socket socket = new Socket();
        socket.setTcpNoDelay(true);
        socket.setSoTimeout(PATIENCE_MS);
        socket.connect(new InetSocketAddress(address, ECHO_PORT), PATIENCE_MS);
        return socket;
    }

    /** Sealed, a ping is known by nothing but its length: that which is most frequent among those that a ping can have. */
    static Found found(byte[] pcap) {
        return found(pcap, INNER_BYTES);
    }

    static Found found(byte[] pcap, int innerBytes) {
        ByteBuffer file = ByteBuffer.wrap(pcap).order(ByteOrder.LITTLE_ENDIAN);
        int[] seen = new int[ADDED_MOST_BYTES];
        boolean readable = false;
        for (int at = FILE_HEADER_BYTES; at + RECORD_HEADER_BYTES <= pcap.length; ) {
            int captured = file.getInt(at + 8);
            int length = file.getInt(at + 12);
            at += RECORD_HEADER_BYTES;
            int added = length - innerBytes;
            if (added >= 0 && added < seen.length && at + captured <= pcap.length) {
                seen[added]++;
                readable |= hasPattern(file, at, at + captured);
            }
            at += captured;
        }
        int most = 0;
        for (int added = 1; added < seen.length; added++) {
            most = seen[added] > seen[most] ? added : most;
        }
        return new Found(seen[most] == 0 ? -1 : most, readable);
    }

    private static boolean hasPattern(ByteBuffer file, int from, int to) {
        for (int at = from; at + 2 * Integer.BYTES <= to; at++) {
            if (file.getInt(at) == PATTERN && file.getInt(at + Integer.BYTES) == PATTERN) {
                return true;
            }
        }
        return false;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** A place's device in memory: what a test sends waits to be read, what the forwarder writes is kept with its time. */
final class MemoryDevice implements PacketDevice {
    record Delivery(long atNs, byte[] packet) {}

    final Deque<byte[]> toWan = new ArrayDeque<>();
    final List<Delivery> fromWan = new ArrayList<>();
    long nowNs;

    @Override
    public int read(MemorySegment segment, long offset, int maxBytes) {
        byte[] packet = toWan.poll();
        if (packet == null) {
            return -1;
        }
        int bytes = Math.min(packet.length, maxBytes);
        MemorySegment.copy(packet, 0, segment, ValueLayout.JAVA_BYTE, offset, bytes);
        return bytes;
    }

    @Override
    public int write(MemorySegment segment, long offset, int bytes) {
        byte[] packet = new byte[bytes];
        MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, offset, packet, 0, bytes);
        fromWan.add(new Delivery(nowNs, packet));
        return bytes;
    }
}

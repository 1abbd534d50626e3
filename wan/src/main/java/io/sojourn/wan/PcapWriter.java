// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;

/**
 * Writes IP packets to a pcap file with nanosecond timestamps (magic 0xa1b23c4d, link type 101 raw IP; the format of
 * pcap-savefile(5)). Buffered; a write error ends the capture and is told on closing, never on the packet path.
 */
final class PcapWriter implements AutoCloseable {
    private static final int MAGIC_NANOSECONDS = 0xa1b23c4d;
    private static final int LINKTYPE_RAW = 101;
    private static final int SNAP_BYTES = 65_535;
    private static final int RECORD_HEADER_BYTES = 16;
    private static final long NS_PER_S = 1_000_000_000L;

    private static final int CUT_BYTES = 128;
    private static final int UDP = 17;

    private final FileChannel file;
    private final int cutPort;
    private final ByteBuffer buffer = ByteBuffer.allocateDirect(256 * 1024).order(ByteOrder.nativeOrder());
    private final MemorySegment memory = MemorySegment.ofBuffer(buffer);
    private final long epochMinusNanoTime;
    private final NanoClock clock;
    private long packets;
    private boolean failed;

    /** @param cutPort datagrams of this UDP port are cut short, as what they carry is not looked at; 0: none are */
    PcapWriter(Path path, NanoClock clock, int cutPort) {
        this.clock = clock;
        this.cutPort = cutPort;
        Instant now = Instant.now();
        epochMinusNanoTime = now.getEpochSecond() * NS_PER_S + now.getNano() - clock.nanoTime();
        try {
            file = FileChannel.open(
                    path, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE);
        } catch (IOException failure) {
            throw new UncheckedIOException("cannot write capture file " + path, failure);
        }
        buffer.putInt(MAGIC_NANOSECONDS).putShort((short) 2).putShort((short) 4);
        buffer.putInt(0).putInt(0).putInt(SNAP_BYTES).putInt(LINKTYPE_RAW);
    }

    void write(MemorySegment segment, long offset, int bytesOnWire) {
        int bytes = isCut(segment, offset, bytesOnWire) ? CUT_BYTES : bytesOnWire;
        if (buffer.remaining() < RECORD_HEADER_BYTES + bytes) {
            flush();
        }
        long ns = epochMinusNanoTime + clock.nanoTime();
        buffer.putInt((int) (ns / NS_PER_S))
                .putInt((int) (ns % NS_PER_S))
                .putInt(bytes)
                .putInt(bytesOnWire);
        int at = buffer.position();
        MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, offset, memory, ValueLayout.JAVA_BYTE, at, bytes);
        buffer.position(at + bytes);
        packets++;
    }

    private boolean isCut(MemorySegment s, long at, int bytes) {
        if (cutPort == 0 || bytes <= CUT_BYTES) {
            return false;
        }
        int first = s.get(ValueLayout.JAVA_BYTE, at);
        boolean v6 = (first & 0xF0) == 0x60;
        long ports = at + (v6 ? 40 : 4 * (first & 0xF));
        return s.get(ValueLayout.JAVA_BYTE, at + (v6 ? 6 : 9)) == UDP
                && (port(s, ports) == cutPort || port(s, ports + 2) == cutPort);
    }

    private static int port(MemorySegment s, long at) {
        return (s.get(ValueLayout.JAVA_BYTE, at) & 0xFF) << 8 | s.get(ValueLayout.JAVA_BYTE, at + 1) & 0xFF;
    }

    long packets() {
        return packets;
    }

    private void flush() {
        buffer.flip();
        try {
            while (!failed && buffer.hasRemaining()) {
                file.write(buffer);
            }
        } catch (IOException diskFull) {
            failed = true;
        }
        buffer.clear();
    }

    @Override
    public void close() {
        flush();
        try {
            file.close();
        } catch (IOException failure) {
            failed = true;
        }
        if (failed) {
            throw new IllegalStateException("the capture file is incomplete: writing failed (disk full?)");
        }
    }
}

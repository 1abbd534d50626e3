// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import java.io.DataOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Writes frames as pcapng (draft-ietf-opsawg-pcapng), big-endian, which is as good as little-endian to whoever reads it. */
final class PcapngFile {
    private static final int SECTION_HEADER = 0x0A0D0D0A;
    private static final int BYTE_ORDER_MAGIC = 0x1A2B3C4D;
    private static final int INTERFACE_DESCRIPTION = 1;
    private static final int ENHANCED_PACKET = 6;
    private static final int LINKTYPE_ETHERNET = 1;

    private static final int OPTION_END = 0;
    private static final int OPTION_COMMENT = 1;
    private static final int SECTION_APPLICATION = 4;
    private static final int INTERFACE_NAME = 2;
    private static final int INTERFACE_RESOLUTION = 9;
    /** Powers of ten: 9 is nanoseconds. */
    private static final byte NANOSECONDS = 9;

    private static final int ROOM = 4_096;

    private final DataOutputStream out;
    private final ByteBuffer block = ByteBuffer.allocate(ROOM);

    PcapngFile(OutputStream out) {
        this.out = new DataOutputStream(out);
    }

    /** Comes first. @param snapBytes what is kept of a frame at most */
    void begin(String comment, List<String> interfaces, int snapBytes) throws IOException {
        block.clear()
                .putInt(BYTE_ORDER_MAGIC)
                .putShort((short) 1)
                .putShort((short) 0)
                .putLong(-1);
        option(OPTION_COMMENT, comment.getBytes(StandardCharsets.UTF_8));
        option(SECTION_APPLICATION, "sojourn".getBytes(StandardCharsets.UTF_8));
        option(OPTION_END, new byte[0]);
        write(SECTION_HEADER);
        for (String name : interfaces) {
            block.clear()
                    .putShort((short) LINKTYPE_ETHERNET)
                    .putShort((short) 0)
                    .putInt(snapBytes);
            option(INTERFACE_NAME, name.getBytes(StandardCharsets.UTF_8));
            option(INTERFACE_RESOLUTION, new byte[] {NANOSECONDS});
            option(OPTION_END, new byte[0]);
            write(INTERFACE_DESCRIPTION);
        }
    }

    /**
     * @param number of the interface
     * @param atNs since 1970
     * @param length of the whole frame, of which {@code frame} is the beginning
     */
    void packet(int number, long atNs, MemorySegment frame, int length, String comment) throws IOException {
        int kept = (int) frame.byteSize();
        block.clear().putInt(number).putLong(atNs).putInt(kept).putInt(length);
        block.put(frame.toArray(ValueLayout.JAVA_BYTE));
        pad();
        option(OPTION_COMMENT, comment.getBytes(StandardCharsets.UTF_8));
        option(OPTION_END, new byte[0]);
        write(ENHANCED_PACKET);
    }

    private void option(int code, byte[] value) {
        block.putShort((short) code).putShort((short) value.length).put(value);
        pad();
    }

    private void pad() {
        while (block.position() % 4 != 0) {
            block.put((byte) 0);
        }
    }

    private void write(int type) throws IOException {
        int length = block.position() + 12;
        out.writeInt(type);
        out.writeInt(length);
        out.write(block.array(), 0, block.position());
        out.writeInt(length);
    }

    void flush() throws IOException {
        out.flush();
    }
}

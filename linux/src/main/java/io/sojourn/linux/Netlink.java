// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/**
 * A route netlink socket with one message under construction and the answer to the last one (netlink(7), rtnetlink(7)). It
 * belongs to the namespace of the thread that opened it. The kernel answers while the request is sent, so nothing here waits.
 *
 * <pre>
 *   nlmsghdr: u32 length | u16 type | u16 flags | u32 sequence | u32 port
 *   family header (ifinfomsg, ndmsg ...), then attributes: u16 length | u16 type | payload | padding to 4
 * </pre>
 */
final class Netlink implements AutoCloseable {
    static final int HEADER_BYTES = 16;
    static final int REQUEST = 0x1;
    static final int ACK = 0x4;
    static final int REPLACE = 0x100;
    static final int CREATE = 0x400;

    private static final int AF_NETLINK = 16;
    private static final int SOCK_RAW = 3;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int NETLINK_ROUTE = 0;
    private static final int SOL_NETLINK = 270;
    private static final int NETLINK_CAP_ACK = 10;
    private static final int NETLINK_EXT_ACK = 11;
    private static final int NLMSG_ERROR = 2;
    private static final int NLMSGERR_ATTR_MSG = 1;
    private static final int ACK_TLVS = 0x200;
    private static final int BUFFER_BYTES = 32 * 1024;
    private static final int ATTRIBUTE_TYPE_MASK = 0x3fff;

    private final int fd;
    private final Arena arena = Arena.ofAuto(); // not shared: see the package
    private final MemorySegment out = arena.allocate(1024, 8);
    private final MemorySegment in = arena.allocate(BUFFER_BYTES, 8);
    private int outBytes;
    private int inBytes;
    private int sequence;
    private boolean closed;

    Netlink() {
        fd = Syscalls.check(
                Syscalls.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), "open a netlink socket");
        // Both only make error messages better, so an old kernel that lacks them does not matter.
        Syscalls.setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
        Syscalls.setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
    }

    /** Begins a message with a zeroed family header. */
    Netlink begin(int type, int flags, int familyHeaderBytes) {
        out.fill((byte) 0);
        outBytes = HEADER_BYTES + familyHeaderBytes;
        out.set(JAVA_SHORT_UNALIGNED, 4, (short) type);
        out.set(JAVA_SHORT_UNALIGNED, 6, (short) (REQUEST | flags));
        return this;
    }

    Netlink header8(int offset, int value) {
        out.set(JAVA_BYTE, HEADER_BYTES + offset, (byte) value);
        return this;
    }

    Netlink header16(int offset, int value) {
        out.set(JAVA_SHORT_UNALIGNED, HEADER_BYTES + offset, (short) value);
        return this;
    }

    Netlink header32(int offset, int value) {
        out.set(JAVA_INT_UNALIGNED, HEADER_BYTES + offset, value);
        return this;
    }

    Netlink attribute(int type, byte[] payload) {
        out.set(JAVA_SHORT_UNALIGNED, outBytes, (short) (4 + payload.length));
        out.set(JAVA_SHORT_UNALIGNED, outBytes + 2L, (short) type);
        MemorySegment.copy(payload, 0, out, JAVA_BYTE, outBytes + 4L, payload.length);
        outBytes += 4 + (payload.length + 3 & ~3);
        return this;
    }

    Netlink attribute(int type, int value) {
        out.set(JAVA_SHORT_UNALIGNED, outBytes, (short) 8);
        out.set(JAVA_SHORT_UNALIGNED, outBytes + 2L, (short) type);
        out.set(JAVA_INT_UNALIGNED, outBytes + 4L, value);
        outBytes += 8;
        return this;
    }

    /** Sends a change and reads its acknowledgement; {@code op} says in an error what was tried. */
    void change(String op) {
        int error = transact(ACK);
        if (error != 0) {
            throw failure(op, error);
        }
    }

    /** Sends a question: 0 if {@link #answer} holds the one answer, else the positive errno. */
    int ask() {
        return transact(0);
    }

    /** The answer's message, header included; valid until the next message is begun. */
    MemorySegment answer() {
        return in;
    }

    /** Where the payload of an attribute of the answer begins, or -1 if it has none of this type. */
    int answerAttribute(int type, int familyHeaderBytes) {
        return attributeIn(HEADER_BYTES + familyHeaderBytes, type);
    }

    SyscallException failure(String op, int errno) {
        String text = Errno.of(errno).text();
        if (isError() && (in.get(JAVA_SHORT_UNALIGNED, 6) & ACK_TLVS) != 0) {
            int message = attributeIn(HEADER_BYTES + 4 + HEADER_BYTES, NLMSGERR_ATTR_MSG);
            if (message >= 0) {
                text += " (" + in.getString(message, StandardCharsets.US_ASCII) + ")";
            }
        }
        return new SyscallException(op, errno, text);
    }

    private int transact(int flags) {
        sequence++;
        out.set(JAVA_INT_UNALIGNED, 0, outBytes);
        out.set(JAVA_SHORT_UNALIGNED, 6, (short) (out.get(JAVA_SHORT_UNALIGNED, 6) | flags));
        out.set(JAVA_INT_UNALIGNED, 8, sequence);
        int rc = Syscalls.write(fd, out.address(), outBytes);
        if (rc < 0) {
            return -rc;
        }
        do {
            inBytes = Syscalls.read(fd, in.address(), BUFFER_BYTES);
            if (inBytes < 0 && inBytes != -Syscalls.EINTR) {
                return -inBytes;
            }
        } while (inBytes < HEADER_BYTES || in.get(JAVA_INT_UNALIGNED, 8) != sequence);
        return isError() ? -in.get(JAVA_INT_UNALIGNED, HEADER_BYTES) : 0;
    }

    private boolean isError() {
        return in.get(JAVA_SHORT_UNALIGNED, 4) == NLMSG_ERROR;
    }

    private int attributeIn(int from, int type) {
        int end = Math.min(inBytes, in.get(JAVA_INT_UNALIGNED, 0));
        int at = from;
        while (at + 4 <= end) {
            int bytes = in.get(JAVA_SHORT_UNALIGNED, at) & 0xffff;
            if (bytes < 4) {
                return -1;
            }
            if ((in.get(JAVA_SHORT_UNALIGNED, at + 2L) & ATTRIBUTE_TYPE_MASK) == type) {
                return at + 4;
            }
            at += bytes + 3 & ~3;
        }
        return -1;
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            Syscalls.close(fd);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

/** A program that the kernel runs for each packet that leaves by an interface, before the interface has it (tc-bpf(8), direct action). */
public final class TrafficProgram implements AutoCloseable {
    /** The packet goes on as it is. */
    public static final int OK = 0;
    /** The packet goes no further. */
    public static final int SHOT = 2;

    private static final int SCHED_CLS = 3;
    private static final int LOG_BYTES = 64 << 10;
    private static final int RTM_NEWQDISC = 36;
    private static final int RTM_NEWTFILTER = 44;
    private static final int TCMSG_BYTES = 20;
    private static final int CLSACT = 0xFFFF_FFF1;
    private static final int CLSACT_HANDLE = 0xFFFF_0000;
    private static final int CLSACT_EGRESS = 0xFFFF_FFF3;
    private static final int PRIORITY = 1 << 16;
    private static final int ALL_PROTOCOLS = 0x0300;
    private static final int TCA_KIND = 1;
    private static final int TCA_OPTIONS = 2;
    private static final int TCA_BPF_FD = 6;
    private static final int TCA_BPF_NAME = 7;
    private static final int TCA_BPF_FLAGS = 8;
    private static final int DIRECT_ACTION = 1;
    private static final int NESTED = 0x8000;

    private final int fd;
    private boolean closed;

    /** @throws SyscallException with the verifier's last line, if the kernel does not take it */
    public TrafficProgram(BpfAssembler program) {
        byte[] code = program.assemble();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment instructions = arena.allocate(code.length, 8);
            MemorySegment.copy(code, 0, instructions, JAVA_BYTE, 0, code.length);
            MemorySegment licence = arena.allocateFrom("Apache-2.0");
            MemorySegment log = arena.allocate(LOG_BYTES, 8);
            MemorySegment attributes = arena.allocate(64, 8);
            attributes.set(JAVA_INT, 0, SCHED_CLS);
            attributes.set(JAVA_INT, 4, code.length / BpfAssembler.INSTRUCTION_BYTES);
            attributes.set(JAVA_LONG, 8, instructions.address());
            attributes.set(JAVA_LONG, 16, licence.address());
            int rc = Syscalls.bpf(Syscalls.BPF_PROG_LOAD, attributes.address(), 48);
            if (rc < 0) {
                attributes.set(JAVA_INT, 24, 1);
                attributes.set(JAVA_INT, 28, LOG_BYTES);
                attributes.set(JAVA_LONG, 32, log.address());
                Syscalls.bpf(Syscalls.BPF_PROG_LOAD, attributes.address(), 48);
                String said = log.getString(0, StandardCharsets.US_ASCII).strip();
                throw new SyscallException(
                        "load a program into the kernel", -rc, Errno.of(-rc).text() + tail(said));
            }
            fd = rc;
        }
    }

    private static String tail(String said) {
        String[] lines = said.split("\n");
        StringBuilder last = new StringBuilder();
        for (int i = Math.max(0, lines.length - 3); i < lines.length; i++) {
            last.append("; ").append(lines[i].strip());
        }
        return said.isEmpty() ? "" : last.toString();
    }

    /** From now on it sees what leaves by the interface; until the interface is gone. */
    public void attach(int ifindex, String name) {
        try (Netlink netlink = new Netlink()) {
            netlink.begin(RTM_NEWQDISC, Netlink.CREATE | Netlink.REPLACE, TCMSG_BYTES)
                    .header32(4, ifindex)
                    .header32(8, CLSACT_HANDLE)
                    .header32(12, CLSACT)
                    .attribute(TCA_KIND, text("clsact"));
            netlink.change("let programs see what leaves by interface " + ifindex);
            netlink.begin(RTM_NEWTFILTER, Netlink.CREATE, TCMSG_BYTES)
                    .header32(4, ifindex)
                    .header32(12, CLSACT_EGRESS)
                    .header32(16, PRIORITY | ALL_PROTOCOLS)
                    .attribute(TCA_KIND, text("bpf"))
                    .attribute(TCA_OPTIONS | NESTED, options(name));
            netlink.change("put a program where packets leave by interface " + ifindex);
        }
    }

    private byte[] options(String name) {
        byte[] words = text(name);
        int nameBytes = 4 + (words.length + 3 & ~3);
        byte[] all = new byte[8 + nameBytes + 8];
        attribute(all, 0, TCA_BPF_FD, fd);
        all[8] = (byte) (4 + words.length);
        all[10] = TCA_BPF_NAME;
        System.arraycopy(words, 0, all, 12, words.length);
        attribute(all, 8 + nameBytes, TCA_BPF_FLAGS, DIRECT_ACTION);
        return all;
    }

    private static void attribute(byte[] all, int at, int type, int value) {
        all[at] = 8;
        all[at + 2] = (byte) type;
        for (int i = 0; i < 4; i++) {
            all[at + 4 + i] = (byte) (value >> 8 * i);
        }
    }

    private static byte[] text(String words) {
        return (words + "\0").getBytes(StandardCharsets.US_ASCII);
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            Syscalls.close(fd);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The guest's echo service for datagrams (RFC 862, UDP port 7) as an XDP program: the driver turns the frame round before the guest's kernel has made a packet
 * of it. What the probe then measures is the network: a guest that was just resumed without KVM first has to translate every instruction it comes across,
 * and its own kernel and inetd would answer the first datagram 20 to 100 ms late. Where the program cannot be loaded, inetd answers on the same port.
 *
 * <p>Swaps the Ethernet addresses, the IP addresses and the ports of an unfragmented IPv4 datagram without options, or an IPv6 datagram without extension headers;
 * a swap leaves the Internet checksum as it is (RFC 1071, 2.A). Everything else passes. Made here because Debian has no assembler for it that is not
 * a compiler of some 100 MB.
 *
 * <p>Instructions: RFC 9669. The container is an ELF64 relocatable object, as libbpf reads it: the program in section {@code xdp}, its licence in section {@code license}.
 */
final class EchoProgram {
    static final String SECTION = "xdp";

    private static final int PORT = 7;
    private static final int XDP_PASS = 2;
    private static final int XDP_TX = 3;

    // Registers: r0 the verdict, r1 the context (struct xdp_md), r2 the frame, r3 its end, r4 and r5 scratch.
    private static final int VERDICT = 0;
    private static final int CONTEXT = 1;
    private static final int FRAME = 2;
    private static final int END = 3;
    private static final int A = 4;
    private static final int B = 5;

    /** Width of a load or a store, as the mode and size bits of its opcode (BPF_LDX | BPF_MEM, BPF_STX | BPF_MEM). */
    private enum Width {
        OCTET(0x71, 0x73),
        HALF(0x69, 0x6b),
        WORD(0x61, 0x63),
        DOUBLE(0x79, 0x7b);

        final int load;
        final int store;

        Width(int load, int store) {
            this.load = load;
            this.store = store;
        }
    }

    private record Instruction(int opcode, int destination, int source, int offset, int immediate, String target) {}

    private final List<Instruction> instructions = new ArrayList<>();
    private final Map<String, Integer> labels = new HashMap<>();

    private EchoProgram() {}

    /** The object file. */
    static byte[] object() {
        EchoProgram program = new EchoProgram();
        program.write();
        return program.elf(program.code());
    }

    private void write() {
        load(Width.WORD, FRAME, CONTEXT, 0);
        load(Width.WORD, END, CONTEXT, 4);
        passIfShorterThan(42);
        load(Width.HALF, A, FRAME, 12);
        jumpUnless(A, swapped(0x0800), "ipv6");
        require(Width.OCTET, 14, 0x45);
        load(Width.HALF, A, FRAME, 20);
        emit(0x57, A, 0, 0, swapped(0x3fff), ""); // more fragments, fragment offset
        jumpUnless(A, 0, "pass");
        require(Width.OCTET, 23, 17);
        require(Width.HALF, 36, swapped(PORT));
        swap(Width.WORD, 26, 30);
        swap(Width.HALF, 34, 36);
        emit(0x05, 0, 0, 0, 0, "ethernet");

        label("ipv6");
        jumpUnless(A, swapped(0x86dd), "pass");
        passIfShorterThan(62);
        require(Width.OCTET, 20, 17);
        require(Width.HALF, 56, swapped(PORT));
        swap(Width.DOUBLE, 22, 38);
        swap(Width.DOUBLE, 30, 46);
        swap(Width.HALF, 54, 56);

        label("ethernet");
        swap(Width.WORD, 0, 6);
        swap(Width.HALF, 4, 10);
        end(XDP_TX);
        label("pass");
        end(XDP_PASS);
    }

    private void passIfShorterThan(int octets) {
        emit(0xbf, A, FRAME, 0, 0, "");
        emit(0x07, A, 0, 0, octets, "");
        emit(0x2d, A, END, 0, 0, "pass");
    }

    private void require(Width width, int offset, int value) {
        load(width, A, FRAME, offset);
        jumpUnless(A, value, "pass");
    }

    private void swap(Width width, int one, int other) {
        load(width, A, FRAME, one);
        load(width, B, FRAME, other);
        emit(width.store, FRAME, B, one, 0, "");
        emit(width.store, FRAME, A, other, 0, "");
    }

    private void load(Width width, int destination, int source, int offset) {
        emit(width.load, destination, source, offset, 0, "");
    }

    private void jumpUnless(int register, int value, String target) {
        emit(0x55, register, 0, 0, value, target);
    }

    private void end(int verdict) {
        emit(0xb7, VERDICT, 0, 0, verdict, "");
        emit(0x95, 0, 0, 0, 0, "");
    }

    private void label(String name) {
        labels.put(name, instructions.size());
    }

    private void emit(int opcode, int destination, int source, int offset, int immediate, String target) {
        instructions.add(new Instruction(opcode, destination, source, offset, immediate, target));
    }

    /** What a big-endian half word reads as on a little-endian machine. */
    private static int swapped(int half) {
        return Short.reverseBytes((short) half) & 0xffff;
    }

    private byte[] code() {
        ByteBuffer code = ByteBuffer.allocate(8 * instructions.size()).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < instructions.size(); i++) {
            Instruction one = instructions.get(i);
            Integer target = labels.get(one.target());
            int offset = target == null ? one.offset() : target - i - 1;
            code.put((byte) one.opcode());
            code.put((byte) (one.source() << 4 | one.destination()));
            code.putShort((short) offset);
            code.putInt(one.immediate());
        }
        return code.array();
    }

    private static final String STRINGS = "\0" + SECTION + "\0license\0.symtab\0.strtab\0echo\0_license\0";
    private static final int SECTION_HEADER_BYTES = 64;
    private static final int SYMBOL_BYTES = 24;
    private static final int ELF_HEADER_BYTES = 64;

    private byte[] elf(byte[] code) {
        byte[] license = "GPL\0".getBytes(StandardCharsets.US_ASCII);
        byte[] strings = STRINGS.getBytes(StandardCharsets.US_ASCII);
        ByteBuffer symbols = ByteBuffer.allocate(3 * SYMBOL_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        symbols.position(SYMBOL_BYTES); // the first symbol is undefined
        symbol(symbols, "echo", 0x12, 1, code.length);
        symbol(symbols, "_license", 0x11, 2, license.length);

        ByteBuffer headers = ByteBuffer.allocate(5 * SECTION_HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        headers.position(SECTION_HEADER_BYTES); // and so is the first section
        ByteBuffer file = ByteBuffer.allocate(4096).order(ByteOrder.LITTLE_ENDIAN);
        file.position(ELF_HEADER_BYTES);
        section(headers, file, SECTION, 1, 6, code, 0, 0, 0); // PROGBITS, allocated and executable
        section(headers, file, "license", 1, 3, license, 0, 0, 0);
        section(headers, file, ".symtab", 2, 0, symbols.array(), 4, 1, SYMBOL_BYTES);
        section(headers, file, ".strtab", 3, 0, strings, 0, 0, 0);
        align(file);
        int headersAt = file.position();
        file.put(headers.array());
        int size = file.position();

        file.position(0);
        file.put(new byte[] {0x7f, 'E', 'L', 'F', 2, 1, 1});
        file.position(16);
        file.putShort((short) 1).putShort((short) 247).putInt(1); // relocatable, EM_BPF, version 1
        file.putLong(0).putLong(0).putLong(headersAt).putInt(0);
        file.putShort((short) ELF_HEADER_BYTES).putShort((short) 0).putShort((short) 0);
        file.putShort((short) SECTION_HEADER_BYTES).putShort((short) 5).putShort((short) 4);
        byte[] object = new byte[size];
        file.get(0, object);
        return object;
    }

    private static void symbol(ByteBuffer to, String name, int info, int section, int size) {
        to.putInt(nameAt(name)).put((byte) info).put((byte) 0).putShort((short) section);
        to.putLong(0).putLong(size);
    }

    private static void section(
            ByteBuffer headers,
            ByteBuffer file,
            String name,
            int type,
            int flags,
            byte[] data,
            int link,
            int info,
            int entryBytes) {
        align(file);
        headers.putInt(nameAt(name)).putInt(type).putLong(flags).putLong(0);
        headers.putLong(file.position()).putLong(data.length);
        headers.putInt(link).putInt(info).putLong(8).putLong(entryBytes);
        file.put(data);
    }

    private static int nameAt(String name) {
        return STRINGS.indexOf("\0" + name + "\0") + 1;
    }

    private static void align(ByteBuffer file) {
        file.position((file.position() + 7) & ~7);
    }
}

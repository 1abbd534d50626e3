// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes a program for the kernel's own machine, an instruction a call (RFC 9669). A register is named by its number: 0 is what a call gives back, 1 to 5 are its
 * arguments and gone after it, 6 to 9 stay, 10 is the frame, which grows downwards.
 *
 * <pre>
 *   u8 code | u4 source | u4 destination | s16 offset | s32 immediate
 * </pre>
 */
public final class BpfAssembler {
    /** How much is loaded or stored. */
    public enum Size {
        BYTE(0x10),
        HALF(0x08),
        WORD(0x00),
        DOUBLE(0x18);

        private final int bits;

        Size(int bits) {
            this.bits = bits;
        }
    }

    /** When a jump is taken; words are unsigned. */
    public enum If {
        EQUAL(0x10),
        NOT_EQUAL(0x50),
        GREATER(0x20),
        LESS(0xa0),
        ANY_BIT(0x40);

        private final int bits;

        If(int bits) {
            this.bits = bits;
        }
    }

    static final int INSTRUCTION_BYTES = 8;

    private static final int LOAD_IMMEDIATE_64 = 0x18;
    private static final int LOAD = 0x61;
    private static final int STORE = 0x63;
    private static final int STORE_IMMEDIATE = 0x62;
    private static final int ATOMIC_64 = 0xdb;
    private static final int MOVE = 0xbf;
    private static final int MOVE_IMMEDIATE = 0xb7;
    private static final int ADD = 0x0f;
    private static final int ADD_IMMEDIATE = 0x07;
    private static final int AND_IMMEDIATE = 0x57;
    private static final int SHIFT_RIGHT_IMMEDIATE = 0x77;
    private static final int JUMP = 0x05;
    private static final int JUMP_WORD = 0x06;
    private static final int BY_REGISTER = 0x08;
    private static final int CALL = 0x85;
    private static final int EXIT = 0x95;
    private static final int PSEUDO_MAP_FD = 1;

    private record Jump(int at, String to) {}

    private final ByteArrayOutputStream code = new ByteArrayOutputStream();
    private final Map<String, Integer> labels = new HashMap<>();
    private final List<Jump> jumps = new ArrayList<>();

    public BpfAssembler move(int to, int from) {
        return instruction(MOVE, to, from, 0, 0);
    }

    public BpfAssembler set(int to, int value) {
        return instruction(MOVE_IMMEDIATE, to, 0, 0, value);
    }

    public BpfAssembler add(int to, int value) {
        return instruction(ADD_IMMEDIATE, to, 0, 0, value);
    }

    public BpfAssembler addRegister(int to, int from) {
        return instruction(ADD, to, from, 0, 0);
    }

    public BpfAssembler and(int to, int mask) {
        return instruction(AND_IMMEDIATE, to, 0, 0, mask);
    }

    public BpfAssembler shiftRight(int to, int bits) {
        return instruction(SHIFT_RIGHT_IMMEDIATE, to, 0, 0, bits);
    }

    public BpfAssembler load(Size size, int to, int base, int offset) {
        return instruction(LOAD | size.bits, to, base, offset, 0);
    }

    public BpfAssembler store(Size size, int base, int offset, int from) {
        return instruction(STORE | size.bits, base, from, offset, 0);
    }

    public BpfAssembler storeValue(Size size, int base, int offset, int value) {
        return instruction(STORE_IMMEDIATE | size.bits, base, 0, offset, value);
    }

    /** Adds to eight octets in memory, whatever other processors do meanwhile. */
    public BpfAssembler addAtomically(int base, int offset, int from) {
        return instruction(ATOMIC_64, base, from, offset, 0);
    }

    public BpfAssembler loadMap(int to, BpfMap map) {
        instruction(LOAD_IMMEDIATE_64, to, PSEUDO_MAP_FD, 0, map.fd());
        return instruction(0, 0, 0, 0, 0);
    }

    /** @param helper its number in linux/bpf.h (BPF_FUNC_*) */
    public BpfAssembler call(int helper) {
        return instruction(CALL, 0, 0, 0, helper);
    }

    public BpfAssembler exit() {
        return instruction(EXIT, 0, 0, 0, 0);
    }

    public BpfAssembler jump(String to) {
        return jump(JUMP, 0, 0, 0, to);
    }

    /** By all of the register. @param value its sign goes on into the upper half */
    public BpfAssembler jumpIf(If when, int register, int value, String to) {
        return jump(JUMP | when.bits, register, 0, value, to);
    }

    /** By the lower half of the register. */
    public BpfAssembler jumpIfWord(If when, int register, int value, String to) {
        return jump(JUMP_WORD | when.bits, register, 0, value, to);
    }

    public BpfAssembler jumpIfRegister(If when, int register, int other, String to) {
        return jump(JUMP | BY_REGISTER | when.bits, register, other, 0, to);
    }

    public BpfAssembler jumpIfWordRegister(If when, int register, int other, String to) {
        return jump(JUMP_WORD | BY_REGISTER | when.bits, register, other, 0, to);
    }

    private BpfAssembler jump(int opcode, int register, int other, int value, String to) {
        jumps.add(new Jump(next(), to));
        return instruction(opcode, register, other, 0, value);
    }

    /** Where jumps of that name lead. */
    public BpfAssembler label(String name) {
        if (labels.put(name, next()) != null) {
            throw new IllegalArgumentException("label " + name + " stands twice");
        }
        return this;
    }

    /** @throws IllegalArgumentException if a jump leads nowhere */
    byte[] assemble() {
        byte[] all = code.toByteArray();
        for (Jump jump : jumps) {
            Integer target = labels.get(jump.to);
            if (target == null) {
                throw new IllegalArgumentException("no label " + jump.to);
            }
            int offset = target - jump.at - 1;
            all[jump.at * INSTRUCTION_BYTES + 2] = (byte) offset;
            all[jump.at * INSTRUCTION_BYTES + 3] = (byte) (offset >> 8);
        }
        return all;
    }

    private int next() {
        return code.size() / INSTRUCTION_BYTES;
    }

    private BpfAssembler instruction(int opcode, int destination, int source, int offset, int immediate) {
        code.write(opcode);
        code.write(source << 4 | destination);
        code.write(offset);
        code.write(offset >> 8);
        for (int i = 0; i < 4; i++) {
            code.write(immediate >> 8 * i);
        }
        return this;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import io.sojourn.linux.BpfAssembler;
import io.sojourn.linux.BpfAssembler.If;
import io.sojourn.linux.BpfAssembler.Size;
import io.sojourn.linux.BpfMap;
import io.sojourn.linux.TrafficProgram;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.IpProtocol;
import java.lang.foreign.MemorySegment;

/**
 * What the kernel does to a packet on its way to the gateway (tc-bpf(8)): if it belongs to a stream that {@link KernelPath} has told of, what is written there; else nothing,
 * and the gateway has it.
 */
final class StreamProgram {
    /** In place of a network: the way in, from the page's device. */
    static final int INWARDS = -1;

    // The key: u8 MAC[6] | u16 0 | u8 source[4] | u8 destination[4] | u32 network, or INWARDS
    static final int KEY_BYTES = 20;
    static final int KEY_SOURCE = 8;
    static final int KEY_DESTINATION = 12;
    static final int KEY_WHERE = 16;

    // The value.
    static final int VALUE_BYTES = 48;
    static final int GENERATION = 0;
    static final int TO_INTERFACE = 4;
    static final int GOOD_UNTIL = 8;
    static final int NEW_SOURCE = 16;
    static final int NEW_DESTINATION = 20;
    static final int NEW_MACS = 24;
    static final int MOST_IP_BYTES = 36;
    static final int PACKETS = 40;

    // struct __sk_buff
    private static final int SKB_LENGTH = 0;
    private static final int SKB_VLAN = 20;
    private static final int SKB_DATA = 76;
    private static final int SKB_DATA_END = 80;
    private static final int SKB_SEGMENTS = 164;
    private static final int SKB_SEGMENT_BYTES = 176;

    // linux/bpf.h, BPF_FUNC_*
    private static final int LOOKUP = 1;
    private static final int CLOCK = 5;
    private static final int STORE_BYTES = 9;
    private static final int L3_CHECKSUM = 10;
    private static final int L4_CHECKSUM = 11;
    private static final int REDIRECT = 23;
    private static final int INGRESS = 1;
    private static final int PSEUDO_HEADER = 0x10;

    // Ethernet, IPv4 without options, TCP.
    private static final int AT_TTL = 22;
    private static final int AT_PROTOCOL = 23;
    private static final int AT_IP_CHECKSUM = 24;
    private static final int AT_SOURCE = 26;
    private static final int AT_DESTINATION = 30;
    private static final int AT_TCP_LENGTH = 46;
    private static final int AT_TCP_FLAGS = 47;
    private static final int AT_TCP_CHECKSUM = 50;
    private static final int HEADERS = 54;
    /** FIN, SYN, RST, URG. */
    private static final int NOT_FLOWING = 0x27;

    private StreamProgram() {}

    /** The same for both ways; out of a LAN it also asks whose a packet is, whether it is for the gateway, and takes one from its hops. */
    static BpfAssembler of(BpfMap flows, BpfMap generations, int where) {
        boolean out = where != INWARDS;
        int key = -24;
        int slot = -28;
        int ttl = -32;
        int lessTtl = -34;
        BpfAssembler p = new BpfAssembler()
                .move(6, 1)
                .load(Size.WORD, 2, 6, SKB_DATA)
                .load(Size.WORD, 3, 6, SKB_DATA_END)
                .move(4, 2)
                .add(4, HEADERS)
                .jumpIfRegister(If.GREATER, 4, 3, "pass")
                .load(Size.WORD, 5, 6, SKB_VLAN)
                .jumpIf(If.NOT_EQUAL, 5, 0, "pass")
                .load(Size.HALF, 5, 2, 12)
                .jumpIf(If.NOT_EQUAL, 5, 0x0008, "pass")
                .load(Size.BYTE, 5, 2, 14)
                .jumpIf(If.NOT_EQUAL, 5, 0x45, "pass")
                .load(Size.HALF, 5, 2, 20)
                .and(5, 0xFF3F)
                .jumpIf(If.NOT_EQUAL, 5, 0, "pass") // a fragment
                .load(Size.BYTE, 5, 2, AT_PROTOCOL)
                .jumpIf(If.NOT_EQUAL, 5, IpProtocol.TCP, "pass")
                .load(Size.BYTE, 5, 2, AT_TCP_FLAGS)
                .jumpIf(If.ANY_BIT, 5, NOT_FLOWING, "pass")
                .load(Size.BYTE, 5, 2, AT_TTL)
                .jumpIf(If.LESS, 5, 2, "pass");
        if (out) {
            MemorySegment mac = MemorySegment.ofArray(new byte[6]);
            Ethernet.putDestination(mac, 0, LanPort.ANYCAST_MAC);
            p.load(Size.WORD, 5, 2, 0)
                    .jumpIfWord(If.NOT_EQUAL, 5, mac.get(JAVA_INT_UNALIGNED, 0), "pass")
                    .load(Size.HALF, 5, 2, 4)
                    .jumpIf(If.NOT_EQUAL, 5, Short.toUnsignedInt(mac.get(JAVA_SHORT_UNALIGNED, 4)), "pass")
                    .load(Size.WORD, 5, 2, 6)
                    .store(Size.WORD, 10, key, 5)
                    .load(Size.HALF, 5, 2, 10)
                    .store(Size.HALF, 10, key + 4, 5)
                    .storeValue(Size.HALF, 10, key + 6, 0);
        } else {
            p.storeValue(Size.DOUBLE, 10, key, 0);
        }
        // The longest packet of it: its headers and a segment, or all of it.
        p.load(Size.BYTE, 7, 2, AT_TCP_LENGTH)
                .and(7, 0xF0)
                .shiftRight(7, 2)
                .add(7, 20)
                .load(Size.WORD, 8, 6, SKB_SEGMENT_BYTES)
                .jumpIf(If.NOT_EQUAL, 8, 0, "super")
                .load(Size.WORD, 8, 6, SKB_LENGTH)
                .add(8, -Ethernet.HEADER_BYTES)
                .jump("sized")
                .label("super")
                .addRegister(8, 7)
                .label("sized")
                .load(Size.HALF, 5, 2, AT_TTL)
                .store(Size.HALF, 10, ttl, 5)
                .add(5, -1)
                .store(Size.HALF, 10, lessTtl, 5)
                .load(Size.WORD, 5, 2, AT_SOURCE)
                .store(Size.WORD, 10, key + KEY_SOURCE, 5)
                .load(Size.WORD, 5, 2, AT_DESTINATION)
                .store(Size.WORD, 10, key + KEY_DESTINATION, 5)
                .storeValue(Size.WORD, 10, key + KEY_WHERE, where)
                .loadMap(1, flows)
                .move(2, 10)
                .add(2, key)
                .call(LOOKUP)
                .jumpIf(If.EQUAL, 0, 0, "pass")
                .move(9, 0)
                .storeValue(Size.WORD, 10, slot, 0)
                .loadMap(1, generations)
                .move(2, 10)
                .add(2, slot)
                .call(LOOKUP)
                .jumpIf(If.EQUAL, 0, 0, "pass")
                .load(Size.WORD, 1, 0, 0)
                .load(Size.WORD, 2, 9, GENERATION)
                .jumpIfWordRegister(If.NOT_EQUAL, 1, 2, "pass")
                .call(CLOCK)
                .load(Size.DOUBLE, 1, 9, GOOD_UNTIL)
                .jumpIfRegister(If.GREATER, 0, 1, "pass")
                .load(Size.WORD, 1, 9, MOST_IP_BYTES)
                .jumpIfRegister(If.GREATER, 8, 1, "pass")
                .load(Size.WORD, 1, 6, SKB_SEGMENTS)
                .jumpIf(If.NOT_EQUAL, 1, 0, "several")
                .set(1, 1)
                .label("several")
                .addAtomically(9, PACKETS, 1);
        checksum(p, L4_CHECKSUM, AT_TCP_CHECKSUM, key + KEY_SOURCE, NEW_SOURCE, PSEUDO_HEADER | 4);
        checksum(p, L4_CHECKSUM, AT_TCP_CHECKSUM, key + KEY_DESTINATION, NEW_DESTINATION, PSEUDO_HEADER | 4);
        checksum(p, L3_CHECKSUM, AT_IP_CHECKSUM, key + KEY_SOURCE, NEW_SOURCE, 4);
        checksum(p, L3_CHECKSUM, AT_IP_CHECKSUM, key + KEY_DESTINATION, NEW_DESTINATION, 4);
        store(p, AT_SOURCE, 9, NEW_SOURCE, 8);
        if (out) {
            p.move(1, 6)
                    .set(2, AT_IP_CHECKSUM)
                    .load(Size.HALF, 3, 10, ttl)
                    .load(Size.HALF, 4, 10, lessTtl)
                    .set(5, 2)
                    .call(L3_CHECKSUM)
                    .jumpIf(If.NOT_EQUAL, 0, 0, "shot");
            store(p, AT_TTL, 10, lessTtl, 1);
        }
        store(p, 0, 9, NEW_MACS, 12);
        return p.load(Size.WORD, 1, 9, TO_INTERFACE)
                .set(2, INGRESS)
                .call(REDIRECT)
                .exit()
                .label("shot") // half rewritten
                .set(0, TrafficProgram.SHOT)
                .exit()
                .label("pass")
                .set(0, TrafficProgram.OK)
                .exit();
    }

    private static void checksum(BpfAssembler p, int helper, int at, int oldAt, int newAt, int flags) {
        p.move(1, 6)
                .set(2, at)
                .load(Size.WORD, 3, 10, oldAt)
                .load(Size.WORD, 4, 9, newAt)
                .set(5, flags)
                .call(helper)
                .jumpIf(If.NOT_EQUAL, 0, 0, "shot");
    }

    private static void store(BpfAssembler p, int at, int base, int from, int bytes) {
        p.move(1, 6)
                .set(2, at)
                .move(3, base)
                .add(3, from)
                .set(4, bytes)
                .set(5, 0)
                .call(STORE_BYTES)
                .jumpIf(If.NOT_EQUAL, 0, 0, "shot");
    }
}

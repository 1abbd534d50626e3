// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import io.sojourn.linux.BpfAssembler;
import io.sojourn.linux.BpfAssembler.If;
import io.sojourn.linux.BpfAssembler.Size;
import io.sojourn.linux.BpfMap;
import io.sojourn.linux.TrafficProgram;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.Tcp;
import java.lang.foreign.MemorySegment;

/**
 * What the kernel does to a packet on its way to the gateway (tc-bpf(8)): if it belongs to a stream that {@link KernelPath} has told of, what is written there; else nothing,
 * and the gateway has it.
 */
final class StreamProgram {
    /** In place of a network: the way in, from the page's device. */
    static final int INWARDS = -1;

    // The key: u8 MAC[6], 0 inwards | u16 EtherType | addresses as of AddressPair | u32 network, or INWARDS
    static final int KEY_BYTES = 44;
    static final int KEY_TYPE = 6;
    static final int KEY_ADDRESSES = 8;
    static final int KEY_WHERE = 40;

    // The value.
    static final int VALUE_BYTES = 72;
    static final int GENERATION = 0;
    static final int TO_INTERFACE = 4;
    static final int GOOD_UNTIL = 8;
    static final int NEW_ADDRESSES = 16;
    static final int NEW_MACS = 48;
    static final int MOST_IP_BYTES = 60;
    static final int PACKETS = 64;

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
    private static final int CHECKSUM_CHANGE = 28;
    private static final int INGRESS = 1;
    private static final int PSEUDO_HEADER = 0x10;

    // IPv4 without options or IPv6 without extension headers, and TCP; from the Ethernet header on.
    private static final int IP = Ethernet.HEADER_BYTES;
    private static final int TCP_OVER_IPV4 = IP + Ipv4.HEADER_BYTES;
    private static final int TCP_OVER_IPV6 = IP + Ipv6.HEADER_BYTES;
    /** FIN, SYN, RST, URG. */
    private static final int NOT_FLOWING = 0x27;

    // The frame: what it is looked up by, and what it has of hops before and after.
    private static final int KEY = -48;
    private static final int KEY_SOURCE = KEY + KEY_ADDRESSES;
    private static final int KEY_DESTINATION = KEY_SOURCE + AddressPair.BYTES / 2;
    private static final int SLOT = -52;
    private static final int HOPS = -56;
    private static final int LESS_HOPS = -58;

    private StreamProgram() {}

    /** The same for both ways; out of a LAN it also asks whose a packet is, whether it is for the gateway, and takes one from its hops. */
    static BpfAssembler of(BpfMap flows, BpfMap generations, int where) {
        boolean out = where != INWARDS;
        BpfAssembler p = new BpfAssembler();
        p.move(6, 1)
                .load(Size.WORD, 2, 6, SKB_DATA)
                .load(Size.WORD, 3, 6, SKB_DATA_END)
                .move(4, 2)
                .add(4, TCP_OVER_IPV4 + Tcp.HEADER_BYTES)
                .jumpIfRegister(If.GREATER, 4, 3, "pass")
                .load(Size.WORD, 5, 6, SKB_VLAN)
                .jumpIf(If.NOT_EQUAL, 5, 0, "pass");
        stations(p, out);
        p.load(Size.HALF, 5, 2, Ethernet.TYPE_OFFSET)
                .store(Size.HALF, 10, KEY + KEY_TYPE, 5)
                .jumpIf(If.EQUAL, 5, asLoaded(EtherType.IPV6), "IPv6")
                .jumpIf(If.NOT_EQUAL, 5, asLoaded(EtherType.IPV4), "pass");
        readIpv4(p);
        p.jump("read").label("IPv6");
        readIpv6(p);
        p.label("read");
        size(p);
        p.storeValue(Size.WORD, 10, KEY + KEY_WHERE, where);
        find(p, flows, generations);
        p.load(Size.WORD, 1, 6, SKB_SEGMENTS)
                .jumpIf(If.NOT_EQUAL, 1, 0, "several")
                .set(1, 1)
                .label("several")
                .addAtomically(9, PACKETS, 1)
                .move(1, 10)
                .add(1, KEY_SOURCE)
                .set(2, AddressPair.BYTES)
                .move(3, 9)
                .add(3, NEW_ADDRESSES)
                .set(4, AddressPair.BYTES)
                .set(5, 0)
                .call(CHECKSUM_CHANGE)
                .move(7, 0)
                .load(Size.HALF, 1, 10, KEY + KEY_TYPE)
                .jumpIf(If.EQUAL, 1, asLoaded(EtherType.IPV6), "to IPv6");
        writeIpv4(p, out);
        p.jump("written").label("to IPv6");
        writeIpv6(p, out);
        p.label("written");
        store(p, 0, 9, NEW_MACS, Ethernet.TYPE_OFFSET);
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

    private static void stations(BpfAssembler p, boolean out) {
        if (!out) {
            p.storeValue(Size.DOUBLE, 10, KEY, 0);
            return;
        }
        MemorySegment mac = MemorySegment.ofArray(new byte[Ethernet.SOURCE_OFFSET]);
        Ethernet.putDestination(mac, 0, LanPort.ANYCAST_MAC);
        p.load(Size.WORD, 5, 2, 0)
                .jumpIfWord(If.NOT_EQUAL, 5, mac.get(JAVA_INT_UNALIGNED, 0), "pass")
                .load(Size.HALF, 5, 2, 4)
                .jumpIf(If.NOT_EQUAL, 5, Short.toUnsignedInt(mac.get(JAVA_SHORT_UNALIGNED, 4)), "pass")
                .load(Size.WORD, 5, 2, 6)
                .store(Size.WORD, 10, KEY, 5)
                .load(Size.HALF, 5, 2, 10)
                .store(Size.HALF, 10, KEY + 4, 5);
    }

    private static void readIpv4(BpfAssembler p) {
        p.load(Size.BYTE, 5, 2, IP)
                .jumpIf(If.NOT_EQUAL, 5, 0x45, "pass")
                .load(Size.HALF, 5, 2, IP + Ipv4.FRAGMENT_OFFSET)
                .and(5, asLoaded(Ipv4.MORE_FRAGMENTS | Ipv4.FRAGMENT_OFFSET_MASK))
                .jumpIf(If.NOT_EQUAL, 5, 0, "pass");
        readTcp(p, IP + Ipv4.PROTOCOL_OFFSET, IP + Ipv4.TTL_OFFSET, TCP_OVER_IPV4);
        p.load(Size.HALF, 5, 2, IP + Ipv4.TTL_OFFSET)
                .store(Size.HALF, 10, HOPS, 5)
                .add(5, -1)
                .store(Size.HALF, 10, LESS_HOPS, 5);
        for (int at = KEY_SOURCE; at < KEY_SOURCE + AddressPair.BYTES; at += 8) {
            p.storeValue(Size.DOUBLE, 10, at, 0);
        }
        p.load(Size.WORD, 5, 2, IP + Ipv4.SOURCE_OFFSET)
                .store(Size.WORD, 10, KEY_SOURCE + 12, 5)
                .load(Size.WORD, 5, 2, IP + Ipv4.DESTINATION_OFFSET)
                .store(Size.WORD, 10, KEY_DESTINATION + 12, 5);
    }

    private static void readIpv6(BpfAssembler p) {
        p.move(4, 2)
                .add(4, TCP_OVER_IPV6 + Tcp.HEADER_BYTES)
                .jumpIfRegister(If.GREATER, 4, 3, "pass")
                .load(Size.BYTE, 5, 2, IP)
                .and(5, 0xF0)
                .jumpIf(If.NOT_EQUAL, 5, 0x60, "pass");
        readTcp(p, IP + Ipv6.NEXT_HEADER_OFFSET, IP + Ipv6.HOP_LIMIT_OFFSET, TCP_OVER_IPV6);
        p.storeValue(Size.HALF, 10, HOPS, 0) // read for IPv4 only, but the verifier does not know
                .load(Size.BYTE, 5, 2, IP + Ipv6.HOP_LIMIT_OFFSET)
                .add(5, -1)
                .store(Size.HALF, 10, LESS_HOPS, 5);
        for (int at = 0; at < AddressPair.BYTES; at += 8) {
            p.load(Size.DOUBLE, 5, 2, IP + Ipv6.SOURCE_OFFSET + at).store(Size.DOUBLE, 10, KEY_SOURCE + at, 5);
        }
    }

    /** Register 7: octets of its headers, IP and TCP. */
    private static void readTcp(BpfAssembler p, int protocol, int hops, int tcp) {
        p.load(Size.BYTE, 5, 2, protocol)
                .jumpIf(If.NOT_EQUAL, 5, IpProtocol.TCP, "pass")
                .load(Size.BYTE, 5, 2, tcp + Tcp.FLAGS_OFFSET)
                .jumpIf(If.ANY_BIT, 5, NOT_FLOWING, "pass")
                .load(Size.BYTE, 5, 2, hops)
                .jumpIf(If.LESS, 5, 2, "pass")
                .load(Size.BYTE, 7, 2, tcp + Tcp.DATA_OFFSET_OFFSET)
                .and(7, 0xF0)
                .shiftRight(7, 2)
                .add(7, tcp - Ethernet.HEADER_BYTES);
    }

    /** Register 8: octets of the longest packet of it, which is its headers and a segment, or all of it. */
    private static void size(BpfAssembler p) {
        p.load(Size.WORD, 8, 6, SKB_SEGMENT_BYTES)
                .jumpIf(If.NOT_EQUAL, 8, 0, "super-frame")
                .load(Size.WORD, 8, 6, SKB_LENGTH)
                .add(8, -Ethernet.HEADER_BYTES)
                .jump("sized")
                .label("super-frame")
                .addRegister(8, 7)
                .label("sized");
    }

    /** Register 9: its value, which is good. */
    private static void find(BpfAssembler p, BpfMap flows, BpfMap generations) {
        p.loadMap(1, flows)
                .move(2, 10)
                .add(2, KEY)
                .call(LOOKUP)
                .jumpIf(If.EQUAL, 0, 0, "pass")
                .move(9, 0)
                .storeValue(Size.WORD, 10, SLOT, 0)
                .loadMap(1, generations)
                .move(2, 10)
                .add(2, SLOT)
                .call(LOOKUP)
                .jumpIf(If.EQUAL, 0, 0, "pass")
                .load(Size.WORD, 1, 0, 0)
                .load(Size.WORD, 2, 9, GENERATION)
                .jumpIfWordRegister(If.NOT_EQUAL, 1, 2, "pass")
                .call(CLOCK)
                .load(Size.DOUBLE, 1, 9, GOOD_UNTIL)
                .jumpIfRegister(If.GREATER, 0, 1, "pass")
                .load(Size.WORD, 1, 9, MOST_IP_BYTES)
                .jumpIfRegister(If.GREATER, 8, 1, "pass");
    }

    // Register 7: by how much the sum of the addresses changes.

    private static void writeIpv4(BpfAssembler p, boolean out) {
        checksum(p, L4_CHECKSUM, TCP_OVER_IPV4 + Tcp.CHECKSUM_OFFSET, PSEUDO_HEADER);
        checksum(p, L3_CHECKSUM, IP + Ipv4.CHECKSUM_OFFSET, 0);
        store(p, IP + Ipv4.SOURCE_OFFSET, 9, NEW_ADDRESSES + 12, 4);
        store(p, IP + Ipv4.DESTINATION_OFFSET, 9, NEW_ADDRESSES + AddressPair.BYTES / 2 + 12, 4);
        if (out) {
            p.move(1, 6)
                    .set(2, IP + Ipv4.CHECKSUM_OFFSET)
                    .load(Size.HALF, 3, 10, HOPS)
                    .load(Size.HALF, 4, 10, LESS_HOPS)
                    .set(5, 2)
                    .call(L3_CHECKSUM)
                    .jumpIf(If.NOT_EQUAL, 0, 0, "shot");
            store(p, IP + Ipv4.TTL_OFFSET, 10, LESS_HOPS, 1);
        }
    }

    private static void writeIpv6(BpfAssembler p, boolean out) {
        checksum(p, L4_CHECKSUM, TCP_OVER_IPV6 + Tcp.CHECKSUM_OFFSET, PSEUDO_HEADER);
        store(p, IP + Ipv6.SOURCE_OFFSET, 9, NEW_ADDRESSES, AddressPair.BYTES);
        if (out) {
            store(p, IP + Ipv6.HOP_LIMIT_OFFSET, 10, LESS_HOPS, 1);
        }
    }

    private static void checksum(BpfAssembler p, int helper, int at, int flags) {
        p.move(1, 6).set(2, at).set(3, 0).move(4, 7).set(5, flags).call(helper).jumpIf(If.NOT_EQUAL, 0, 0, "shot");
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

    /** Sixteen bits of a packet as the kernel's machine, whose octets are in the processor's order, has them in a register. */
    private static int asLoaded(int bits) {
        MemorySegment half = MemorySegment.ofArray(new byte[2]);
        BigEndian.putU16(half, 0, bits);
        return Short.toUnsignedInt(half.get(JAVA_SHORT_UNALIGNED, 0));
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/**
 * The reference builds the same packet twice from one description, once with each address as it is and once as the map
 * has it, every checksum from nothing. The rewriter must turn the first into the second, octet by octet.
 */
class AddressRewriterTest {
    private static final int[] PROTOCOLS = {
        IpProtocol.TCP, IpProtocol.UDP, IpProtocol.UDP_LITE, 33, IpProtocol.ICMP, IpProtocol.ICMPV6, IpProtocol.SCTP
    };

    private final ParsedFrame parsed = new ParsedFrame();

    /** Slow and obvious. */
    private static final class TableMap implements AddressTranslation {
        private final Map<List<Byte>, byte[]> table = new HashMap<>();
        private byte[] found = new byte[16];

        byte[] of(byte[] address) {
            return table.getOrDefault(key(address), address);
        }

        void put(byte[] from, byte[] to) {
            table.put(key(from), to);
        }

        private static List<Byte> key(byte[] address) {
            List<Byte> key = new ArrayList<>();
            for (byte octet : address) {
                key.add(octet);
            }
            return key;
        }

        @Override
        public boolean find(boolean isV6, long high, long low) {
            byte[] address = isV6
                    ? SlowPacket.join(SlowPacket.number(high, 8), SlowPacket.number(low, 8))
                    : SlowPacket.number(low, 4);
            byte[] to = table.get(key(address));
            if (to == null) {
                return false;
            }
            found = to.length == 16 ? to : SlowPacket.join(new byte[12], to);
            return true;
        }

        @Override
        public long high() {
            return BigEndian.u64(Samples.exactly(found), 0);
        }

        @Override
        public long low() {
            return BigEndian.u64(Samples.exactly(found), 8);
        }

        TableMap inverse() {
            TableMap inverse = new TableMap();
            table.forEach((from, to) -> {
                byte[] address = new byte[from.size()];
                for (int i = 0; i < address.length; i++) {
                    address[i] = from.get(i);
                }
                inverse.put(to, address);
            });
            return inverse;
        }
    }

    /** A packet before addresses are put in. Extension headers or options stand before the transport. */
    private record Shape(
            boolean v6,
            int protocol,
            byte[] source,
            byte[] destination,
            byte[] extra,
            byte[] upper,
            boolean noChecksum,
            List<Shape> quote,
            int quotedOctets) {

        byte[] transport(TableMap map, boolean partial, int length) {
            byte[] from = map.of(source);
            byte[] to = map.of(destination);
            byte[] body = upper.clone();
            if (!quote.isEmpty()) {
                byte[] whole = quote.getFirst().build(map, false);
                body = SlowPacket.join(body, SlowPacket.slice(whole, 0, Math.min(quotedOctets, whole.length)));
            }
            int field = field();
            if (field < 0 || field + 2 > body.length) {
                return body;
            }
            SlowPacket.put16(body, field, 0);
            if (noChecksum) {
                return body;
            }
            byte[] pseudo = protocol == IpProtocol.ICMP
                    ? new byte[0]
                    : SlowPacket.pseudoHeader(from, finalDestination(to), protocol, length < 0 ? body.length : length);
            int checksum = partial ? ~SlowPacket.checksum(pseudo) & 0xFFFF : SlowPacket.checksum(pseudo, body);
            boolean udp = protocol == IpProtocol.UDP || protocol == IpProtocol.UDP_LITE;
            SlowPacket.put16(body, field, udp && !partial && checksum == 0 ? 0xFFFF : checksum);
            return body;
        }

        /** A routing header with segments left holds the destination that the checksum is about. */
        private byte[] finalDestination(byte[] to) {
            return v6 && extra.length > 24 && extra[3] > 0 ? SlowPacket.slice(extra, 8, 24) : to;
        }

        private int field() {
            return switch (protocol) {
                case IpProtocol.TCP -> 16;
                case IpProtocol.UDP, IpProtocol.UDP_LITE, 33 -> 6;
                case IpProtocol.ICMP, IpProtocol.ICMPV6 -> 2;
                default -> -1;
            };
        }

        byte[] build(TableMap map, boolean partial) {
            byte[] transport = transport(map, partial, -1);
            byte[] from = map.of(source);
            byte[] to = map.of(destination);
            if (!v6) {
                return SlowPacket.ipv4(0, protocol, from, to, extra, transport);
            }
            int first = extra.length == 0 ? protocol : extra.length > 24 ? IpProtocol.ROUTING : IpProtocol.HOP_BY_HOP;
            return SlowPacket.ipv6(first, from, to, SlowPacket.join(extra, transport));
        }
    }

    private static Shape shape(
            SplittableRandom random, boolean v6, byte[] source, byte[] destination, boolean mayQuote) {
        int protocol = PROTOCOLS[random.nextInt(PROTOCOLS.length)];
        if (protocol == IpProtocol.ICMP || protocol == IpProtocol.ICMPV6) {
            protocol = v6 ? IpProtocol.ICMPV6 : IpProtocol.ICMP;
        }
        boolean icmp = protocol == IpProtocol.ICMP || protocol == IpProtocol.ICMPV6;
        byte[] extra = v6 ? extensions(random, protocol) : Samples.random(random, 4 * random.nextInt(3));
        byte[] upper = Samples.random(random, 20 + random.nextInt(60));
        List<Shape> quote = List.of();
        int quotedOctets = 0;
        if (icmp && mayQuote && random.nextBoolean()) {
            upper = Samples.random(random, 8);
            upper[0] = (byte) (v6 ? 1 + random.nextInt(4) : new int[] {3, 11, 12}[random.nextInt(3)]);
            quote = List.of(shape(random, v6, destination, random.nextBoolean() ? source : address(random, v6), false));
            int header = v6 ? 40 : 20 + quote.getFirst().extra.length; // less is no quote (RFC 792)
            quotedOctets = header + 2 * random.nextInt(60);
        } else if (icmp) {
            upper[0] = (byte) (v6 ? 128 : 8);
        }
        boolean none = protocol == IpProtocol.UDP && random.nextInt(5) == 0;
        return new Shape(v6, protocol, source, destination, extra, upper, none, quote, quotedOctets);
    }

    private static byte[] extensions(SplittableRandom random, int protocol) {
        return switch (random.nextInt(4)) {
            case 0 -> new byte[] {(byte) protocol, 0, 1, 4, 0, 0, 0, 0};
            case 1 -> {
                byte[] routing = Samples.random(random, 32); // room for one address and a rest of 8 octets
                routing[0] = (byte) protocol;
                routing[1] = 3;
                routing[3] = (byte) random.nextInt(2);
                yield routing;
            }
            default -> new byte[0];
        };
    }

    private static byte[] address(SplittableRandom random, boolean v6) {
        byte[] address = Samples.random(random, v6 ? 16 : 4);
        address[0] = (byte) (v6 ? 0xFD : 10);
        return address;
    }

    private static TableMap map(SplittableRandom random, byte[]... addresses) {
        TableMap map = new TableMap();
        for (byte[] address : addresses) {
            if (random.nextInt(5) > 0) {
                map.put(address, address(random, address.length == 16));
            }
        }
        return map;
    }

    private byte[] rewritten(byte[] packet, boolean v6, TableMap map, boolean partial) {
        byte[] frame = SlowPacket.ethernet(v6 ? EtherType.IPV6 : EtherType.IPV4, packet);
        MemorySegment s = Samples.exactly(frame);
        assertThat(parsed.parse(s, 0, frame.length)).isEqualTo(DropReason.NONE);
        boolean changed = new AddressRewriter(map).rewrite(s, parsed, partial);
        byte[] out = Samples.octets(s, 14, packet.length);
        assertThat(changed || Arrays.equals(out, packet)).isTrue();
        return out;
    }

    /** The figures of the two checksum modes; the datagram is the same but for the sender's locator. */
    @Test
    void aNewLocatorChangesThePlainChecksumAndNotTheOneOverIdentifiers() {
        long from = 0x2001_0DB8_000B_0000L;
        long to = 0x2001_0DB8_000A_0000L;
        AddressTranslation locator = new AddressTranslation() {
            private long kept;

            @Override
            public boolean find(boolean isV6, long high, long low) {
                kept = low;
                return high == from;
            }

            @Override
            public long high() {
                return to;
            }

            @Override
            public long low() {
                return kept;
            }
        };
        byte[] frame = Samples.ilnp("udp-nid-only-nonce-32");
        MemorySegment s = Samples.exactly(frame);
        assertThat(parsed.parse(s, 0, frame.length)).isEqualTo(DropReason.NONE);
        int at = (int) parsed.l4At() + Udp.CHECKSUM_OFFSET;
        assertThat(new AddressRewriter(locator, ChecksumMode.NID_ONLY).rewrite(s, parsed, false))
                .isTrue();
        assertThat(Ipv6.sourceHigh(s, parsed.l3At())).isEqualTo(to);
        assertThat(BigEndian.u16(s, at)).isEqualTo(0x4F29);

        MemorySegment plain = Samples.exactly(frame);
        BigEndian.putU16(plain, at, 0xF39F);
        new AddressRewriter(locator).rewrite(plain, parsed, false);
        assertThat(BigEndian.u16(plain, at)).isEqualTo(0xF3A0);

        byte[] update = Samples.ilnp("locator-update-nonce-32");
        MemorySegment icmp = Samples.exactly(update);
        assertThat(parsed.parse(icmp, 0, update.length)).isEqualTo(DropReason.NONE);
        new AddressRewriter(locator, ChecksumMode.NID_ONLY).rewrite(icmp, parsed, false);
        assertThat(LocatorUpdate.V6.isIntact(icmp, parsed.l3At(), parsed.l4At(), parsed.l4Length()))
                .as("ICMPv6 covers the locators in either mode")
                .isTrue();
    }

    @Test
    void isTheSameAsBuildingThePacketWithTheNewAddresses() {
        Samples.forAll(60_000, random -> {
            boolean v6 = random.nextBoolean();
            byte[] source = address(random, v6);
            byte[] destination = address(random, v6);
            Shape shape = shape(random, v6, source, destination, true);
            TableMap map = quoteAwareMap(random, shape);
            byte[] before = shape.build(new TableMap(), false);
            byte[] after = shape.build(map, false);
            assertThat(rewritten(before, v6, map, false)).isEqualTo(after);
            assertThat(rewritten(after, v6, map.inverse(), false))
                    .as("and back")
                    .isEqualTo(before);
        });
    }

    @Test
    void updatesPartialChecksumsAsSums() {
        Samples.forAll(20_000, random -> {
            boolean v6 = random.nextBoolean();
            Shape shape = shape(random, v6, address(random, v6), address(random, v6), false);
            if (shape.protocol == IpProtocol.ICMP || shape.noChecksum) {
                return;
            }
            TableMap map = map(random, shape.source, shape.destination);
            assertThat(rewritten(shape.build(new TableMap(), true), v6, map, true))
                    .isEqualTo(shape.build(map, true));
        });
    }

    @Test
    void rewritesEveryFragmentWhereverTheChecksumFell() {
        Samples.forAll(10_000, random -> {
            byte[] source = address(random, false);
            byte[] destination = address(random, false);
            Shape shape = shape(random, false, source, destination, false);
            TableMap map = map(random, source, destination);
            byte[] transport = shape.transport(new TableMap(), false, -1);
            byte[] expected = shape.transport(map, false, -1);
            int step = 8 * (1 + random.nextInt(4));
            for (int at = 0; at < transport.length; at += step) {
                int end = Math.min(at + step, transport.length);
                int field = at / 8 | (end < transport.length ? Ipv4.MORE_FRAGMENTS : 0);
                byte[] before = SlowPacket.ipv4(
                        field, shape.protocol, source, destination, new byte[0], SlowPacket.slice(transport, at, end));
                byte[] after = SlowPacket.ipv4(
                        field,
                        shape.protocol,
                        map.of(source),
                        map.of(destination),
                        new byte[0],
                        SlowPacket.slice(expected, at, end));
                assertThat(rewritten(before, false, map, false)).isEqualTo(after);
            }
        });
    }

    @Test
    void rewritesIpv6Fragments() {
        Samples.forAll(5_000, random -> {
            byte[] source = address(random, true);
            byte[] destination = address(random, true);
            byte[] upper = Samples.random(random, 100);
            Shape shape = new Shape(true, IpProtocol.TCP, source, destination, new byte[0], upper, false, List.of(), 0);
            TableMap map = map(random, source, destination);
            byte[] transport = shape.transport(new TableMap(), false, -1);
            byte[] expected = shape.transport(map, false, -1);
            for (int at = 0; at < transport.length; at += 16) {
                int end = Math.min(at + 16, transport.length);
                byte[] header = SlowPacket.join(
                        new byte[] {(byte) IpProtocol.TCP, 0},
                        SlowPacket.number(at | (end < transport.length ? 1 : 0), 2),
                        new byte[4]);
                byte[] before = SlowPacket.ipv6(
                        IpProtocol.FRAGMENT,
                        source,
                        destination,
                        SlowPacket.join(header, SlowPacket.slice(transport, at, end)));
                byte[] after = SlowPacket.ipv6(
                        IpProtocol.FRAGMENT,
                        map.of(source),
                        map.of(destination),
                        SlowPacket.join(header, SlowPacket.slice(expected, at, end)));
                assertThat(rewritten(before, true, map, false)).isEqualTo(after);
            }
        });
    }

    @Test
    void leavesOtherFramesAlone() {
        byte[] frame = Samples.frame("arp-request");
        MemorySegment s = Samples.exactly(frame);
        parsed.parse(s, 0, frame.length);
        TableMap map = new TableMap();
        map.put(new byte[] {10, 10, 1, 5}, new byte[] {1, 2, 3, 4});
        assertThat(new AddressRewriter(map).rewrite(s, parsed, false)).isFalse();
        assertThat(Samples.octets(s, 0, frame.length)).isEqualTo(frame);
    }

    /** The quoted packet may name an address that the packet itself does not: that one is translated as well. */
    private static TableMap quoteAwareMap(SplittableRandom random, Shape shape) {
        byte[] third = shape.quote.isEmpty() ? shape.destination : shape.quote.getFirst().destination;
        return map(random, shape.source, shape.destination, third);
    }
}

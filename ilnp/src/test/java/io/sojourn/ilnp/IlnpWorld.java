// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.ilnp.BorderRouter.Way;
import io.sojourn.model.identity.NodeIdentifier;
import io.sojourn.model.location.Locator64;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Checksum;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.Icmp6;
import io.sojourn.wire.IlnpHeaders;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.LocatorUpdate;
import io.sojourn.wire.Udp;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A guest that moves from site A to site B, and a correspondent far away.
 *
 * <pre>
 *   guest ── border A (A1, A2) ──┐
 *               │ between sites  ├── underlay ── peer (plain IPv6, or ILNP of its own)
 *   guest ── border B (B1) ──────┘
 * </pre>
 *
 * The underlay drops what does not come from where its source is at home (RFC 2827), and takes one tick.
 */
final class IlnpWorld {
    static final Locator64 INSIDE = new Locator64(0xFD10_0000_0000_0001L);
    static final Locator64 A1 = new Locator64(0x2001_0DB8_00A1_0000L);
    static final Locator64 A2 = new Locator64(0x2001_0DB8_00A2_0000L);
    static final Locator64 B1 = new Locator64(0x2001_0DB8_00B1_0000L);
    static final Locator64 PEER_AT = new Locator64(0x2001_0DB8_00C1_0000L);
    static final Locator64 PEER_NEXT = new Locator64(0x2001_0DB8_00C2_0000L);
    static final Locator64 EVIL = new Locator64(0x2001_0DB8_00EE_0000L);
    static final NodeIdentifier GUEST = new NodeIdentifier(0x5054_00FF_FE00_000AL | 0x0200_0000_0000_0000L);
    static final NodeIdentifier NEIGHBOUR = new NodeIdentifier(0x5254_00FF_FE00_000BL | 0x0200_0000_0000_0000L);
    static final NodeIdentifier PEER = new NodeIdentifier(0x0214_4FFF_FEFF_EE64L);

    private static final int UDP_BYTES = Udp.HEADER_BYTES + 4;

    final SiteLocators siteA =
            new SiteLocators(300, List.of(new SiteLocators.Uplink(A1, 10), new SiteLocators.Uplink(A2, 20)));
    final SiteLocators siteB = new SiteLocators(300, List.of(new SiteLocators.Uplink(B1, 10)));
    private int nonces = 100;
    final BorderRouter borderA = new BorderRouter(siteA, IlccTiming.DEFAULT, () -> Nonce.ofShort(nonces++));
    final BorderRouter borderB = new BorderRouter(siteB, IlccTiming.DEFAULT, () -> Nonce.ofShort(nonces++));
    BorderRouter home = borderA;
    final Peer peer = new Peer();

    long now;
    final List<Way> ways = new ArrayList<>();
    final List<Integer> guestHeard = new ArrayList<>();
    final List<Locator64> guestSources = new ArrayList<>();
    final List<Locator64> sentTo = new ArrayList<>();
    final List<DropReason> dropped = new ArrayList<>();
    final List<Long> updatesSentMs = new ArrayList<>();
    int relayed;
    int acknowledged;
    int loseUpdates;
    int loseAcknowledgements;

    @Nullable
    Locator64 lastSource;

    @Nullable
    Locator64 lastDestination;

    private List<byte[]> underlay = new ArrayList<>();
    private final IlnpHeaders headers = new IlnpHeaders();

    IlnpWorld() {
        borderA.attach(GUEST, INSIDE, Transparency.VISIBLE);
        borderA.attach(NEIGHBOUR, INSIDE, Transparency.VISIBLE);
    }

    // --- packets

    static byte[] udp(Locator64 from, NodeIdentifier source, Locator64 to, NodeIdentifier destination, int number) {
        byte[] packet = new byte[Ipv6.HEADER_BYTES + UDP_BYTES];
        MemorySegment s = MemorySegment.ofArray(packet);
        Ipv6.write(s, 0, 0, UDP_BYTES, IpProtocol.UDP, 64, from.bits(), source.bits(), to.bits(), destination.bits());
        BigEndian.putU32(s, 40, 5000L << 16 | 6000);
        BigEndian.putU16(s, 44, UDP_BYTES);
        BigEndian.putU32(s, 48, number);
        int checksum = Checksum.finish(sum(s));
        BigEndian.putU16(s, 46, checksum == 0 ? 0xFFFF : checksum); // RFC 768: 0 would say that there is none
        return packet;
    }

    private static long sum(MemorySegment s) {
        return Checksum.pseudoHeader6(
                        Ipv6.sourceHigh(s, 0),
                        Ipv6.sourceLow(s, 0),
                        Ipv6.destinationHigh(s, 0),
                        Ipv6.destinationLow(s, 0),
                        IpProtocol.UDP,
                        UDP_BYTES)
                + Checksum.sum(s, 40, UDP_BYTES);
    }

    /** What a station that has plain IPv6 looks at. */
    static int numberOf(byte[] packet) {
        MemorySegment s = MemorySegment.ofArray(packet);
        assertThat(Ipv6.nextHeader(s, 0)).isEqualTo(IpProtocol.UDP);
        assertThat(Checksum.isIntact(sum(s))).as("checksum").isTrue();
        return (int) BigEndian.u32(s, 48);
    }

    private static MemorySegment memory(byte[] packet) {
        MemorySegment s = Arena.ofAuto().allocate(packet.length);
        s.copyFrom(MemorySegment.ofArray(packet));
        return s;
    }

    private static byte[] octets(MemorySegment s) {
        return s.toArray(ValueLayout.JAVA_BYTE);
    }

    // --- the guest

    void guestSays(int number) {
        MemorySegment s = memory(udp(INSIDE, GUEST, PEER_AT, PEER, number));
        Way way = home.outbound(s, 0, (int) s.byteSize(), false, now);
        ways.add(way);
        sentTo.add(new Locator64(Ipv6.destinationHigh(s, 0)));
        SiteLocators site = home == borderA ? siteA : siteB;
        switch (way) {
            case DIRECT -> {
                assertThat(site.works(Ipv6.sourceHigh(s, 0)))
                        .as("source is at home here")
                        .isTrue();
                underlay.add(octets(s));
            }
            case RELAY -> {
                relayed++;
                assertThat(siteA.works(Ipv6.sourceHigh(s, 0))).isTrue();
                underlay.add(octets(s));
            }
            default -> throw new AssertionError(way + ": " + home.reason());
        }
    }

    Correspondent correspondent() {
        return Objects.requireNonNull(home.node(GUEST).orElseThrow().cache().sending(PEER.bits(), PEER_AT.bits(), now));
    }

    @Nullable
    Nonce nonceOfLast() {
        return home.nonce(now);
    }

    void sendNonce() {
        byte[] packet = new byte[48];
        IlnpMessages.writeNonce(
                MemorySegment.ofArray(packet),
                0,
                A1.bits(),
                GUEST.bits(),
                PEER_AT.bits(),
                PEER.bits(),
                correspondent().outbound());
        underlay.add(packet);
    }

    void move(Transparency transparency, Handover handover) {
        byte[] state = borderA.export(borderA.node(GUEST).orElseThrow(), now);
        assertThat(borderB.adopt(state, INSIDE, transparency, handover, now)).isPresent();
        borderA.detach(GUEST);
        home = borderB;
    }

    // --- the underlay

    void run(int ticks) {
        for (int i = 0; i < ticks; i++) {
            home.poll(now, this::send);
            List<byte[]> arriving = underlay;
            underlay = new ArrayList<>();
            now++;
            arriving.forEach(this::arrive);
            List<byte[]> answers = underlay;
            underlay = new ArrayList<>();
            answers.forEach(this::arrive);
        }
    }

    private void send(
            long sourceLocator,
            long sourceNid,
            long destinationLocator,
            long destinationNid,
            Nonce nonce,
            int operation,
            List<Advertised> listed) {
        if (operation == LocatorUpdate.ACKNOWLEDGEMENT) {
            acknowledged++;
        } else {
            updatesSentMs.add(now);
            if (loseUpdates > 0) {
                loseUpdates--;
                return;
            }
        }
        underlay.add(update(sourceLocator, sourceNid, destinationLocator, destinationNid, nonce, operation, listed));
    }

    static byte[] update(
            long sourceLocator,
            long sourceNid,
            long destinationLocator,
            long destinationNid,
            Nonce nonce,
            int operation,
            List<Advertised> listed) {
        byte[] packet = new byte[IlnpMessages.updateBytes(nonce, listed.size())];
        IlnpMessages.writeUpdate(
                MemorySegment.ofArray(packet),
                0,
                sourceLocator,
                sourceNid,
                destinationLocator,
                destinationNid,
                nonce,
                operation,
                listed);
        return packet;
    }

    private void arrive(byte[] packet) {
        MemorySegment s = memory(packet);
        long nid = Ipv6.destinationLow(s, 0);
        Locator64 to = new Locator64(Ipv6.destinationHigh(s, 0));
        if (nid == PEER.bits()) {
            if (to.equals(peer.at)) {
                peer.take(packet);
            }
            return;
        }
        boolean atHome = (home == borderA ? siteA : siteB).works(to.bits());
        boolean throughOld = !atHome && home == borderB && siteA.works(to.bits());
        if (!atHome && !throughOld) {
            return;
        }
        Way way = home.inbound(s, 0, packet.length, false, throughOld, now, this::send);
        switch (way) {
            case DELIVER -> {
                assertThat(Ipv6.destinationHigh(s, 0)).isEqualTo(INSIDE.bits());
                guestSources.add(new Locator64(Ipv6.sourceHigh(s, 0)));
                guestHeard.add(numberOf(octets(s)));
            }
            case DROP -> dropped.add(home.reason());
            default -> assertThat(way).isEqualTo(Way.CONSUMED);
        }
    }

    void forge(Nonce nonce, int operation, List<Advertised> listed) {
        arrive(update(EVIL.bits(), PEER.bits(), A1.bits(), GUEST.bits(), nonce, operation, listed));
    }

    Way flood(Locator64 to) {
        MemorySegment s = memory(udp(EVIL, new NodeIdentifier(77), to, GUEST, 0));
        return borderA.inbound(s, 0, (int) s.byteSize(), false, false, now, this::send);
    }

    Way hairpin(Locator64 to) {
        MemorySegment s = memory(udp(INSIDE, GUEST, to, NEIGHBOUR, 0));
        Way way = borderA.outbound(s, 0, (int) s.byteSize(), false, now);
        numberOf(octets(s));
        lastSource = new Locator64(Ipv6.sourceHigh(s, 0));
        lastDestination = new Locator64(Ipv6.destinationHigh(s, 0));
        return way;
    }

    /** Answers each packet to where it came from, or, once it knows ILNP, to where the node is. */
    final class Peer {
        final Nonce nonce = Nonce.ofShort(0xBEEF);
        final List<Integer> heard = new ArrayList<>();
        final List<Locator64> sources = new ArrayList<>();
        final List<List<Advertised>> updates = new ArrayList<>();
        boolean refusesNonce;
        private boolean ilnp;
        private boolean greeted;
        private Locator64 at = PEER_AT;
        private @Nullable Locator64 known;

        void speaksIlnp() {
            ilnp = true;
        }

        Locator64 sendsTo() {
            return Objects.requireNonNull(known);
        }

        void moveTo(Locator64 next) {
            at = next;
            underlay.add(update(
                    at.bits(),
                    PEER.bits(),
                    sendsTo().bits(),
                    GUEST.bits(),
                    nonce,
                    LocatorUpdate.ADVERTISEMENT,
                    List.of(new Advertised(next, 10, 300))));
        }

        void take(byte[] packet) {
            MemorySegment s = memory(packet);
            assertThat(headers.read(s, 0, packet.length)).isEqualTo(DropReason.NONE);
            Locator64 from = new Locator64(Ipv6.sourceHigh(s, 0));
            if (headers.isLocatorUpdate(s, 0)) {
                takeUpdate(s, from);
                return;
            }
            if (headers.nonceBytes() != 0 && refusesNonce) {
                underlay.add(parameterProblem(packet, headers.optionOffset()));
                return;
            }
            sources.add(from);
            int number = numberOf(packet);
            heard.add(number);
            if (!ilnp || known == null) {
                known = from;
            }
            if (ilnp && !greeted) {
                greeted = true;
                byte[] hello = new byte[48];
                IlnpMessages.writeNonce(
                        MemorySegment.ofArray(hello), 0, at.bits(), PEER.bits(), from.bits(), GUEST.bits(), nonce);
                underlay.add(hello);
            }
            underlay.add(udp(at, PEER, sendsTo(), GUEST, number));
        }

        private void takeUpdate(MemorySegment s, Locator64 from) {
            assertThat(IlnpMessages.checkUpdate(s, 0, headers)).isEqualTo(DropReason.NONE);
            if (LocatorUpdate.operation(s, headers.upperOffset()) == LocatorUpdate.ACKNOWLEDGEMENT) {
                return;
            }
            List<Advertised> listed = IlnpMessages.listed(s, 0, headers);
            if (updates.isEmpty() || !updates.getLast().equals(listed)) {
                updates.add(listed);
            }
            known = listed.getFirst().locator();
            if (loseAcknowledgements > 0) {
                loseAcknowledgements--;
                return;
            }
            underlay.add(update(
                    at.bits(), PEER.bits(), from.bits(), GUEST.bits(), nonce, LocatorUpdate.ACKNOWLEDGEMENT, listed));
        }

        private byte[] parameterProblem(byte[] packet, int pointer) {
            int length = Icmp6.HEADER_BYTES + packet.length;
            byte[] error = new byte[Ipv6.HEADER_BYTES + length];
            MemorySegment s = MemorySegment.ofArray(error);
            MemorySegment q = MemorySegment.ofArray(packet);
            Ipv6.write(
                    s,
                    0,
                    0,
                    length,
                    IpProtocol.ICMPV6,
                    64,
                    at.bits(),
                    PEER.bits(),
                    Ipv6.sourceHigh(q, 0),
                    Ipv6.sourceLow(q, 0));
            BigEndian.putU16(s, 40, Icmp6.PARAMETER_PROBLEM << 8 | 2);
            BigEndian.putU32(s, 44, pointer);
            System.arraycopy(packet, 0, error, 48, packet.length);
            LocatorUpdate.V6.putChecksum(s, 0, 40, length);
            return error;
        }
    }
}

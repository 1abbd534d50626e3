// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.label.Boundary;
import io.sojourn.label.ControlMessage;
import io.sojourn.label.Flow;
import io.sojourn.label.Segment;
import io.sojourn.label.Token;
import io.sojourn.linux.Links;
import io.sojourn.linux.Poller;
import io.sojourn.linux.SyscallException;
import io.sojourn.linux.Tap;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.wire.AddressRewriter;
import io.sojourn.wire.AddressTranslation;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.Udp;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.SecureRandom;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Labels for a stock Linux host without a gateway (docs/protocol/label.md): programs use an address inside, and a tun device that the host's routing leads what they send, and what comes for the host's address
 * outside, to. What this writes to it goes by the host's own routing. The realm's key is not known here: secrets are made of the tokens alone. One thread.
 */
public final class LabelHost implements AutoCloseable, Boundary.Outbox {
    /** Of one family. */
    public record Address(IpAddress inside, IpAddress outside) {}

    private static final int FLOWS_MOST = 16_384;
    private static final long POLL_NS = TimeUnit.MILLISECONDS.toNanos(10);
    private static final long NS_PER_MS = 1_000_000;
    private static final int PACKET_BYTES = 1 << 16;
    /** In front of a packet: as if it were a frame, for who reads those. */
    private static final int ROOM = 64;

    private static final int FRAME_AT = ROOM - Ethernet.HEADER_BYTES;
    private static final int TTL = 64;

    private final Tap tun;
    private final List<Address> addresses;
    private final Boundary boundary;
    private final Segment segment = new Segment();
    private final ParsedFrame f = new ParsedFrame();
    private final AddressRewriter outwards;
    private final AddressRewriter inwards;
    private final MemorySegment packet = Arena.ofAuto().allocate(ROOM + PACKET_BYTES + 64, 64);
    private final MemorySegment message = Arena.ofAuto().allocate(1024, 64);
    private final MemorySegment held = Arena.ofAuto().allocate(ROOM + PACKET_BYTES, 64);
    private volatile boolean running = true;
    private long messages;
    private long dropped;
    private DropReason last = DropReason.NONE;

    private LabelHost(Tap tun, List<Address> addresses) {
        this.tun = tun;
        this.addresses = List.copyOf(addresses);
        SecureRandom random = new SecureRandom();
        this.boundary = new Boundary(FLOWS_MOST, () -> new Token(random.nextLong(), random.nextInt()), this);
        this.outwards = new AddressRewriter(new OneToOne(true));
        this.inwards = new AddressRewriter(new OneToOne(false));
    }

    /** What programs call this host, and what the WAN does. */
    private final class OneToOne implements AddressTranslation {
        private final boolean outwards;
        private IpAddress found = IpAddress.v4(0);

        OneToOne(boolean outwards) {
            this.outwards = outwards;
        }

        @Override
        public boolean find(boolean isV6, long high, long low) {
            for (int i = 0; i < addresses.size(); i++) {
                Address a = addresses.get(i);
                IpAddress from = outwards ? a.inside() : a.outside();
                if (from.low() == low && from.high() == high && from.isV6() == isV6) {
                    found = outwards ? a.outside() : a.inside();
                    return true;
                }
            }
            return false;
        }

        @Override
        public long high() {
            return found.high();
        }

        @Override
        public long low() {
            return found.low();
        }
    }

    /** @throws GatewayException if the device cannot be had */
    public static LabelHost open(String device, List<Address> addresses) {
        try (Links links = new Links()) {
            Tap tun = Tap.openTun(device, Set.of());
            links.up(tun.ifindex());
            return new LabelHost(tun, addresses);
        } catch (SyscallException e) {
            throw new GatewayException(
                    "cannot make the device " + device + " (" + e.getMessage() + "); run as root", e);
        }
    }

    /** Until {@link #close}. */
    public void run() {
        try (Poller poller = new Poller(tun.fd())) {
            while (running) {
                poller.poll(POLL_NS);
                long now = System.nanoTime() / NS_PER_MS;
                for (int n = tun.read(packet, ROOM, PACKET_BYTES); n > 0; n = tun.read(packet, ROOM, PACKET_BYTES)) {
                    DropReason why = take(n, now);
                    if (why.isDrop()) {
                        last = why;
                        dropped++;
                    }
                }
                boundary.tick(now);
            }
        }
    }

    private DropReason take(int length, long now) {
        int type = Ipv4.version(packet, ROOM) == 6 ? EtherType.IPV6 : EtherType.IPV4;
        Ethernet.write(packet, FRAME_AT, 0, 0, type);
        DropReason bad = f.parse(packet, FRAME_AT, length + Ethernet.HEADER_BYTES);
        if (bad.isDrop()) {
            return bad;
        }
        return isOurs(f.isV6(), f.sourceHigh(), f.sourceLow()) ? out(length, now) : in(length, now);
    }

    private boolean isOurs(boolean v6, long high, long low) {
        for (int i = 0; i < addresses.size(); i++) {
            IpAddress a = addresses.get(i).inside();
            if (a.low() == low && a.high() == high && a.isV6() == v6) {
                return true;
            }
        }
        return false;
    }

    private DropReason out(int length, long now) {
        outwards.rewrite(packet, ROOM, length, false);
        int bytes = length;
        if (segment.locate(packet, ROOM, bytes)) {
            if (segment.isSyn()) {
                bytes += boundary.greet(segment, now);
                segment.locate(packet, ROOM, bytes);
            }
            Flow flow = boundary.outbound(segment);
            if (flow != null && flow.isWaiting(now)) {
                return boundary.hold(flow, segment, packet, ROOM, bytes) ? DropReason.NONE : DropReason.BUFFER_FULL;
            }
            if (flow != null) {
                boundary.depart(flow, segment, false, now);
            }
        }
        return write(packet, bytes);
    }

    private DropReason in(int length, long now) {
        if (f.protocol() == IpProtocol.UDP && !f.isFragment() && f.destinationPort() == ControlMessage.PORT) {
            long at = f.l4At() + Udp.HEADER_BYTES;
            byte[] said = packet.asSlice(at, f.l4Length() - Udp.HEADER_BYTES).toArray(ValueLayout.JAVA_BYTE);
            messages++;
            return boundary.heard(said, new IpAddress(f.isV6(), f.sourceHigh(), f.sourceLow()), now);
        }
        if (segment.locate(packet, ROOM, length)) {
            if (segment.isSyn()) {
                boundary.meet(segment, false, false, now);
            }
            Flow flow = boundary.inbound(segment);
            if (flow != null) {
                boundary.arrive(flow, segment, false, now);
            }
        } else {
            boundary.arriveError(packet, f);
        }
        inwards.rewrite(packet, ROOM, length, false);
        return write(packet, length);
    }

    @Override
    public void control(IpAddress from, IpAddress to, byte[] said) {
        int bytes = LabelDatagram.write(message, 0, from, to, said, TTL);
        messages++;
        if (tun.write(message, 0, bytes) < 0) {
            dropped++;
        }
    }

    @Override
    public void release(Flow flow, byte[] was) {
        MemorySegment.copy(was, 0, held, ValueLayout.JAVA_BYTE, ROOM, was.length);
        Segment s = new Segment();
        if (s.locate(held, ROOM, was.length)) {
            boundary.depart(flow, s, false, System.nanoTime() / NS_PER_MS);
            write(held, was.length);
        }
    }

    private DropReason write(MemorySegment s, int length) {
        return tun.write(s, ROOM, length) < 0 ? DropReason.TAP_ERROR : DropReason.NONE;
    }

    /** What was done so far, for a person. */
    public String summary() {
        return boundary.offered() + " labels offered, " + boundary.labelled() + " connections with one, " + messages
                + " control messages, " + boundary.refused() + " of them refused, " + dropped
                + " packets dropped, the last "
                + last;
    }

    @Override
    public void close() {
        running = false;
    }
}

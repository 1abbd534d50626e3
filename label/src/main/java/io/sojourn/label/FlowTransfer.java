// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

import io.sojourn.model.identity.IpAddress;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A host's connections on their way to the boundary that the host moves to. It must have them before the host runs there: who has not got their keys cannot resume them.
 *
 * <p>Big-endian: version 1: 8, zero: 24, count: 32, then each connection: family 4 or 6: 8, ours is the initiator: 8, the other end has stopped: 8, of a realm's key: 8, label: 64, key: 256, our last
 * number: 64, its last number: 64, ours sent, ours expected, its sent, its expected: 4 * 32, then own, peer and peer's place, each an address (32 or 128) and a port (16).
 */
public final class FlowTransfer {
    private static final int VERSION = 1;
    private static final int HEADER_BYTES = 8;
    private static final int FIXED_BYTES = 4 + 8 + 32 + 8 + 8 + 16;
    private static final Token NONE = new Token(0, 0);

    private FlowTransfer() {}

    /** What of these has a label; the others stay what they are: plain TCP. */
    public static byte[] write(List<Flow> flows) {
        List<Flow> open =
                flows.stream().filter(f -> f.isOpen() && f.secret != null).toList();
        int bytes = HEADER_BYTES;
        for (Flow flow : open) {
            bytes += FIXED_BYTES + 3 * (2 + (flow.own.address().isV6() ? 16 : 4));
        }
        ByteBuffer out = ByteBuffer.allocate(bytes);
        out.putInt(VERSION << 24).putInt(open.size());
        open.forEach(flow -> put(out, flow));
        return out.array();
    }

    private static void put(ByteBuffer out, Flow flow) {
        FlowSecret secret = flow.secret;
        if (secret == null || !(flow.state instanceof LabelState.Open open)) {
            throw new IllegalStateException("no label: " + flow);
        }
        out.put((byte) (flow.own.address().isV6() ? 6 : 4)).put((byte) (flow.isInitiator ? 1 : 0));
        out.put((byte) (open.suspendedUntilMs() == LabelState.NEVER ? 0 : 1)).put((byte) (flow.isKeyed ? 1 : 0));
        out.putLong(secret.label()).put(secret.key()).putLong(flow.number).putLong(flow.heard);
        out.putInt(flow.ownNext).putInt(flow.ownExpects).putInt(flow.peerNext).putInt(flow.peerExpects);
        for (Place place : List.of(flow.own, flow.peer, flow.peerPlace)) {
            out.put(place.address().toBytes()).putShort((short) place.port());
        }
    }

    /** Connections as they were; empty if the octets are not what {@link #write} writes, or are of more than {@code most}. */
    public static Optional<List<Flow>> read(byte[] octets, int most, long nowMs) {
        ByteBuffer in = ByteBuffer.wrap(octets);
        try {
            if (in.getInt() != VERSION << 24) {
                return Optional.empty();
            }
            int count = in.getInt();
            if (count < 0 || count > most) {
                return Optional.empty();
            }
            List<Flow> flows = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                flows.add(flow(in, nowMs));
            }
            return in.hasRemaining() ? Optional.empty() : Optional.of(flows);
        } catch (BufferUnderflowException | IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    private static Flow flow(ByteBuffer in, long nowMs) {
        int family = in.get();
        if (family != 4 && family != 6) {
            throw new IllegalArgumentException("family " + family);
        }
        boolean initiator = in.get() == 1;
        boolean suspended = in.get() == 1;
        boolean keyed = in.get() == 1;
        long label = in.getLong();
        byte[] key = new byte[FlowSecret.TAG_BYTES];
        in.get(key);
        long number = in.getLong();
        long heard = in.getLong();
        int[] offsets = {in.getInt(), in.getInt(), in.getInt(), in.getInt()};
        Place own = place(in, family);
        Place peer = place(in, family);
        LabelState state = suspended
                ? new LabelState.Open(Optional.empty(), false, nowMs + LabelMachine.SUSPENDED_MS)
                : LabelState.settled();
        Flow flow = new Flow(own, peer, initiator, NONE, state);
        flow.secret = new FlowSecret(label, key);
        flow.isKeyed = keyed;
        flow.number = number;
        flow.heard = heard;
        flow.offsets(offsets[0], offsets[1]);
        flow.peerOffsets(offsets[2], offsets[3]);
        flow.places(own, place(in, family));
        return flow;
    }

    private static Place place(ByteBuffer in, int family) {
        byte[] address = new byte[family == 6 ? 16 : 4];
        in.get(address);
        return new Place(IpAddress.of(address), in.getShort() & 0xFFFF);
    }
}

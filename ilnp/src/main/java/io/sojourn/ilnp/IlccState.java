// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import io.sojourn.ilnp.Correspondent.Mode;
import io.sojourn.model.identity.NodeIdentifier;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * A node's cache on its way to the gateway that the node moves to. It must be there before the node runs: who has not got the nonces cannot tell anybody where the node is now.
 *
 * <p>Big-endian: version 1: 8, zero: 24, the node's identifier: 64, count: 32, then each correspondent: identifier: 64, known as: 64, what it knows us at: 64, mode: 8, octets of our nonce: 8, of its nonce or 0: 8,
 * locators: 8, packets sent with nonce: 32, then in milliseconds before (heard, sent) or after (nonce in every packet until) the moment of export: 3 * 64; our nonce 96, its nonce 96;
 * each locator: 64, preference: 16, replaced: 8, zero: 8, lifetime left in ms: 64, replaced before ms: 64. Times are relative, as no two hosts have one clock.
 */
public final class IlccState {
    private static final int VERSION = 1;
    private static final int HEADER_BYTES = 16;
    private static final int CORRESPONDENT_BYTES = 8 + 8 + 8 + 4 + 4 + 24 + 12 + 12;
    private static final int LOCATOR_BYTES = 8 + 4 + 16;

    private IlccState() {}

    public static byte[] export(Ilcc cache, long now) {
        List<Correspondent> all = cache.correspondents();
        int locators = all.stream().mapToInt(c -> c.locators().size()).sum();
        ByteBuffer out =
                ByteBuffer.allocate(HEADER_BYTES + all.size() * CORRESPONDENT_BYTES + locators * LOCATOR_BYTES);
        out.putInt(VERSION << 24).putLong(cache.local().bits()).putInt(all.size());
        for (Correspondent c : all) {
            put(out, c, now);
        }
        return out.array();
    }

    private static void put(ByteBuffer out, Correspondent c, long now) {
        out.putLong(c.nidBits()).putLong(c.knownAsBits()).putLong(c.ours());
        out.put((byte) c.mode().ordinal()).put((byte) c.outbound().bytes());
        int inboundBytes = c.inbound().map(Nonce::bytes).orElse(0);
        out.put((byte) inboundBytes).put((byte) c.locators().size());
        out.putInt(c.sentWithNonce());
        out.putLong(now - c.heardMs()).putLong(now - c.sentMs());
        out.putLong(Math.max(0, c.nonceUntilMs() == RemoteLocator.NEVER ? 0 : c.nonceUntilMs() - now));
        putNonce(out, c.outbound());
        putNonce(out, c.inbound().orElse(Nonce.ofShort(0)));
        for (RemoteLocator at : c.locators()) {
            out.putLong(at.bits()).putShort((short) at.preference());
            out.put((byte) (at.isReplaced() ? 1 : 0)).put((byte) 0);
            out.putLong(at.expiresMs() - now).putLong(at.isReplaced() ? now - at.replacedMs() : 0);
        }
    }

    private static void putNonce(ByteBuffer out, Nonce nonce) {
        out.putInt(nonce.high()).putLong(nonce.low());
    }

    /** The cache as it was; empty if the octets are not what {@link #export} writes, or are of more correspondents than there is room for. */
    public static Optional<Ilcc> restore(byte[] octets, IlccTiming timing, Supplier<Nonce> nonces, long now) {
        ByteBuffer in = ByteBuffer.wrap(octets);
        try {
            if (in.getInt() != VERSION << 24) {
                return Optional.empty();
            }
            Ilcc cache = new Ilcc(new NodeIdentifier(in.getLong()), timing, nonces);
            int count = in.getInt();
            if (count < 0 || count > timing.correspondentsMax()) {
                return Optional.empty();
            }
            for (int i = 0; i < count; i++) {
                cache.put(correspondent(in, timing, now));
            }
            return in.hasRemaining() ? Optional.empty() : Optional.of(cache);
        } catch (BufferUnderflowException | IllegalArgumentException e) {
            return Optional.empty();
        }
    }

    private static Correspondent correspondent(ByteBuffer in, IlccTiming timing, long now) {
        long nid = in.getLong();
        long knownAs = in.getLong();
        long ours = in.getLong();
        int mode = in.get();
        int outboundBytes = in.get();
        int inboundBytes = in.get();
        int locators = in.get() & 0xFF;
        if (mode <= Mode.INVALID.ordinal() || mode >= Mode.values().length || locators > 2 * timing.locatorsMax()) {
            throw new IllegalArgumentException("no correspondent");
        }
        int sentWithNonce = in.getInt();
        long heardMs = now - age(in.getLong());
        long sentMs = now - age(in.getLong());
        long nonceUntilMs = now + age(in.getLong());
        Nonce outbound = new Nonce(outboundBytes, in.getInt(), in.getLong());
        Nonce inbound = new Nonce(inboundBytes == 0 ? 4 : inboundBytes, in.getInt(), in.getLong());
        Correspondent c = new Correspondent(
                nid, knownAs, Mode.values()[mode], outbound, inboundBytes == 0 ? null : inbound, heardMs, sentMs);
        c.knowsUsAt(ours);
        c.restoreSending(Math.max(0, sentWithNonce), nonceUntilMs);
        for (int i = 0; i < locators; i++) {
            c.locators().add(locator(in, now));
        }
        return c;
    }

    private static RemoteLocator locator(ByteBuffer in, long now) {
        long bits = in.getLong();
        int preference = in.getShort() & 0xFFFF;
        boolean replaced = in.get() != 0;
        in.get();
        long left = in.getLong();
        long replacedBefore = age(in.getLong());
        if (Math.abs(left) > LONGEST_MS) {
            throw new IllegalArgumentException("no lifetime");
        }
        RemoteLocator at = new RemoteLocator(bits, preference, now + left);
        if (replaced) {
            at.replaced(now - replacedBefore);
        }
        return at;
    }

    /** About three centuries: sums of a few cannot overflow. */
    private static final long LONGEST_MS = 1L << 43;

    private static long age(long ms) {
        if (ms < 0 || ms > LONGEST_MS) {
            throw new IllegalArgumentException("no time");
        }
        return ms;
    }
}

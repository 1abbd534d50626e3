// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import io.sojourn.ilnp.Advertised;
import io.sojourn.ilnp.BorderRouter;
import io.sojourn.ilnp.BorderRouter.Way;
import io.sojourn.ilnp.Companion;
import io.sojourn.ilnp.IlnpMessages;
import io.sojourn.ilnp.Nonce;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv6;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** The production border in virtual time: octets in, others out, and what it says of locators is sent while it has something to say. */
final class LocatorBorder {
    private static final long POLL_NS = 20 * Scenario.MS;
    private static final long PRUNE_MS = 10_000;

    final BorderRouter router;
    private final World world;
    private final Consumer<Located> out;
    private final MemorySegment s = Arena.ofAuto().allocate(512);
    private byte[] octets = {};
    private boolean polled;
    private boolean dead;
    private long prunedMs;

    /** @param out where its messages go */
    LocatorBorder(World world, BorderRouter router, Consumer<Located> out) {
        this.world = world;
        this.router = router;
        this.out = out;
    }

    /** Its process was killed. */
    void die() {
        dead = true;
    }

    long nowMs() {
        return world.timeline.nowNs() / Scenario.MS;
    }

    Way out(byte[] inside, @Nullable Companion at, boolean follows) {
        s.copyFrom(MemorySegment.ofArray(inside));
        Way way = router.outbound(s, 0, inside.length, false, at, follows, nowMs());
        octets = s.asSlice(0, inside.length).toArray(ValueLayout.JAVA_BYTE);
        goOn();
        return way;
    }

    /** @param knownAs of a sender in our realm */
    Way in(byte[] arrived, boolean relayed, boolean inRealm, long knownAs, boolean vouched) {
        s.copyFrom(MemorySegment.ofArray(arrived));
        Way way =
                router.inbound(s, 0, arrived.length, false, relayed, inRealm, knownAs, vouched, nowMs(), this::update);
        octets = s.asSlice(0, arrived.length).toArray(ValueLayout.JAVA_BYTE);
        goOn();
        return way;
    }

    /** What the last packet has become. */
    byte[] octets() {
        return octets;
    }

    DropReason reason() {
        return router.reason();
    }

    /** What must go ahead of the packet that was just seen out. */
    Optional<byte[]> nonce() {
        return Optional.ofNullable(router.nonce(nowMs())).map(nonce -> {
            MemorySegment packet = MemorySegment.ofArray(octets);
            byte[] message = new byte[Ipv6.HEADER_BYTES + 8];
            IlnpMessages.writeNonce(
                    MemorySegment.ofArray(message),
                    0,
                    Ipv6.sourceHigh(packet, 0),
                    Ipv6.sourceLow(packet, 0),
                    Ipv6.destinationHigh(packet, 0),
                    Ipv6.destinationLow(packet, 0),
                    nonce);
            return message;
        });
    }

    private void update(
            long source,
            long nid,
            long destination,
            long correspondent,
            Nonce nonce,
            int operation,
            List<Advertised> listed) {
        byte[] message = new byte[IlnpMessages.updateBytes(nonce, listed.size())];
        IlnpMessages.writeUpdate(
                MemorySegment.ofArray(message), 0, source, nid, destination, correspondent, nonce, operation, listed);
        if (world.monitor.logging()) {
            world.monitor.say("locator update " + operation + " from " + Long.toHexString(source) + " to "
                    + Long.toHexString(destination) + ": " + listed);
        }
        out.accept(Located.natively(null, message));
    }

    /** Messages are due while somebody has not confirmed what he was told. */
    void goOn() {
        if (nowMs() - prunedMs > PRUNE_MS) {
            prunedMs = nowMs();
            router.prune(nowMs());
        }
        if (!polled && router.isTelling()) {
            polled = true;
            world.timeline.in(0, this::poll);
        }
    }

    private void poll() {
        polled = false;
        if (dead) {
            return;
        }
        router.poll(nowMs(), this::update);
        if (router.isTelling()) {
            polled = true;
            world.timeline.in(POLL_NS, this::poll);
        }
    }

    static boolean isNonceAlone(byte[] octets) {
        return octets.length == Ipv6.HEADER_BYTES + 8
                && Ipv6.nextHeader(MemorySegment.ofArray(octets), 0) != IpProtocol.UDP;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import io.sojourn.wire.BigEndian;
import io.sojourn.wire.DropReason;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * This gateway's end of the sealed transport: its static key, its peers, its sessions. It is a function of what it is given:
 * datagrams, times, random octets; what it wants done it says to a {@link SealUnderlay}.
 *
 * <p>Order: datagrams are numbered in the order of the calls. Ownership: what it is given is read during the call only.
 * Locking: none, one thread. Hostile octets never throw; after a call {@link #reason} says why nothing came of a datagram.
 *
 * @param <O> what the owner knows a peer by
 */
public final class SealEndpoint<O> {
    /** Returned by {@link #receive} when there is nothing inside for the caller. */
    public static final int NOTHING = -1;

    private final SealPrivateKey self;
    private final SealTimers timers;
    private final Entropy entropy;
    private final SealUnderlay<O> underlay;
    private final Map<SealPublicKey, SealPeer<O>> peers = new LinkedHashMap<>();
    private final SessionTable sessions;
    private final Handshaker<O> handshaker;
    private final SealCounts counts = new SealCounts();
    private final MemorySegment empty = Arena.ofAuto().allocate(SealFormat.OVERHEAD_BYTES);
    private DropReason reason = DropReason.NONE;
    private @Nullable SealPeer<O> sender;
    private @Nullable SealPeer<O> accused;
    private boolean newest;

    /**
     * @param aes whether this CPU has AES: the suite of what this end initiates
     * @param ciphers for the packets; the handshakes are the JDK's in any case
     */
    public SealEndpoint(
            SealPrivateKey self,
            boolean aes,
            PacketCipher.Maker ciphers,
            SealTimers timers,
            Entropy entropy,
            SealUnderlay<O> underlay) {
        this.self = self;
        this.timers = timers;
        this.entropy = entropy;
        this.underlay = underlay;
        this.sessions = new SessionTable(entropy);
        this.handshaker = new Handshaker<>(self, aes, ciphers, entropy, timers, peers, sessions, underlay, counts);
    }

    public SealPublicKey key() {
        return self.publicKey();
    }

    public SealCounts counts() {
        return counts;
    }

    public Collection<SealPeer<O>> peers() {
        return peers.values();
    }

    /**
     * Adds a peer, or finds it: a key that is known keeps its sessions and gets this owner.
     *
     * @param preshared what both ends have from elsewhere, the newest first; from now on every handshake is made with one of these, or with none
     *     if there are none
     */
    public SealPeer<O> peer(SealPublicKey key, List<PresharedKey> preshared, O owner) {
        SealPeer<O> known = peers.get(key);
        if (known != null) {
            known.owner(owner);
            known.preshared(preshared);
            return known;
        }
        SealPeer<O> peer = new SealPeer<>(key, preshared, owner);
        peers.put(key, peer);
        return peer;
    }

    public void remove(SealPeer<O> peer) {
        peers.remove(peer.key(), peer);
        peer.retired.forEach(sessions::remove);
        peer.retired.clear();
        sessions.remove(peer.current);
        sessions.remove(peer.next);
        sessions.remove(peer.attempt);
        peer.current = null;
        peer.next = null;
        peer.attempt = null;
    }

    /** While a handoff is in its cut: sessions that work are not renewed before this time. */
    public void deferRekeyUntil(long ns) {
        handshaker.deferUntilNs = ns;
    }

    /** Starts what is due: initiations, keepalives, the end of sessions. To be called a few times a second. */
    public void tick(long nowNs, long wallUs) {
        for (SealPeer<O> peer : peers.values()) {
            expire(peer, nowNs);
            handshaker.tick(peer, nowNs, wallUs);
            boolean quiet = peer.sentNs == SealPeer.NEVER || nowNs - peer.sentNs >= timers.keepaliveNs();
            if (peer.current != null && quiet) {
                sendEmpty(peer, nowNs);
            }
        }
    }

    private void expire(SealPeer<O> peer, long nowNs) {
        for (TransportSession oldest = peer.retired.peek(); isOver(oldest, nowNs); oldest = peer.retired.peek()) {
            sessions.remove(peer.retired.remove());
        }
        if (isOver(peer.current, nowNs)) {
            sessions.remove(peer.current);
            peer.current = null;
        }
        if (isOver(peer.next, nowNs)) {
            sessions.remove(peer.next);
            peer.next = null;
        }
    }

    private boolean isOver(@Nullable TransportSession session, long nowNs) {
        return session != null && nowNs - session.bornNs >= timers.rejectAfterNs();
    }

    // --- sending

    /**
     * Seals one inner datagram; {@code out} may be the memory that it stands in, if {@code outAt} leaves just the room for the header before it.
     *
     * @return the length written at {@code outAt}, {@link SealFormat#OVERHEAD_BYTES} more than {@code length}; 0 when there is no
     *     session
     */
    public int seal(
            SealPeer<O> peer, MemorySegment in, long at, int length, MemorySegment out, long outAt, long nowNs) {
        TransportSession session = usable(peer, nowNs);
        if (session == null || length > SealFormat.INNER_MAX_BYTES) {
            return 0;
        }
        return session.seal(in, at, length, out, outAt);
    }

    private @Nullable TransportSession usable(SealPeer<O> peer, long nowNs) {
        TransportSession session = peer.current;
        if (session == null || session.sent() >= SealTimers.REJECT_AFTER_DATAGRAMS || isOver(session, nowNs)) {
            return null;
        }
        peer.sentNs = nowNs;
        return session;
    }

    private void sendEmpty(SealPeer<O> peer, long nowNs) {
        TransportSession session = usable(peer, nowNs);
        if (session != null) {
            session.seal(empty, 0, 0, empty, 0);
            underlay.send(peer, empty.toArray(ValueLayout.JAVA_BYTE));
        }
    }

    // --- receiving

    /** Why the last call of {@link #receive} returned {@link #NOTHING}; {@link DropReason#NONE} if that was right. */
    public DropReason reason() {
        return reason;
    }

    /** Who sealed what the last call of {@link #receive} opened. */
    public SealPeer<O> sender() {
        SealPeer<O> s = sender;
        if (s == null) {
            throw new IllegalStateException("nothing was opened");
        }
        return s;
    }

    /** Whose session the last datagram named, if it was not authentic: it was damaged on its way, or forged. Null: it was neither. */
    public @Nullable SealPeer<O> accused() {
        return accused;
    }

    /** Whether it was the newest datagram of its sender: where it came from is then where the sender is now. */
    public boolean isNewest() {
        return newest;
    }

    /**
     * Handles one datagram of which {@link SealFormat#isSealed} is true of the first octet.
     *
     * @param source address and port that it came from, in any form that is the same each time
     * @param out where an inner datagram is written; may be the memory that the datagram stands in, if {@code outAt} is behind its header
     * @return the length of the inner datagram at {@code outAt}, or {@link #NOTHING}
     */
    public int receive(
            MemorySegment in, long at, int length, SealSource source, MemorySegment out, long outAt, long nowNs) {
        reason = DropReason.NONE;
        sender = null;
        accused = null;
        newest = false;
        if (length < 1) {
            reason = DropReason.TOO_SHORT;
        } else if (BigEndian.u8(in, at) == SealFormat.TRANSPORT) {
            return open(in, at, length, out, outAt, nowNs);
        } else if (length > SealFormat.INITIATION_BYTES) {
            reason = DropReason.MALFORMED_CONTROL;
        } else {
            byte[] message = in.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE);
            reason = handshaker.receive(message, source.bytes(), nowNs);
            SealPeer<O> up = handshaker.takeEstablished();
            if (up != null) {
                sendEmpty(up, nowNs); // the responder sends nothing before it has heard something
            }
        }
        return NOTHING;
    }

    private int open(MemorySegment in, long at, int length, MemorySegment out, long outAt, long nowNs) {
        if (length < SealFormat.OVERHEAD_BYTES || length > SealFormat.INNER_MAX_BYTES + SealFormat.OVERHEAD_BYTES) {
            return drop(DropReason.TOO_SHORT);
        }
        Indexed found = sessions.get(BigEndian.u24(in, at + SealFormat.TRANSPORT_INDEX_OFFSET));
        if (!(found instanceof TransportSession session) || isOver(session, nowNs)) {
            return drop(DropReason.UNKNOWN_SESSION);
        }
        long counter = SealFormat.counter(in, at);
        if (!session.mayAccept(counter)) {
            return drop(DropReason.REPLAYED);
        }
        int body = length - SealFormat.TRANSPORT_HEADER_BYTES;
        int inner = session.open(counter, in, at + SealFormat.TRANSPORT_HEADER_BYTES, body, out, outAt);
        @SuppressWarnings("unchecked") // every session in the table was made for a peer of this endpoint
        SealPeer<O> peer = (SealPeer<O>) session.peer;
        if (inner < 0) {
            accused = peer;
            return drop(DropReason.UNAUTHENTICATED);
        }
        // After both have initiated at once each may send over a session of its own: youngest is what it was heard on,
        // not CURRENT.
        newest = session.accept(counter) && session.bornNs >= peer.heardBornNs;
        peer.heardBornNs = Math.max(peer.heardBornNs, session.bornNs);
        sender = peer;
        peer.heardNs = nowNs;
        if (session == peer.next) {
            handshaker.confirmed(peer);
        }
        return inner == 0 ? NOTHING : inner;
    }

    private int drop(DropReason why) {
        reason = why;
        return NOTHING;
    }
}

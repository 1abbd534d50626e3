// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import io.sojourn.wire.DropReason;
import java.util.Arrays;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Makes sessions: initiates when one is due, answers those of others, and puts the new one in its place. The numbers stand in
 * {@link SealTimers}; the order of checks is from cheap to dear, so that a stranger costs one hash.
 */
final class Handshaker<O> {
    private static final int MAC1_AT_INITIATION = SealFormat.INITIATION_BYTES - 2 * SealFormat.MAC_BYTES;
    private static final int MAC1_AT_RESPONSE = SealFormat.RESPONSE_BYTES - SealFormat.MAC_BYTES;
    /** Initiations before the wait between them grows to its longest. */
    private static final int QUICK_ATTEMPTS = 5;

    private static final int RETIRED_MOST = 16;

    private static final long JITTER_NS = 1_000_000;
    /** A responder renews a session that its initiator should have renewed so much earlier. */
    private static final long RESPONDER_GRACE_NS = 10_000_000_000L;

    private final SealPrivateKey self;
    private final boolean aes;
    private final PacketCipher.Maker ciphers;
    private final Entropy entropy;
    private final SealTimers timers;
    private final Map<SealPublicKey, SealPeer<O>> peers;
    private final SessionTable sessions;
    private final SealUnderlay<O> underlay;
    private final SealCounts counts;
    private final FloodGate gate;
    long deferUntilNs = Long.MIN_VALUE;
    private @Nullable SealPeer<O> established;

    Handshaker(
            SealPrivateKey self,
            boolean aes,
            PacketCipher.Maker ciphers,
            Entropy entropy,
            SealTimers timers,
            Map<SealPublicKey, SealPeer<O>> peers,
            SessionTable sessions,
            SealUnderlay<O> underlay,
            SealCounts counts) {
        this.self = self;
        this.aes = aes;
        this.ciphers = ciphers;
        this.entropy = entropy;
        this.timers = timers;
        this.peers = peers;
        this.sessions = sessions;
        this.underlay = underlay;
        this.counts = counts;
        this.gate = new FloodGate(self.publicKey(), entropy);
    }

    /** The peer with which this end's initiation has just made a session, once. */
    @Nullable
    SealPeer<O> takeEstablished() {
        SealPeer<O> out = established;
        established = null;
        return out;
    }

    // --- initiating

    void tick(SealPeer<O> peer, long nowNs, long wallUs) {
        if (!isDue(peer, nowNs)) {
            peer.attempts = 0;
            return;
        }
        if (peer.nextAttemptNs == Long.MIN_VALUE || nowNs - peer.nextAttemptNs >= 0) {
            initiate(peer, nowNs, wallUs);
        }
    }

    private boolean isDue(SealPeer<O> peer, long nowNs) {
        TransportSession session = peer.current;
        if (session == null) {
            return true;
        }
        long age = nowNs - session.bornNs;
        boolean deferred = deferUntilNs != Long.MIN_VALUE && nowNs - deferUntilNs < 0;
        if (deferred && age < (timers.rekeyAfterNs() + timers.rejectAfterNs()) / 2) {
            return false;
        }
        long grace = session.initiator ? 0 : Math.min(RESPONDER_GRACE_NS, timers.rekeyAfterNs() / 4);
        return age >= timers.rekeyAfterNs() + grace
                || session.sent() >= SealTimers.REKEY_AFTER_DATAGRAMS
                || nowNs - Math.max(peer.heardNs, session.bornNs) >= timers.silenceNs();
    }

    private void initiate(SealPeer<O> peer, long nowNs, long wallUs) {
        sessions.remove(peer.attempt);
        peer.attempt = null;
        peer.attempts++;
        peer.nextAttemptNs =
                nowNs + (peer.attempts < QUICK_ATTEMPTS ? timers.retryNs() : timers.retryMaxNs()) + jitter();
        int index = sessions.free();
        if (index < 0) {
            return;
        }
        PresharedKey preshared = peer.newest();
        Suite suite = Suite.of(aes, preshared != null);
        int generation = preshared == null ? 0 : preshared.generation();
        byte[] header = SealFormat.handshakeHeader(SealFormat.INITIATION, suite, index, generation);
        NoiseIk noise = NoiseIk.initiator(suite, SealFormat.prologue(header), self, peer.key());
        peer.initiatedUs = Math.max(peer.initiatedUs + 1, wallUs);
        byte[] body = noise.writeFirst(SealFormat.timestamp(peer.initiatedUs), entropy.bytes(X25519.BYTES));
        if (body == null) {
            return; // a key that is no key: there is nobody to talk to
        }
        byte[] message = Arrays.copyOf(header, SealFormat.INITIATION_BYTES);
        System.arraycopy(body, 0, message, header.length, body.length);
        byte[] mac1 = Handshakes.mac(peer.mac1Key, message, MAC1_AT_INITIATION);
        System.arraycopy(mac1, 0, message, MAC1_AT_INITIATION, mac1.length);
        if (peer.cookie.length > 0 && nowNs - peer.cookieNs < SealTimers.COOKIE_NS) {
            int mac2At = MAC1_AT_INITIATION + SealFormat.MAC_BYTES;
            byte[] mac2 = Handshakes.mac(peer.cookie, message, mac2At);
            System.arraycopy(mac2, 0, message, mac2At, mac2.length);
        }
        Attempt attempt = new Attempt(peer, index, suite, preshared, noise, mac1);
        peer.attempt = attempt;
        sessions.put(attempt);
        counts.initiations++;
        underlay.send(peer, message);
    }

    /** Two ends that began together must not go on together. */
    private long jitter() {
        return (entropy.bytes(1)[0] & 0xFF) * JITTER_NS;
    }

    // --- receiving

    DropReason receive(byte[] message, byte[] source, long nowNs) {
        return switch (message[0] & 0xFF) {
            case SealFormat.INITIATION -> initiation(message, source, nowNs);
            case SealFormat.RESPONSE -> response(message, nowNs);
            case SealFormat.COOKIE -> cookie(message, nowNs);
            default -> DropReason.UNKNOWN_DATAGRAM;
        };
    }

    private DropReason initiation(byte[] message, byte[] source, long nowNs) {
        if (message.length != SealFormat.INITIATION_BYTES) {
            return DropReason.MALFORMED_CONTROL;
        }
        Suite suite = Suite.of(message[SealFormat.SUITE_OFFSET] & 0xFF);
        if (suite == Suite.INVALID) {
            return DropReason.MALFORMED_CONTROL;
        }
        if (!gate.isForUs(message, MAC1_AT_INITIATION)) {
            return DropReason.UNAUTHENTICATED;
        }
        switch (gate.admit(message, source, nowNs)) {
            case PASS -> {}
            case COOKIE -> {
                underlay.answer(gate.reply(message, MAC1_AT_INITIATION, suite, source, nowNs));
                return DropReason.COOKIE_REQUIRED;
            }
            case REFUSE -> {
                return DropReason.HANDSHAKE_FLOOD;
            }
        }
        byte[] header = Arrays.copyOf(message, SealFormat.HANDSHAKE_HEADER_BYTES);
        byte[] body = Arrays.copyOfRange(message, SealFormat.HANDSHAKE_HEADER_BYTES, MAC1_AT_INITIATION);
        NoiseIk noise = NoiseIk.responder(suite, SealFormat.prologue(header), self);
        SealPublicKey key = noise.readFirstStatic(body);
        if (key == null) {
            return DropReason.UNAUTHENTICATED;
        }
        SealPeer<O> peer = peers.get(key);
        if (peer == null) {
            return DropReason.UNKNOWN_PEER;
        }
        byte[] payload = noise.readFirstPayload(body);
        // In an initiation the receiver's index is not known yet: what stands there is the generation.
        PresharedKey preshared = suite.isPreshared() ? peer.ofGeneration(SealFormat.receiver(header)) : null;
        boolean wanted = peer.newest() != null;
        if (payload == null || wanted != suite.isPreshared() || wanted && preshared == null) {
            return DropReason.UNAUTHENTICATED;
        }
        long timestampUs = SealFormat.timestamp(payload);
        if (timestampUs <= peer.timestampUs) {
            return DropReason.REPLAYED;
        }
        peer.timestampUs = timestampUs;
        return respond(peer, suite, preshared, noise, SealFormat.sender(header), nowNs);
    }

    private DropReason respond(
            SealPeer<O> peer,
            Suite suite,
            @Nullable PresharedKey preshared,
            NoiseIk noise,
            int remoteIndex,
            long nowNs) {
        int index = sessions.free();
        if (index < 0) {
            return DropReason.NO_SESSION;
        }
        byte[] header = SealFormat.handshakeHeader(SealFormat.RESPONSE, suite, index, remoteIndex);
        byte[] body = noise.writeSecond(header, entropy.bytes(X25519.BYTES), octets(preshared));
        if (body == null) {
            return DropReason.UNAUTHENTICATED;
        }
        byte[] message = Arrays.copyOf(header, SealFormat.RESPONSE_BYTES);
        System.arraycopy(body, 0, message, header.length, body.length);
        byte[] mac1 = Handshakes.mac(peer.mac1Key, message, MAC1_AT_RESPONSE);
        System.arraycopy(mac1, 0, message, MAC1_AT_RESPONSE, mac1.length);
        retire(peer, peer.next);
        TransportSession next =
                new TransportSession(peer, suite, preshared, ciphers, noise.split(), false, index, remoteIndex, nowNs);
        peer.next = next;
        sessions.put(next);
        counts.answered++;
        underlay.answer(message);
        return DropReason.NONE;
    }

    private DropReason response(byte[] message, long nowNs) {
        if (message.length != SealFormat.RESPONSE_BYTES) {
            return DropReason.MALFORMED_CONTROL;
        }
        if (!gate.isForUs(message, MAC1_AT_RESPONSE)) {
            return DropReason.UNAUTHENTICATED;
        }
        Attempt attempt = attempt(message);
        if (attempt == null) {
            return DropReason.UNKNOWN_SESSION;
        }
        SealPeer<O> peer = peerOf(attempt);
        byte[] header = Arrays.copyOf(message, SealFormat.HANDSHAKE_HEADER_BYTES);
        byte[] body = Arrays.copyOfRange(message, SealFormat.HANDSHAKE_HEADER_BYTES, MAC1_AT_RESPONSE);
        NoiseIk noise = attempt.mayRead() ? attempt.noise.copy() : null;
        byte[] payload = noise == null ? null : noise.readSecond(body, octets(attempt.preshared));
        if (noise == null || payload == null || !Arrays.equals(payload, header)) {
            return DropReason.UNAUTHENTICATED;
        }
        sessions.remove(attempt);
        peer.attempt = null;
        TransportSession made = new TransportSession(
                peer,
                attempt.suite,
                attempt.preshared,
                ciphers,
                noise.split(),
                true,
                attempt.index(),
                SealFormat.sender(header),
                nowNs);
        sessions.put(made);
        install(peer, made);
        established = peer;
        return DropReason.NONE;
    }

    /** What this end has initiated is used at once; a session that the peer made meanwhile still opens. */
    private void install(SealPeer<O> peer, TransportSession made) {
        boolean first = peer.current == null;
        retire(peer, peer.next);
        retire(peer, peer.current);
        peer.next = null;
        peer.current = made;
        up(peer, first);
    }

    /** The peer has sent over the session that it made: it has the response, and the session may be used. */
    void confirmed(SealPeer<O> peer) {
        boolean first = peer.current == null;
        retire(peer, peer.current);
        peer.current = peer.next;
        peer.next = null;
        up(peer, first);
    }

    /** It still opens until it is over: where both have initiated, the peer may go on sending over its own. */
    private void retire(SealPeer<O> peer, @Nullable TransportSession session) {
        if (session != null) {
            peer.retired.add(session);
            if (peer.retired.size() > RETIRED_MOST) {
                sessions.remove(peer.retired.remove());
            }
        }
    }

    private void up(SealPeer<O> peer, boolean first) {
        counts.established++;
        counts.rekeys += first ? 0 : 1;
        underlay.established(peer, first);
    }

    private DropReason cookie(byte[] message, long nowNs) {
        if (message.length != SealFormat.COOKIE_REPLY_BYTES) {
            return DropReason.MALFORMED_CONTROL;
        }
        Attempt attempt = attempt(message);
        if (attempt == null) {
            return DropReason.UNKNOWN_SESSION;
        }
        SealPeer<O> peer = peerOf(attempt);
        int nonceAt = SealFormat.HANDSHAKE_HEADER_BYTES;
        int sealedAt = nonceAt + SealFormat.COOKIE_NONCE_BYTES;
        byte[] cookie = new byte[SealFormat.COOKIE_BYTES];
        int opened = new Aead(false, Handshakes.cookieKey(peer.key()))
                .open(
                        SealFormat.timestamp(Arrays.copyOfRange(message, nonceAt, sealedAt)),
                        attempt.mac1,
                        message,
                        sealedAt,
                        message.length - sealedAt,
                        cookie,
                        0);
        if (opened != cookie.length) {
            return DropReason.UNAUTHENTICATED;
        }
        peer.cookie = cookie;
        peer.cookieNs = nowNs;
        peer.nextAttemptNs = nowNs;
        return DropReason.NONE;
    }

    private static byte[] octets(@Nullable PresharedKey preshared) {
        return preshared == null ? NoiseIk.NO_PSK : preshared.octets;
    }

    private @Nullable Attempt attempt(byte[] message) {
        return sessions.get(SealFormat.receiver(message)) instanceof Attempt a ? a : null;
    }

    @SuppressWarnings("unchecked") // every attempt in the table was made for a peer of this endpoint
    private SealPeer<O> peerOf(Attempt attempt) {
        return (SealPeer<O>) attempt.peer;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import java.util.ArrayDeque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Another gateway: its static key, and the sessions with it.
 *
 * <pre>
 *   next     made by the peer's initiation, and not used for sending until something has come over it
 *   current  what is sent with
 *   retired  what was one of these a while ago: what is still on its way opens
 * </pre>
 *
 * @param <O> what the owner of the endpoint knows this peer by
 */
public final class SealPeer<O> {
    static final long NEVER = Long.MIN_VALUE;

    private final SealPublicKey key;
    final byte[] mac1Key;
    private List<PresharedKey> preshared;
    private O owner;

    /** Oldest first. */
    final ArrayDeque<TransportSession> retired = new ArrayDeque<>();

    @Nullable
    TransportSession current;

    @Nullable
    TransportSession next;

    @Nullable
    Attempt attempt;

    /** Initiations since the last session, and when the next one may go. */
    int attempts;

    long nextAttemptNs = NEVER;
    /** The highest timestamp in an initiation from it. */
    long timestampUs = Long.MIN_VALUE;

    /** The timestamp in our latest initiation. */
    long initiatedUs;

    long heardNs = NEVER;
    /** When the youngest session that anything came over was made. */
    long heardBornNs = NEVER;

    long sentNs = NEVER;
    byte[] cookie = new byte[0];
    long cookieNs;

    SealPeer(SealPublicKey key, List<PresharedKey> preshared, O owner) {
        this.key = key;
        this.preshared = List.copyOf(preshared);
        this.owner = owner;
        mac1Key = Handshakes.mac1Key(key);
    }

    public SealPublicKey key() {
        return key;
    }

    public O owner() {
        return owner;
    }

    public void owner(O owner) {
        this.owner = owner;
    }

    void preshared(List<PresharedKey> keys) {
        preshared = List.copyOf(keys);
    }

    /** With which this end initiates; null: with none. */
    @Nullable
    PresharedKey newest() {
        return preshared.isEmpty() ? null : preshared.getFirst();
    }

    @Nullable
    PresharedKey ofGeneration(int generation) {
        for (PresharedKey k : preshared) {
            if (k.generation() == generation) {
                return k;
            }
        }
        return null;
    }

    /** Of the session that is sent with; {@link PresharedKey#NONE}: made without one, or there is no session. */
    public int presharedGeneration() {
        return current == null ? PresharedKey.NONE : current.generation;
    }

    /** Whether what is given to it can be sealed now. */
    public boolean isUp() {
        return current != null;
    }

    /** How many initiations have gone unanswered; for trying another of several addresses. */
    public int unanswered() {
        return attempts;
    }

    @Override
    public String toString() {
        return owner + " " + key;
    }
}

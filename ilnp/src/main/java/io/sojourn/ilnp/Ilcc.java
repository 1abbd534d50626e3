// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import io.sojourn.ilnp.Correspondent.Mode;
import io.sojourn.model.identity.NodeIdentifier;
import io.sojourn.wire.DropReason;
import it.unimi.dsi.fastutil.longs.Long2ObjectOpenHashMap;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The Identifier-Locator Communication Cache of one node (RFC 6741 section 5): whom it talks to, where they are, and by which nonces each believes the other.
 *
 * <p>A packet is looked up by (identifier, nonce) if it has a nonce, else by (identifier, locator). One with the identifier of a correspondent, from a place that this correspondent is not
 * known to be at, is dropped unless the nonce is right: nobody takes an identifier over. An identifier that is not universal may belong to several nodes, and then tells nobody anything
 * without its locator.
 *
 * <p><i>Order</i>: as called; times never go back. <i>Ownership</i>: a {@link Correspondent} stays the cache's. <i>Locking</i>: none, one thread. Lookups allocate nothing.
 */
public final class Ilcc {
    private final NodeIdentifier local;
    private final IlccTiming timing;
    private final Supplier<Nonce> nonces;
    private final Long2ObjectOpenHashMap<Correspondent> byNid = new Long2ObjectOpenHashMap<>();
    private int count;
    private @Nullable Correspondent matched;
    private int passedOver;
    private int changes;

    /** @param nonces each one random (RFC 4086), and given once */
    public Ilcc(NodeIdentifier local, IlccTiming timing, Supplier<Nonce> nonces) {
        this.local = local;
        this.timing = timing;
        this.nonces = nonces;
    }

    public NodeIdentifier local() {
        return local;
    }

    public IlccTiming timing() {
        return timing;
    }

    /** Grows whenever somebody becomes known, or something that does not pass with time becomes known of somebody. */
    public int changes() {
        return changes;
    }

    /** Something is known of somebody that the cache itself does not see. */
    void changed() {
        changes++;
    }

    /** How many correspondents are known. */
    public int count() {
        return count;
    }

    // --- out

    /**
     * The local node sends to this address.
     *
     * @return null when it is nobody known, and there is room for no more: the packet then goes as it is
     */
    public @Nullable Correspondent sending(long nid, long locator, long now) {
        return sending(nid, locator, locator, now);
    }

    /** The same. @param at where it is said to be, if it is not known yet */
    @Nullable
    Correspondent sending(long nid, long knownAs, long at, long now) {
        Correspondent c = known(nid, knownAs);
        if (c == null) {
            c = add(nid, knownAs, at, Mode.UNKNOWN, null, now);
        }
        if (c != null) {
            c.sent(now);
        }
        return c;
    }

    /** Who the local node calls so; null: nobody yet. */
    @Nullable
    Correspondent known(long nid, long knownAs) {
        Correspondent c = byNid.get(nid);
        while (c != null && c.knownAsBits() != knownAs) {
            c = c.next;
        }
        return c;
    }

    // --- in

    /**
     * The local node is sent a packet. Who from is in {@link #matched} when the answer is {@link DropReason#NONE}.
     *
     * @param nonceBytes 0: it has no nonce
     */
    public DropReason receiving(long nid, long locator, int nonceBytes, int nonceHigh, long nonceLow, long now) {
        matched = null;
        return nonceBytes == 0
                ? withoutNonce(nid, locator, now)
                : withNonce(nid, locator, nonceBytes, nonceHigh, nonceLow, now);
    }

    private DropReason withNonce(long nid, long locator, int nonceBytes, int nonceHigh, long nonceLow, long now) {
        Correspondent silent = null;
        boolean isSomebodysPlace = false;
        boolean isKnown = false;
        for (Correspondent c = byNid.get(nid); c != null; c = c.next) {
            RemoteLocator from = c.at(locator);
            boolean isThere = from != null && !from.isReplaced();
            if (c.speaksWith(nonceBytes, nonceHigh, nonceLow)) {
                return match(c, isThere ? from : null, now);
            }
            isSomebodysPlace |= isThere && c.hasNonce();
            isKnown |= c.mode() != Mode.TENTATIVE; // whoever only claims an identifier keeps nobody out
            if (silent == null && isThere && !c.hasNonce()) {
                silent = c;
            }
        }
        if (silent != null) {
            changes++;
            silent.learn(new Nonce(nonceBytes, nonceHigh, nonceLow));
            return match(silent, silent.at(locator), now);
        }
        if (isSomebodysPlace || isKnown && NodeIdentifier.isUniversal(nid)) {
            return DropReason.WRONG_NONCE;
        }
        matched = add(nid, locator, locator, Mode.TENTATIVE, new Nonce(nonceBytes, nonceHigh, nonceLow), now);
        return matched == null ? DropReason.CACHE_FULL : DropReason.NONE;
    }

    private DropReason withoutNonce(long nid, long locator, long now) {
        boolean isKnown = false;
        for (Correspondent c = byNid.get(nid); c != null; c = c.next) {
            RemoteLocator from = c.at(locator);
            if (from != null && (!from.isReplaced() || now - from.replacedMs() < timing.replacedMs())) {
                return match(c, from, now);
            }
            isKnown |= c.mode() == Mode.ILNP;
        }
        return isKnown && NodeIdentifier.isUniversal(nid) ? DropReason.UNKNOWN_LOCATOR : DropReason.NONE;
    }

    /**
     * The same from a border of one's own realm, which says by what address the local node knows the sender.
     *
     * @param vouched the realm itself says that the sender is, or may just now be, at that locator
     */
    DropReason receiving(
            long nid,
            long knownAs,
            long locator,
            boolean vouched,
            int nonceBytes,
            int nonceHigh,
            long nonceLow,
            long now) {
        matched = null;
        Correspondent c = known(nid, knownAs);
        if (c == null) {
            c = add(nid, knownAs, locator, Mode.UNKNOWN, null, now);
            if (c == null) {
                return DropReason.CACHE_FULL;
            }
        }
        RemoteLocator from = c.at(locator);
        if (nonceBytes == 0) {
            if (!vouched && (from == null || from.isReplaced() && now - from.replacedMs() >= timing.replacedMs())) {
                return DropReason.UNKNOWN_LOCATOR;
            }
        } else if (c.hasNonce()) {
            if (!c.speaksWith(nonceBytes, nonceHigh, nonceLow)) {
                return DropReason.WRONG_NONCE;
            }
        } else if (vouched || from != null) {
            changes++;
            c.learn(new Nonce(nonceBytes, nonceHigh, nonceLow));
        }
        return match(c, from, now);
    }

    private DropReason match(Correspondent c, @Nullable RemoteLocator from, long now) {
        c.heard(now);
        if (from != null && !from.isReplaced()) {
            from.used(now);
        }
        matched = c;
        return DropReason.NONE;
    }

    /**
     * Somebody who was not known has sent a packet, without a nonce: remembered for a short time, so that the answer can come from where the question went.
     *
     * @return null: strangers may take half of the room, and no more
     */
    @Nullable
    Correspondent stranger(long nid, long locator, long now) {
        return count < timing.correspondentsMax() / 2 ? add(nid, locator, locator, Mode.TENTATIVE, null, now) : null;
    }

    /** Whom the last packet or update was from; null: a stranger. */
    public @Nullable Correspondent matched() {
        return matched;
    }

    /**
     * A Locator Update has come, an advertisement. What it lists replaces what was known. Who sent it, and is to be sent an acknowledgement, is in {@link #matched} when the
     * answer is {@link DropReason#NONE}.
     *
     * @param listed at least one
     */
    public DropReason updated(
            long nid, int nonceBytes, int nonceHigh, long nonceLow, List<Advertised> listed, long now) {
        DropReason bad = prove(nid, nonceBytes, nonceHigh, nonceLow, now);
        Correspondent c = matched;
        if (c != null) {
            changes++;
            passedOver += c.replaceLocators(listed, now, timing);
        }
        return bad;
    }

    /** Whether somebody whom there is a session with proves to be who he says: what holds for updates and acknowledgements. */
    public DropReason prove(long nid, int nonceBytes, int nonceHigh, long nonceLow, long now) {
        matched = null;
        if (nonceBytes == 0) {
            return DropReason.NO_NONCE;
        }
        boolean isKnown = false;
        for (Correspondent c = byNid.get(nid); c != null; c = c.next) {
            boolean established = c.mode() != Mode.TENTATIVE;
            if (established && c.speaksWith(nonceBytes, nonceHigh, nonceLow)) {
                return match(c, null, now);
            }
            isKnown |= established;
        }
        return isKnown ? DropReason.WRONG_NONCE : DropReason.UNKNOWN_CORRESPONDENT;
    }

    /**
     * Somebody says that he does not know the Nonce option, and quotes one. It is believed if it is the one that he was sent: from now on he has plain IPv6.
     *
     * @param locator that the quoted packet was sent to
     */
    public DropReason nonceUnknown(long nid, long locator, int nonceBytes, int nonceHigh, long nonceLow) {
        matched = null;
        boolean isKnown = false;
        for (Correspondent c = byNid.get(nid); c != null; c = c.next) {
            if (c.at(locator) != null) {
                if (c.outbound().is(nonceBytes, nonceHigh, nonceLow)) {
                    changes++;
                    c.isPlain();
                    matched = c;
                    return DropReason.NONE;
                }
                isKnown = true;
            }
        }
        return isKnown ? DropReason.WRONG_NONCE : DropReason.UNKNOWN_CORRESPONDENT;
    }

    /** It has not answered to nonces within the time that was given to it (RFC 6740 section 10.6). */
    public void silent(Correspondent c) {
        if (c.mode() == Mode.UNKNOWN) {
            changes++;
            c.isPlain();
        }
    }

    /** The local node has a new locator. */
    public void moved(long now) {
        forEach(c -> c.moved(now, timing));
    }

    // --- what is kept

    private @Nullable Correspondent add(
            long nid, long knownAs, long locator, Mode mode, @Nullable Nonce inbound, long now) {
        if (count >= timing.correspondentsMax()) {
            return null;
        }
        Correspondent c = new Correspondent(nid, knownAs, mode, nonces.get(), inbound, now, now);
        RemoteLocator at = new RemoteLocator(locator, Correspondent.PREFERENCE_HEARD, now + timing.idleMs());
        at.used(now);
        c.locators().add(at);
        put(c);
        return c;
    }

    void put(Correspondent c) {
        Correspondent last = byNid.get(c.nidBits());
        changes++;
        count++;
        if (last == null) {
            byNid.put(c.nidBits(), c);
            return;
        }
        while (last.next != null) {
            last = last.next;
        }
        last.next = c;
    }

    /** Takes over whom the other cache knows and this one does not. */
    void takeOver(Ilcc other) {
        other.correspondents().forEach(c -> {
            if (count < timing.correspondentsMax() && known(c.nidBits(), c.knownAsBits()) == null) {
                c.next = null;
                put(c);
            }
        });
    }

    /** Forgets what nothing has been heard of for long. To be called every few seconds. @return how many correspondents */
    public int prune(long now) {
        int before = count;
        matched = null;
        List<Correspondent> kept = new ArrayList<>();
        forEach(c -> {
            if (!c.isForgotten(now, timing)) {
                c.locators().removeIf(at -> at.isReplaced() && now - at.replacedMs() >= timing.replacedMs());
                kept.add(c);
            }
        });
        if (kept.size() < before) {
            byNid.clear();
            count = 0;
            for (Correspondent c : kept) {
                c.next = null;
                put(c);
            }
        }
        return before - count;
    }

    /** Those of one identifier in the order in which they became known. */
    public void forEach(Consumer<Correspondent> action) {
        for (Correspondent first : byNid.values()) {
            for (Correspondent c = first; c != null; c = c.next) {
                action.accept(c);
            }
        }
    }

    /** All, by identifier; those of one in the order in which they became known, by which the first that fits a packet is found. */
    public List<Correspondent> correspondents() {
        List<Correspondent> all = new ArrayList<>(count);
        forEach(all::add);
        all.sort(Comparator.comparing(Correspondent::nid));
        return all;
    }

    /** Listed in updates, and passed over as there were too many. */
    public int passedOver() {
        return passedOver;
    }
}

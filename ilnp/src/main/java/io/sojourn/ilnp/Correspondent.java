// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import io.sojourn.model.identity.NodeIdentifier;
import io.sojourn.model.location.Locator64;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Somebody that the local node talks to: one entry for all sessions with it (RFC 6741 section 5.2). The local node, which may be a stock guest, goes on calling it by the
 * address it first had; where packets really go follows what the correspondent says.
 */
public final class Correspondent {
    /** What it speaks. */
    public enum Mode {
        INVALID,
        /** It has spoken to us, and nothing has gone to it. */
        TENTATIVE,
        /** Nothing says yet that it knows ILNP. */
        UNKNOWN,
        /** It has sent a nonce. */
        ILNP,
        /** It does not know the Nonce option, or does not answer to it. */
        PLAIN
    }

    /** Of a locator that is only known by a packet from there, or by our own node's packet to there (Linux, FreeBSD: 10). */
    static final int PREFERENCE_HEARD = 10;

    private final long nid;
    private final long knownAs;
    private final Nonce outbound;
    private @Nullable Nonce inbound;
    private Mode mode;
    private final List<RemoteLocator> locators = new ArrayList<>();
    private long heardMs;
    private long sentMs;
    private int sentWithNonce;
    private long nonceUntilMs = RemoteLocator.NEVER;
    /** Of ours, the one that it sends to, as far as we know; 0: it has not been said. */
    private long ours;

    /** The next with the same identifier, which then is not universal. */
    @Nullable
    Correspondent next;

    Correspondent(
            long nid, long knownAs, Mode mode, Nonce outbound, @Nullable Nonce inbound, long heardMs, long sentMs) {
        this.nid = nid;
        this.knownAs = knownAs;
        this.mode = mode;
        this.outbound = outbound;
        this.inbound = inbound;
        this.heardMs = heardMs;
        this.sentMs = sentMs;
    }

    public NodeIdentifier nid() {
        return new NodeIdentifier(nid);
    }

    public long nidBits() {
        return nid;
    }

    /** The locator in the addresses by which the local node knows it. */
    public Locator64 knownAs() {
        return new Locator64(knownAs);
    }

    public long knownAsBits() {
        return knownAs;
    }

    public Mode mode() {
        return mode;
    }

    /** With which we speak to it. */
    public Nonce outbound() {
        return outbound;
    }

    /** With which it speaks to us. */
    public Optional<Nonce> inbound() {
        return Optional.ofNullable(inbound);
    }

    boolean speaksWith(int bytes, int high, long low) {
        return inbound != null && inbound.is(bytes, high, low);
    }

    boolean hasNonce() {
        return inbound != null;
    }

    void learn(Nonce nonce) {
        inbound = nonce;
        if (mode != Mode.TENTATIVE) {
            mode = Mode.ILNP;
        }
    }

    void isPlain() {
        mode = Mode.PLAIN;
        inbound = null;
    }

    /** The locator of the local node that it knows, and that packets to it come from; 0: none yet. */
    public long ours() {
        return ours;
    }

    void knowsUsAt(long locator) {
        ours = locator;
    }

    // --- locators

    List<RemoteLocator> locators() {
        return locators;
    }

    @Nullable
    RemoteLocator at(long locator) {
        for (int i = 0; i < locators.size(); i++) {
            RemoteLocator candidate = locators.get(i);
            if (candidate.bits() == locator) {
                return candidate;
            }
        }
        return null;
    }

    /**
     * Where to send: the most preferred that is within its lifetime, else the most preferred of those beyond it. The one returned counts as used.
     *
     * @return the upper 64 bits of the destination
     */
    public long destination(long now) {
        RemoteLocator best = null;
        for (int i = 0; i < locators.size(); i++) {
            RemoteLocator candidate = locators.get(i);
            if (!candidate.isReplaced() && (best == null || isBetter(candidate, best, now))) {
                best = candidate;
            }
        }
        if (best == null) {
            return knownAs;
        }
        best.used(now);
        return best.bits();
    }

    private static boolean isBetter(RemoteLocator candidate, RemoteLocator best, long now) {
        boolean past = candidate.isPastLifetime(now);
        if (past != best.isPastLifetime(now)) {
            return !past;
        }
        return candidate.preference() < best.preference();
    }

    /** What is known of a locator; empty: nothing. */
    public Optional<Validity> validity(Locator64 locator, long now, IlccTiming timing) {
        return Optional.ofNullable(at(locator.bits())).map(known -> known.validity(now, timing));
    }

    /** All that the correspondent has not replaced. */
    public List<Locator64> currentLocators() {
        return locators.stream()
                .filter(locator -> !locator.isReplaced())
                .map(locator -> new Locator64(locator.bits()))
                .toList();
    }

    /** By its realm's word it is there now, and nowhere else. */
    void follow(long locator, long now, IlccTiming timing) {
        RemoteLocator best = at(locator);
        if (best == null || best.isReplaced() || destination(now) != locator) {
            replaceLocators(
                    List.of(new Advertised(new Locator64(locator), PREFERENCE_HEARD, (int) (timing.idleMs() / 1000))),
                    now,
                    timing);
        }
    }

    /** @return how many of those listed were passed over, as there is no room for so many */
    int replaceLocators(List<Advertised> listed, long now, IlccTiming timing) {
        List<RemoteLocator> fresh = new ArrayList<>();
        int passedOver = 0;
        for (Advertised entry : listed) {
            long bits = entry.locator().bits();
            if (fresh.stream().anyMatch(known -> known.bits() == bits)) {
                continue;
            }
            if (fresh.size() == timing.locatorsMax()) {
                passedOver++;
                continue;
            }
            RemoteLocator known = new RemoteLocator(bits, entry.preference(), now + entry.lifetimeS() * 1000L);
            RemoteLocator before = at(bits);
            if (before != null) {
                known.used(before.usedMs());
            }
            fresh.add(known);
        }
        int room = timing.locatorsMax();
        for (RemoteLocator old : locators) {
            boolean listedAgain = fresh.stream().anyMatch(known -> known.bits() == old.bits());
            if (!listedAgain && room-- > 0) {
                if (!old.isReplaced()) {
                    old.replaced(now);
                }
                fresh.add(old);
            }
        }
        locators.clear();
        locators.addAll(fresh);
        return passedOver;
    }

    // --- when

    long heardMs() {
        return heardMs;
    }

    long sentMs() {
        return sentMs;
    }

    /** Does not lengthen the life of one that is tentative. */
    void heard(long now) {
        if (mode != Mode.TENTATIVE) {
            heardMs = now;
        }
    }

    void sent(long now) {
        sentMs = now;
        if (mode == Mode.TENTATIVE) {
            mode = inbound == null ? Mode.UNKNOWN : Mode.ILNP;
        }
    }

    /** The local node goes on sending, and nothing comes back. */
    boolean isUnanswered(long now, long silentMs) {
        return now - heardMs >= silentMs && now - sentMs < silentMs;
    }

    boolean isForgotten(long now, IlccTiming timing) {
        return mode == Mode.TENTATIVE
                ? now - heardMs >= timing.tentativeMs()
                : now - Math.max(heardMs, sentMs) >= timing.idleMs();
    }

    /** The local node has a new locator: everything says who it is for a while. */
    void moved(long now, IlccTiming timing) {
        nonceUntilMs = now + timing.nonceAfterMoveMs();
    }

    long nonceUntilMs() {
        return nonceUntilMs;
    }

    int sentWithNonce() {
        return sentWithNonce;
    }

    void restoreSending(int itsSentWithNonce, long itsNonceUntilMs) {
        sentWithNonce = itsSentWithNonce;
        nonceUntilMs = itsNonceUntilMs;
    }

    /**
     * Whether the packet that now goes to it must carry our nonce (RFC 6744 section 4): one of the session's first, or one after a move. Never to one that has plain
     * IPv6. A packet for which the answer is true counts as sent with it.
     */
    public boolean takesNonce(long now, IlccTiming timing) {
        if (mode == Mode.PLAIN) {
            return false;
        }
        if (sentWithNonce < timing.nonceFirstPackets()) {
            sentWithNonce++;
            return true;
        }
        return now < nonceUntilMs;
    }

    @Override
    public String toString() {
        return nid() + " known as " + knownAs() + ", " + mode + ", " + locators;
    }
}

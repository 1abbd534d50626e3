// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import io.sojourn.ilnp.Correspondent.Mode;
import io.sojourn.model.identity.NodeIdentifier;
import io.sojourn.model.location.Locator64;
import io.sojourn.wire.AddressRewriter;
import io.sojourn.wire.ChecksumMode;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.IlnpHeaders;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.LocatorUpdate;
import it.unimi.dsi.fastutil.longs.Long2ObjectOpenHashMap;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A site's border (RFC 6748): nodes keep the locator that they have inside, and the world sees the site's. Out: 1 whose packet is it; 2 by which locator does the correspondent know that node, and where
 * is it itself; 3 rewrite both; 4 say which way the packet goes. In: the same backwards, after the source has been believed. What speaks of locators only ends here.
 *
 * <p>A node that has come from another site goes on being known by that site's locator to each correspondent, and its packets go by way of that site ({@link Way#RELAY}), until the correspondent has confirmed the new
 * one: it is told only if the node is {@link Transparency#VISIBLE}, and if it has shown that it knows ILNP.
 *
 * <p><i>Order</i>: as called; times never go back. <i>Ownership</i>: packets are rewritten where they stand. <i>Locking</i>: none, one thread. Packets of known correspondents allocate nothing.
 */
public final class BorderRouter {
    /** Where a packet goes, or why it does not. */
    public enum Way {
        /** Nowhere: {@link #reason} says why. */
        DROP,
        /** It was for the border itself. */
        CONSUMED,
        /** To the node here. */
        DELIVER,
        /** To the underlay. */
        DIRECT,
        /** To the site whose locator is its source: only from there it may leave. */
        RELAY,
        /** Both ends are here; to the node that it is for. */
        HAIRPIN
    }

    /** Tells correspondents; called at any time from within {@link #inbound} and {@link #poll}. */
    public interface Outbox {
        void send(
                long sourceLocator,
                long sourceNid,
                long destinationLocator,
                long destinationNid,
                Nonce nonce,
                int operation,
                List<Advertised> listed);
    }

    /** Of a locator that is being left. */
    private static final int PREFERENCE_LEFT = 1000;

    private static final int OVERLAP_S = 30;

    private final SiteLocators site;
    private final IlccTiming timing;
    private final Supplier<Nonce> nonces;
    private final Long2ObjectOpenHashMap<LocalNode> nodes = new Long2ObjectOpenHashMap<>();
    private final LocatorTranslation translation = new LocatorTranslation();
    private final AddressRewriter plain;
    private final AddressRewriter nidOnly;
    private final IlnpHeaders headers = new IlnpHeaders();
    private DropReason reason = DropReason.NONE;
    private @Nullable Correspondent correspondent;
    private ChecksumMode mode = ChecksumMode.IPV6_PLAIN;

    public BorderRouter(SiteLocators site, IlccTiming timing, Supplier<Nonce> nonces) {
        this.site = site;
        this.timing = timing;
        this.nonces = nonces;
        this.plain = new AddressRewriter(translation, ChecksumMode.IPV6_PLAIN);
        this.nidOnly = new AddressRewriter(translation, ChecksumMode.NID_ONLY);
    }

    /** Of the nodes' transports; {@link ChecksumMode#IPV6_PLAIN} unless they are ILNP's own. */
    public void checksums(ChecksumMode wanted) {
        mode = wanted;
    }

    // --- nodes

    /** A node begins here. */
    public LocalNode attach(NodeIdentifier nid, Locator64 internal, Transparency transparency) {
        LocalNode node = new LocalNode(internal.bits(), new Ilcc(nid, timing, nonces), transparency);
        nodes.put(nid.bits(), node);
        return node;
    }

    public Optional<LocalNode> node(NodeIdentifier nid) {
        return Optional.ofNullable(nodes.get(nid.bits()));
    }

    /** What the site that the node moves to must have before it runs there. */
    public byte[] export(LocalNode node, long now) {
        return IlccState.export(node.cache(), now);
    }

    /** The node runs elsewhere. */
    public void detach(NodeIdentifier nid) {
        nodes.remove(nid.bits());
    }

    /**
     * A node comes from another site, and runs from now on.
     *
     * @param state as {@link #export} has it
     * @return empty if the state cannot be read: nothing has changed
     */
    public Optional<LocalNode> adopt(
            byte[] state, Locator64 internal, Transparency transparency, Handover handover, long now) {
        return IlccState.restore(state, timing, nonces, now).map(cache -> {
            LocalNode there = nodes.get(cache.local().bits());
            if (there != null) {
                cache.takeOver(there.cache()); // it has been heard here before its state was
            }
            LocalNode node = new LocalNode(internal.bits(), cache, transparency);
            nodes.put(cache.local().bits(), node);
            if (transparency == Transparency.VISIBLE) {
                if (handover == Handover.HARD) {
                    cache.moved(now);
                }
                tell(node, handover, now);
            }
            return node;
        });
    }

    /**
     * A node is here again after this process was away. Whoever has not confirmed where it is is told again.
     *
     * @param state as {@link #export} had it then
     * @param ageMs how long ago that was
     * @return empty if the state cannot be read: nothing has changed
     */
    public Optional<LocalNode> restore(
            byte[] state, Locator64 internal, Transparency transparency, long ageMs, long now) {
        return IlccState.restore(state, timing, nonces, now - ageMs).map(cache -> {
            LocalNode node = new LocalNode(internal.bits(), cache, transparency);
            nodes.put(cache.local().bits(), node);
            if (transparency == Transparency.VISIBLE) {
                tell(node, Handover.SOFT, now);
            }
            return node;
        });
    }

    public void forEachNode(Consumer<LocalNode> action) {
        nodes.values().forEach(action);
    }

    /** Grows whenever a node's cache has something to keep, and whenever a node comes. */
    public long changes() {
        long sum = nodes.size();
        for (LocalNode node : nodes.values()) {
            sum += node.cache().changes();
        }
        return sum;
    }

    /** The site's locators, or its rules, have changed: who has to be told is told, on behalf of the nodes (RFC 6748 section 3). */
    public void locatorsChanged(Handover handover, long now) {
        for (LocalNode node : nodes.values()) {
            if (handover == Handover.HARD) {
                node.cache().moved(now);
            }
            tell(node, handover, now);
        }
    }

    private void tell(LocalNode node, Handover handover, long now) {
        node.cache().forEach(c -> {
            List<Advertised> listed = listed(node, c, handover);
            if (listed.isEmpty()) {
                return; // nothing to be reached by: there is nothing to say
            }
            boolean isTold = c.mode() == Mode.ILNP;
            if (isTold) {
                node.telling().put(c, node.telling(c).tell(listed, now, 0));
            }
            boolean isLost = site.isOurs(c.ours()) && !site.works(c.ours());
            if (isLost || isTold && handover == Handover.HARD) {
                c.knowsUsAt(listed.getFirst().locator().bits());
            }
        });
    }

    /** All that is valid (RFC 6743): the old site's locator too while it is still used, last and for a short time, so that it need not be taken back. */
    private List<Advertised> listed(LocalNode node, Correspondent c, Handover handover) {
        List<Advertised> listed = new ArrayList<>(site.listed(node.nid(), c.nid(), c.knownAsBits()));
        boolean overlaps = handover == Handover.SOFT && c.ours() != 0 && !site.isOurs(c.ours());
        if (overlaps && !listed.isEmpty()) {
            listed.add(new Advertised(new Locator64(c.ours()), PREFERENCE_LEFT, OVERLAP_S));
        }
        return listed;
    }

    /** Whether somebody whom a node here goes on talking to has not been heard of for so long. */
    public boolean isUnanswered(long nid, long now, long silentMs) {
        boolean[] found = new boolean[1];
        for (LocalNode node : nodes.values()) {
            node.cache().forEach(c -> found[0] |= c.nidBits() == nid && c.isUnanswered(now, silentMs));
        }
        return found[0];
    }

    /**
     * The name service says where a correspondent is (RFC 6741 section 13.1: both ends have moved at once, and neither could tell the other). If that is news, it is believed, and the correspondent is told from where
     * we speak now.
     *
     * @return whether it was
     */
    public boolean rediscovered(long nid, List<Advertised> listed, long now) {
        boolean[] news = new boolean[1];
        for (LocalNode node : nodes.values()) {
            node.cache().forEach(c -> {
                boolean known =
                        listed.stream().anyMatch(entry -> entry.locator().bits() == c.destination(now));
                if (c.nidBits() == nid && !listed.isEmpty() && !known) {
                    news[0] = true;
                    c.replaceLocators(listed, now, timing);
                    c.moved(now, timing);
                    List<Advertised> ours = site.listed(node.nid(), c.nid(), c.knownAsBits());
                    if (c.mode() == Mode.ILNP && !ours.isEmpty()) {
                        node.telling().put(c, node.telling(c).tell(ours, now, 0));
                    }
                }
            });
        }
        return news[0];
    }

    /** Somebody has shown that he knows ILNP, after the node had come here: he may have the direct way, too. */
    private void upgrade(LocalNode node, Correspondent c, long now) {
        if (node.transparency() == Transparency.VISIBLE
                && c.mode() == Mode.ILNP
                && !site.isOurs(c.ours())
                && !node.telling().containsKey(c)) {
            List<Advertised> listed = listed(node, c, Handover.SOFT);
            if (!listed.isEmpty()) {
                node.telling().put(c, UpdateSending.SETTLED.tell(listed, now, 0));
            }
        }
    }

    // --- out

    /** A node's packet. What else is known of it is in {@link #reason}, {@link #nonce}. @param partialChecksum its transport checksum is the pseudo-header's sum only */
    public Way outbound(MemorySegment s, long ip, int length, boolean partialChecksum, long now) {
        return outbound(s, ip, length, partialChecksum, null, false, now);
    }

    /**
     * The same.
     *
     * @param at behind which border of our realm the correspondent is; null: behind none
     * @param follows it is to be reached there, whatever else is known; else only if nothing else is
     */
    public Way outbound(
            MemorySegment s,
            long ip,
            int length,
            boolean partialChecksum,
            @Nullable Companion at,
            boolean follows,
            long now) {
        correspondent = null;
        if (length < Ipv6.HEADER_BYTES || Ipv6.version(s, ip) != 6) {
            return drop(DropReason.BAD_IP_VERSION);
        }
        LocalNode node = nodes.get(Ipv6.sourceLow(s, ip));
        if (node == null || node.internal() != Ipv6.sourceHigh(s, ip)) {
            return drop(DropReason.UNKNOWN_SOURCE);
        }
        long peer = Ipv6.destinationLow(s, ip);
        long peerAt = Ipv6.destinationHigh(s, ip);
        LocalNode neighbour = nodes.get(peer);
        if (neighbour != null && (site.isOurs(peerAt) || neighbour.internal() == peerAt)) {
            return hairpin(s, ip, length, partialChecksum, node, neighbour, peerAt);
        }
        Correspondent c = node.cache().sending(peer, peerAt, at == null ? peerAt : at.locator(), now);
        if (c == null) {
            return drop(DropReason.CACHE_FULL);
        }
        if (at != null && (follows ? !at.has(c.destination(now)) : at.hasLost(c.destination(now)))) {
            c.follow(at.locator(), now, timing);
        }
        if (c.ours() == 0 || at != null && isLeft(node, c)) {
            Optional<Locator64> chosen = site.choose(node.nid(), c.nid(), peerAt);
            if (chosen.isEmpty()) {
                return drop(DropReason.NO_ROUTE);
            }
            c.knowsUsAt(chosen.get().bits());
            node.cache().changed();
        }
        correspondent = c;
        translation.set(node.nid().bits(), node.internal(), c.ours(), peer, peerAt, c.destination(now));
        rewrite(s, ip, length, partialChecksum);
        return site.leavesHere(c.ours()) ? Way.DIRECT : Way.RELAY;
    }

    /** What the correspondent knows the node by is another site's, and it need not be told before that ends. */
    private boolean isLeft(LocalNode node, Correspondent c) {
        return node.transparency() == Transparency.VISIBLE && !site.isOurs(c.ours());
    }

    /** All nodes here that have spoken with the one at that address, with what each knows of it. */
    public void forEachKnowing(long nid, long knownAs, BiConsumer<LocalNode, Correspondent> action) {
        for (LocalNode node : nodes.values()) {
            Correspondent c = node.cache().known(nid, knownAs);
            if (c != null) {
                action.accept(node, c);
            }
        }
    }

    /** Where the node's packets to the correspondent at that address go; 0: it knows none. */
    public long destination(long nid, long correspondent, long knownAs, long now) {
        LocalNode node = nodes.get(nid);
        Correspondent c = node == null ? null : node.cache().known(correspondent, knownAs);
        return c == null ? 0 : c.destination(now);
    }

    /** By which locator of the node the correspondent at that address knows it; 0: by none yet. */
    public long knownBy(long nid, long correspondent, long knownAs) {
        LocalNode node = nodes.get(nid);
        Correspondent c = node == null ? null : node.cache().known(correspondent, knownAs);
        return c == null ? 0 : c.ours();
    }

    /** Whether the node, which is here, has that address. */
    public boolean isHere(long nid, long internal) {
        LocalNode node = nodes.get(nid);
        return node != null && node.internal() == internal;
    }

    /** It sees the other end as the world does; otherwise one of the two would have to know where the other is. */
    private Way hairpin(
            MemorySegment s,
            long ip,
            int length,
            boolean partialChecksum,
            LocalNode node,
            LocalNode neighbour,
            long peerAt) {
        long seenAs = peerAt == neighbour.internal()
                ? node.internal()
                : site.choose(node.nid(), neighbour.nid(), peerAt)
                        .map(Locator64::bits)
                        .orElse(peerAt);
        translation.set(
                node.nid().bits(), node.internal(), seenAs, neighbour.nid().bits(), peerAt, neighbour.internal());
        rewrite(s, ip, length, partialChecksum);
        return Way.HAIRPIN;
    }

    /** With which the packet that was just seen out must be sent, in a header of its own; null: as it is. */
    public @Nullable Nonce nonce(long now) {
        Correspondent c = correspondent;
        return c != null && c.takesNonce(now, timing) ? c.outbound() : null;
    }

    // --- in

    /**
     * A packet from the underlay, or from another site that was sent it by a locator of its own.
     *
     * <p>One with a nonce has it still, and {@link #headers} says where: a node that does not know the option must not see it.
     *
     * @param relayed from another site
     */
    public Way inbound(
            MemorySegment s, long ip, int length, boolean partialChecksum, boolean relayed, long now, Outbox outbox) {
        return inbound(s, ip, length, partialChecksum, relayed, false, 0, false, now, outbox);
    }

    /**
     * The same.
     *
     * @param companion it comes from behind a border of our realm
     * @param knownAs by which the node knows who sends it, if so
     * @param vouched the realm says that the sender is, or may just now be, where it comes from
     */
    public Way inbound(
            MemorySegment s,
            long ip,
            int length,
            boolean partialChecksum,
            boolean relayed,
            boolean companion,
            long knownAs,
            boolean vouched,
            long now,
            Outbox outbox) {
        correspondent = null;
        DropReason bad = headers.read(s, ip, length);
        if (bad.isDrop()) {
            return drop(bad);
        }
        long to = Ipv6.destinationHigh(s, ip);
        if (!relayed && !site.works(to)) {
            return drop(site.isOurs(to) ? DropReason.NO_ROUTE : DropReason.NOT_FOR_US);
        }
        LocalNode node = nodes.get(Ipv6.destinationLow(s, ip));
        if (node == null) {
            return drop(DropReason.NO_NEIGHBOR);
        }
        if (headers.isLocatorUpdate(s, ip)) {
            return control(node, s, ip, to, now, outbox);
        }
        long from = Ipv6.sourceHigh(s, ip);
        long nid = Ipv6.sourceLow(s, ip);
        int nonceBytes = headers.nonceBytes();
        int high = headers.nonceHigh();
        long low = headers.nonceLow();
        bad = companion
                ? node.cache().receiving(nid, knownAs, from, vouched, nonceBytes, high, low, now)
                : node.cache().receiving(nid, from, nonceBytes, high, low, now);
        if (bad.isDrop()) {
            return drop(bad);
        }
        Correspondent c = node.cache().matched();
        if (c == null && (relayed || site.hasSeveral())) {
            c = node.cache().stranger(nid, from, now);
        }
        correspondent = c;
        if (c != null && c.ours() == 0) {
            c.knowsUsAt(to);
        }
        if (c != null && headers.nonceBytes() != 0) {
            upgrade(node, c, now);
        }
        if (headers.nonceBytes() != 0 && headers.protocol() == IpProtocol.NO_NEXT_HEADER) {
            return Way.CONSUMED;
        }
        if (isRefusalOfNonce(node, s, ip, length)) {
            return Way.CONSUMED;
        }
        translation.set(
                node.nid().bits(),
                to,
                node.internal(),
                Ipv6.sourceLow(s, ip),
                from,
                c == null ? from : c.knownAsBits());
        rewrite(s, ip, length, partialChecksum);
        return Way.DELIVER;
    }

    /** The option that it speaks of is ours, not the node's: it would not know what is meant. */
    private boolean isRefusalOfNonce(LocalNode node, MemorySegment s, long ip, int length) {
        int upper = headers.upperOffset();
        if (headers.protocol() != IpProtocol.ICMPV6) {
            return false;
        }
        if (!headers.isNonceUnknown(s, ip)) {
            DropReason _ = headers.read(s, ip, length); // what it quotes has taken its place
            return false;
        }
        long quoted = ip + upper + 8;
        DropReason bad = node.cache()
                .nonceUnknown(
                        Ipv6.destinationLow(s, quoted),
                        Ipv6.destinationHigh(s, quoted),
                        headers.nonceBytes(),
                        headers.nonceHigh(),
                        headers.nonceLow());
        reason = bad;
        return true;
    }

    private Way control(LocalNode node, MemorySegment s, long ip, long to, long now, Outbox outbox) {
        DropReason bad = IlnpMessages.checkUpdate(s, ip, headers);
        if (bad.isDrop()) {
            return drop(bad);
        }
        List<Advertised> listed = IlnpMessages.listed(s, ip, headers);
        long peer = Ipv6.sourceLow(s, ip);
        int nonceBytes = headers.nonceBytes();
        Ilcc cache = node.cache();
        boolean advertised = LocatorUpdate.operation(s, ip + headers.upperOffset()) == LocatorUpdate.ADVERTISEMENT;
        bad = advertised
                ? cache.updated(peer, nonceBytes, headers.nonceHigh(), headers.nonceLow(), listed, now)
                : cache.prove(peer, nonceBytes, headers.nonceHigh(), headers.nonceLow(), now);
        Correspondent c = cache.matched();
        if (bad.isDrop() || c == null) {
            return drop(bad);
        }
        if (advertised) {
            outbox.send(
                    to,
                    node.nid().bits(),
                    c.destination(now),
                    peer,
                    c.outbound(),
                    LocatorUpdate.ACKNOWLEDGEMENT,
                    listed);
            return Way.CONSUMED;
        }
        UpdateSending before = node.telling(c);
        bad = before.check(listed);
        if (bad.isDrop()) {
            return drop(bad);
        }
        node.telling().put(c, before.acknowledged(listed));
        c.knowsUsAt(listed.getFirst().locator().bits());
        cache.changed();
        return Way.CONSUMED;
    }

    // --- time

    /** Sends what is due. To be called every few milliseconds while anything is waited for. */
    public void poll(long now, Outbox outbox) {
        for (LocalNode node : nodes.values()) {
            for (Map.Entry<Correspondent, UpdateSending> telling :
                    node.telling().entrySet()) {
                UpdateSending.Step step = telling.getValue().at(now);
                telling.setValue(step.next());
                if (step.sends() && step.next() instanceof UpdateSending.Waiting waiting) {
                    Correspondent c = telling.getKey();
                    // The new locator is where it comes from: the nonce proves who sends it, and the way is seen to
                    // work.
                    outbox.send(
                            waiting.listed().getFirst().locator().bits(),
                            node.nid().bits(),
                            c.destination(now),
                            c.nidBits(),
                            c.outbound(),
                            LocatorUpdate.ADVERTISEMENT,
                            waiting.listed());
                }
            }
        }
    }

    /** Whether {@link #poll} has to be called soon. */
    public boolean isTelling() {
        for (LocalNode node : nodes.values()) {
            for (UpdateSending telling : node.telling().values()) {
                if (telling instanceof UpdateSending.Waiting) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Forgets what nothing has been heard of for long. Who was sent nonces since the last time, and has sent none, is taken for plain until he does. */
    public void prune(long now) {
        for (LocalNode node : nodes.values()) {
            node.cache().forEach(c -> {
                if (c.sentWithNonce() >= timing.nonceFirstPackets()) {
                    node.cache().silent(c);
                }
            });
            if (node.cache().prune(now) > 0) {
                node.telling().keySet().retainAll(node.cache().correspondents());
            }
        }
    }

    // --- both

    private void rewrite(MemorySegment s, long ip, int length, boolean partialChecksum) {
        (mode == ChecksumMode.NID_ONLY ? nidOnly : plain).rewrite(s, ip, length, partialChecksum);
        reason = DropReason.NONE;
    }

    private Way drop(DropReason why) {
        reason = why;
        return Way.DROP;
    }

    /** Why the last packet was dropped. */
    public DropReason reason() {
        return reason;
    }

    /** Of the last packet that came in. */
    public IlnpHeaders headers() {
        return headers;
    }
}

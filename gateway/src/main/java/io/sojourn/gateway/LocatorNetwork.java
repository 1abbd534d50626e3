// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.ilnp.BorderRouter;
import io.sojourn.ilnp.BorderRouter.Outbox;
import io.sojourn.ilnp.Handover;
import io.sojourn.ilnp.IlccTiming;
import io.sojourn.ilnp.Nonce;
import io.sojourn.ilnp.SiteLocators;
import io.sojourn.ilnp.SiteLocators.Uplink;
import io.sojourn.ilnp.Transparency;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.identity.NodeIdentifier;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.Locator64;
import it.unimi.dsi.fastutil.longs.Long2ObjectOpenHashMap;
import it.unimi.dsi.fastutil.longs.LongOpenHashSet;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A virtual network by ILNP at this site: which identifiers are whose, by which locators our peers are reached in it, and the border with all that it knows of correspondents. Follows the
 * forwarding table. Forwarder's thread only; lookups allocate nothing.
 */
final class LocatorNetwork {
    /** A VM's address. @param internal its upper 64 bits, which stay wherever the VM goes */
    record Member(VmEntry vm, VmEntry.Nic nic, long nid, long internal) {}

    private static final int LIFETIME_S = 300;
    private static final int PREFERENCE_STEP = 10;
    private static final int HOSTS_MOST = 4096;

    final VirtualNetwork network;
    final SiteLocators site;
    final BorderRouter border;
    private final NodeFile kept;
    private final List<IpPrefix> outsiders;
    private final List<IpPrefix> locators;
    /** The gateway that is the border of this place; empty: this one. */
    private final Optional<GatewayId> behind;

    private final LongOpenHashSet hostsSeen = new LongOpenHashSet();
    private final Long2ObjectOpenHashMap<Member> vms = new Long2ObjectOpenHashMap<>();
    private final Long2ObjectOpenHashMap<PeerLocators> byLocator = new Long2ObjectOpenHashMap<>();
    private final Map<Peer, PeerLocators> byPeer = new IdentityHashMap<>();
    private long hosts;
    private @Nullable Outbox outbox;

    LocatorNetwork(VirtualNetwork network, GatewayConfig.Attachment attachment, NodeFile kept) {
        this.kept = kept;
        this.network = network;
        this.outsiders = attachment.outsiders();
        this.locators = attachment.locators();
        List<Uplink> uplinks = new ArrayList<>();
        for (IpPrefix locator : attachment.locators()) {
            uplinks.add(new Uplink(new Locator64(locator.address().high()), PREFERENCE_STEP * (uplinks.size() + 1)));
        }
        this.behind = attachment.border();
        this.site = new SiteLocators(LIFETIME_S, uplinks, behind.isPresent());
        SecureRandom random = new SecureRandom();
        this.border = new BorderRouter(site, IlccTiming.DEFAULT, () -> Nonce.ofShort(random.nextInt()));
    }

    /** Packets by its locators leave and come by way of another gateway. */
    boolean isBehind() {
        return behind.isPresent();
    }

    /** By which the border speaks. */
    Outbox outbox(LocatorPath path) {
        Outbox known = outbox;
        if (known == null) {
            known = (source, nid, destination, correspondent, nonce, operation, listed) ->
                    path.voice().update(this, source, nid, destination, correspondent, nonce, operation, listed);
            outbox = known;
        }
        return known;
    }

    void rebuild(ForwardingTable table) {
        byLocator.clear();
        byPeer.clear();
        GatewayId ours = behind.orElse(table.self());
        for (Peer peer : table.peers()) {
            List<IpPrefix> theirs = peer.locators.getOrDefault(network.name, List.of());
            if (theirs.isEmpty()) {
                continue;
            }
            GatewayId its = peer.borders.getOrDefault(network.name, peer.id);
            boolean isBorder = its.equals(peer.id);
            // Behind somebody else's border an identifier alone does not say at which place a host is: only VMs go by
            // ILNP.
            PeerLocators locators = new PeerLocators(
                    peer,
                    isBorder ? hostsAt(peer.site.name()) : 0,
                    locators(theirs, p -> !isLost(peer, p)),
                    locators(theirs, p -> isLost(peer, p)));
            if (!its.equals(ours)) {
                byPeer.put(peer, locators); // within a site nobody needs a locator
            }
            if (isBorder) {
                theirs.forEach(p -> byLocator.put(p.address().high(), locators));
            }
        }
        hosts = behind.isPresent() ? 0 : hostsAt(table.site().name());
        vms.clear();
        LongOpenHashSet twice = new LongOpenHashSet();
        table.vms().forEach(vm -> addVm(vm, twice));
        twice.forEach(vms::remove);
    }

    private boolean isLost(Peer peer, IpPrefix locator) {
        return peer.locatorsDown.contains(locator) || network.withdrawn.contains(locator);
    }

    private static long[] locators(List<IpPrefix> of, Predicate<IpPrefix> which) {
        return of.stream()
                .filter(which)
                .mapToLong(locator -> locator.address().high())
                .toArray();
    }

    /** Which of our locators work, and which a session is to use, may have changed: who has to be told is told. */
    void follow(Set<IpPrefix> down, long nowMs) {
        boolean isLost = false;
        boolean isOther = site.rules(network.locatorRules);
        for (IpPrefix locator : locators) {
            boolean works = !down.contains(locator) && !network.withdrawn.contains(locator);
            boolean changed = site.set(new Locator64(locator.address().high()), works);
            isOther |= changed;
            isLost |= changed && !works;
        }
        if (isOther) {
            border.locatorsChanged(isLost ? Handover.HARD : Handover.SOFT, nowMs);
        }
    }

    /** An identifier that two VMs have means neither: their packets go by the overlay. */
    private void addVm(VmEntry vm, LongOpenHashSet twice) {
        for (VmEntry.Nic nic : vm.nics) {
            for (IpAddress a : nic.addresses()) {
                if (nic.network() == network && a.isV6()) {
                    Member before = vms.put(a.low(), new Member(vm, nic, a.low(), a.high()));
                    if (before != null) {
                        twice.add(a.low());
                    }
                }
            }
        }
    }

    private long hostsAt(String siteName) {
        for (VirtualNetwork.Subnet subnet : network.subnets()) {
            IpPrefix prefix = subnet.prefix();
            if (prefix.address().isV6()
                    && prefix.length() == Locator64.BITS
                    && subnet.homeSite().equals(siteName)
                    && !subnet.onUnderlay()) {
                return prefix.address().high();
            }
        }
        return 0;
    }

    /** Whose identifier that is; null: no VM's, or not one VM's alone. */
    @Nullable
    Member vm(long nid) {
        return vms.get(nid);
    }

    /** Whose locator that is; null: no peer's. */
    @Nullable
    PeerLocators peerAt(long locator) {
        return byLocator.get(locator);
    }

    @Nullable
    PeerLocators of(Peer peer) {
        return byPeer.get(peer);
    }

    /** The upper 64 bits of addresses of hosts of ours; 0: there are none. */
    long hosts() {
        return hosts;
    }

    List<Member> members() {
        return List.copyOf(vms.values());
    }

    /** Whether somebody without a gateway may speak with the network's VMs. */
    boolean admits(long high, long low) {
        for (int i = 0; i < outsiders.size(); i++) {
            IpPrefix prefix = outsiders.get(i);
            if (prefix.length() <= Locator64.BITS
                    && (prefix.length() == 0
                            || (high ^ prefix.address().high()) >>> (Locator64.BITS - prefix.length()) == 0)) {
                return true;
            }
        }
        return false;
    }

    // --- nodes

    /** The border speaks for the VM from now on, unless it does already. */
    void speakFor(Member member) {
        if (!border.isHere(member.nid(), member.internal())) {
            long epoch = member.vm().epoch.number();
            begin(member.nid(), member.internal(), epoch, transparency(member));
        }
    }

    /** A VM that is bound elsewhere is not ours to speak for; what is known of it has gone with it. */
    void leave(Member member) {
        if (border.isHere(member.nid(), member.internal())) {
            border.detach(new NodeIdentifier(member.nid()));
        }
    }

    Transparency transparency(Member member) {
        return member.vm().transparencyIn(network);
    }

    /** The same for a host of ours; false: it cannot. */
    boolean speakForHost(long nid) {
        if (border.isHere(nid, hosts)) {
            return true;
        }
        if (hosts == 0 || vms.containsKey(nid) || hostsSeen.size() >= HOSTS_MOST) {
            return false;
        }
        hostsSeen.add(nid);
        begin(nid, hosts, 0, Transparency.VISIBLE);
        return true;
    }

    /** With what was known of its correspondents when this process was last here, if it was. */
    private void begin(long nid, long internal, long epoch, Transparency transparency) {
        Locator64 inside = new Locator64(internal);
        boolean known = kept.take(network.name, nid, internal, epoch)
                .flatMap(saved -> border.restore(
                        saved.octets(),
                        inside,
                        transparency,
                        Math.max(0, (WallClock.nowUs() - saved.savedUs()) / 1_000),
                        System.nanoTime() / 1_000_000))
                .isPresent();
        if (!known) {
            border.attach(new NodeIdentifier(nid), inside, transparency);
        }
    }

    /** All that is known of nodes here. */
    void save(List<NodeFile.Saved> into, long nowMs) {
        border.forEachNode(node -> {
            Member member = vms.get(node.nid().bits());
            into.add(new NodeFile.Saved(
                    network.name,
                    node.nid().bits(),
                    node.internal(),
                    member == null ? 0 : member.vm().epoch.number(),
                    WallClock.nowUs(),
                    border.export(node, nowMs)));
        });
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.handoff.Ordering;
import io.sojourn.ilnp.TrafficRule;
import io.sojourn.ilnp.Transparency;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import it.unimi.dsi.fastutil.longs.Long2ObjectOpenHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** One virtual network: its subnets, its members by address and MAC, and its port on this site's bridge. Forwarder's thread. */
final class VirtualNetwork {
    static final String OVERLAY = "overlay";
    static final String PAGING = "paging";
    static final String SEGMENT = "segment";
    static final String MAT = "mat";
    static final String ILNP = "ilnp";
    static final String LABEL = "label";

    /**
     * @param homeSite where the subnet's unregistered hosts are; empty: nowhere
     * @param pageNumber of its hosts in a page; 0: none
     * @param homeEpoch how often its home has changed
     * @param nextSite becoming its home: its hosts may be there already; empty: nowhere
     * @param onUnderlay its hosts are out on the underlay, and behind no gateway: from here they are reached by plain IP
     */
    record Subnet(
            IpPrefix prefix,
            IpAddress gatewayAddress,
            String homeSite,
            int pageNumber,
            long homeEpoch,
            String nextSite,
            boolean onUnderlay) {}

    final String name;
    final int vni;
    int mtuBytes;
    Ordering ordering = Ordering.STRICT;
    /** How packets of its VMs are carried, if a VM does not say otherwise. */
    String mechanism = OVERLAY;

    /** Who may notice moves of its VMs by ILNP, if a VM does not say otherwise. */
    /** Locators that nobody is to use any more. */
    Set<IpPrefix> withdrawn = Set.of();

    List<TrafficRule> locatorRules = List.of();
    Transparency transparency = Transparency.VISIBLE;

    /** What ILNP knows of it; null: it has no locator here. */
    @Nullable
    LocatorNetwork ilnp;

    /** What labels know of it; null: the underlay routes no prefix of it here. */
    @Nullable
    LabelNetwork label;

    /** Which flows of its VMs may begin, as written; behind each VM's own. */
    List<String> rules = List.of();

    /** Of its segment at this gateway's place (VXLAN); 0: there is none. */
    int segmentVni;

    /** LANs of the network beyond edges that are not ours. */
    List<Edge> edges = List.of();

    private List<Subnet> subnets = List.of();
    final VmTable vmByAddress = new VmTable();
    final Long2ObjectOpenHashMap<VmEntry> vmByMac = new Long2ObjectOpenHashMap<>();
    /** Null when this site has no bridge in the network. */
    @Nullable
    LanPort port;

    VirtualNetwork(String name, int vni, int mtuBytes) {
        this.name = name;
        this.vni = vni;
        this.mtuBytes = mtuBytes;
    }

    /** Whether packets between hosts that are no VMs go natively where a mapping says so. */
    boolean isMat() {
        return mechanism.equals(MAT);
    }

    void subnets(List<Subnet> longestFirst) {
        this.subnets = longestFirst;
    }

    List<Subnet> subnets() {
        return subnets;
    }

    /** The longest subnet that holds the address. Few subnets: a list in order of length beats a trie. */
    @Nullable
    Subnet subnetOf(boolean isV6, long high, long low) {
        for (int i = 0; i < subnets.size(); i++) {
            Subnet subnet = subnets.get(i);
            if (contains(subnet.prefix, isV6, high, low)) {
                return subnet;
            }
        }
        return null;
    }

    /** By which hosts at home there are reached; null: by a gateway of theirs. */
    @Nullable
    Edge edgeTo(String site) {
        for (int i = 0; i < edges.size(); i++) {
            if (edges.get(i).site().equals(site)) {
                return edges.get(i);
            }
        }
        return null;
    }

    boolean isGatewayAddress(boolean isV6, long high, long low) {
        for (int i = 0; i < subnets.size(); i++) {
            IpAddress a = subnets.get(i).gatewayAddress;
            if (a.low() == low && a.high() == high && a.isV6() == isV6) {
                return true;
            }
        }
        return false;
    }

    /** The anycast address of the family to speak from; the subnet of {@code high, low} first. */
    @Nullable
    IpAddress speakingAddress(boolean isV6, long high, long low) {
        Subnet own = subnetOf(isV6, high, low);
        if (own != null) {
            return own.gatewayAddress;
        }
        for (Subnet subnet : subnets) {
            if (subnet.gatewayAddress.isV6() == isV6) {
                return subnet.gatewayAddress;
            }
        }
        return null;
    }

    static boolean contains(IpPrefix prefix, boolean isV6, long high, long low) {
        IpAddress a = prefix.address();
        if (a.isV6() != isV6) {
            return false;
        }
        int length = prefix.length();
        if (!isV6) {
            return length == 0 || (a.low() ^ low) >>> (32 - length) == 0;
        }
        if (length <= 64) {
            return length == 0 || (a.high() ^ high) >>> (64 - length) == 0;
        }
        return a.high() == high && (a.low() ^ low) >>> (128 - length) == 0;
    }

    @Override
    public String toString() {
        return name + " (VNI " + vni + ")";
    }
}

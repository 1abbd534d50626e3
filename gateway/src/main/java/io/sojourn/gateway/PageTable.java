// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.mechanism.Page;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.wire.AddressTranslation;
import it.unimi.dsi.fastutil.ints.Int2ObjectOpenHashMap;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Who has which number in a page, and the two translations between a member's own address and those by which it is known on the underlay. It follows from the forwarding
 * table alone: for a move nothing is added, as the addresses of its new epoch are there already.
 *
 * <p>Forwarder's thread only. A lookup allocates nothing and leaves its answer in the translation.
 */
final class PageTable {
    /**
     * A VM's address, or the hosts of a subnet.
     *
     * @param vm null: hosts
     * @param high of the address, or of the subnet's first
     * @param count addresses from there
     * @param mac of the VM's NIC; of hosts the gateway's own
     * @param home the address or the prefix as text
     * @param isOurs hosts at our own site
     * @param isSoonOurs hosts that are moving to our site
     * @param homeEpoch of hosts: how often their home has changed, or will have when they are ours
     * @param mapping what mobile addresses are known of it; null: nobody asks here
     */
    record Member(
            VirtualNetwork network,
            @Nullable VmEntry vm,
            boolean isV6,
            long high,
            long low,
            long count,
            int number,
            long mac,
            String home,
            boolean isOurs,
            boolean isSoonOurs,
            long homeEpoch,
            Mappings.@Nullable Mapping mapping) {
        boolean holds(long h, long l) {
            return h == high && (vm == null && isV6 || l - low >= 0 && l - low < count);
        }
    }

    /** One an uplink. */
    private final List<Page> ours;

    /** Of the uplink by which packets leave. */
    private Page own;

    private final Int2ObjectOpenHashMap<Member> byNumber4 = new Int2ObjectOpenHashMap<>();
    private final Int2ObjectOpenHashMap<Member> byNumber6 = new Int2ObjectOpenHashMap<>();
    private final Int2ObjectOpenHashMap<Member> hostsByNumber6 = new Int2ObjectOpenHashMap<>();
    private final Map<VirtualNetwork, AddressMap<Member>> vms = new HashMap<>();
    private final Map<VirtualNetwork, List<Member>> hosts = new HashMap<>();
    private final List<Member> members = new ArrayList<>();
    /** Whose each of {@link #theirs} is: a peer has one an uplink. */
    private Peer[] peers = {};

    private Page[] theirs = {};
    private @Nullable Mappings mappings;

    PageTable(Page own) {
        this(List.of(own));
    }

    /** @param own one an uplink, the one that is preferred first */
    PageTable(List<Page> own) {
        this.ours = own;
        this.own = own.getFirst();
    }

    /** Packets leave by that uplink from now on. */
    void leaveBy(int uplink) {
        own = ours.get(uplink);
    }

    void mappedBy(Mappings known) {
        mappings = known;
    }

    /** All who have a number. */
    List<Member> members() {
        return members;
    }

    private Mappings.@Nullable Mapping mapping(VirtualNetwork network, String home) {
        Mappings known = mappings;
        return known == null ? null : known.of(network, home);
    }

    /** What stands for the member while it is here and is reached by an uplink, or for the first of hosts; null: nothing of its family. */
    @Nullable
    IpAddress mobileAddress(Member member, long epoch, int uplink) {
        IpPrefix prefix = prefix(ours.get(uplink), member.isV6());
        if (prefix == null) {
            return null;
        }
        long high = prefix.address().high();
        if (member.isV6()) {
            return member.vm() == null
                    ? new IpAddress(true, high | Page.hosts6(member.number(), false), 0)
                    : new IpAddress(true, high, Page.vm6(member.number(), epoch, false));
        }
        long below =
                member.vm() == null ? Page.host4(member.number(), 0, false) : Page.vm4(member.number(), epoch, false);
        return new IpAddress(false, 0, prefix.address().low() + below);
    }

    int uplinks() {
        return ours.size();
    }

    Page own() {
        return own;
    }

    void rebuild(ForwardingTable table) {
        byNumber4.clear();
        byNumber6.clear();
        hostsByNumber6.clear();
        vms.clear();
        hosts.clear();
        members.clear();
        List<Peer> whose = new ArrayList<>();
        List<Page> which = new ArrayList<>();
        for (Peer peer : table.peers()) {
            which.add(peer.page);
            which.addAll(peer.otherPages);
            while (whose.size() < which.size()) {
                whose.add(peer);
            }
        }
        peers = whose.toArray(peers);
        theirs = which.toArray(theirs);
        for (VirtualNetwork network : table.networks()) {
            vms.put(network, new AddressMap<>());
            List<Member> ofNetwork = new ArrayList<>();
            network.subnets().forEach(subnet -> addHosts(network, subnet, table, ofNetwork));
            members.addAll(ofNetwork);
            hosts.put(network, ofNetwork);
        }
        table.vms().forEach(this::addVm);
    }

    private void addHosts(
            VirtualNetwork network, VirtualNetwork.Subnet subnet, ForwardingTable table, List<Member> ofNetwork) {
        boolean ours = table.isOwnSite(subnet.homeSite());
        // As whose home it is to become, we speak of it under the sequence that it will have.
        boolean soon = table.isOwnSite(subnet.nextSite()) && !ours;
        long homeEpoch = subnet.homeEpoch() + (soon ? 1 : 0);
        IpPrefix prefix = subnet.prefix();
        IpAddress first = prefix.address();
        int number = subnet.pageNumber();
        if (number <= 0 || subnet.homeSite().isEmpty()) {
            return;
        }
        if (first.isV6()) {
            if (prefix.length() == 64 && number < Page.SUBNET_NUMBERS6) {
                Member member = new Member(
                        network,
                        null,
                        true,
                        first.high(),
                        first.low(),
                        0,
                        number,
                        LanPort.ANYCAST_MAC,
                        prefix.toString(),
                        ours,
                        soon,
                        homeEpoch,
                        mapping(network, prefix.toString()));
                hostsByNumber6.put(number, member);
                ofNetwork.add(member);
            }
            return;
        }
        int numbers = Page.numbersOfHosts4(prefix.length());
        if (number + numbers <= Page.NUMBERS4) {
            Member member = new Member(
                    network,
                    null,
                    false,
                    0,
                    first.low(),
                    1L << (32 - prefix.length()),
                    number,
                    LanPort.ANYCAST_MAC,
                    prefix.toString(),
                    ours,
                    soon,
                    homeEpoch,
                    mapping(network, prefix.toString()));
            for (int i = 0; i < numbers; i++) {
                byNumber4.put(number + i, member);
            }
            ofNetwork.add(member);
        }
    }

    private void addVm(VmEntry vm) {
        for (VmEntry.Nic nic : vm.nics) {
            AddressMap<Member> ofNetwork = vms.get(nic.network());
            for (int i = 0; i < nic.addresses().size() && ofNetwork != null; i++) {
                IpAddress a = nic.addresses().get(i);
                int number = nic.pageNumber(i);
                if (number > 0 && (a.isV6() || number < Page.NUMBERS4)) {
                    Member member = new Member(
                            nic.network(),
                            vm,
                            a.isV6(),
                            a.high(),
                            a.low(),
                            1,
                            number,
                            nic.mac(),
                            a.toString(),
                            false,
                            false,
                            0,
                            mapping(nic.network(), a.toString()));
                    members.add(member);
                    (a.isV6() ? byNumber6 : byNumber4).put(number, member);
                    ofNetwork.put(a.isV6(), a.high(), a.low(), member);
                }
            }
        }
    }

    /** Whom an address in a network belongs to; null: it has no number. */
    @Nullable
    Member member(VirtualNetwork network, boolean isV6, long high, long low) {
        AddressMap<Member> ofNetwork = vms.get(network);
        Member vm = ofNetwork == null ? null : ofNetwork.get(isV6, high, low);
        if (vm != null) {
            return vm;
        }
        List<Member> subnets = hosts.get(network);
        for (int i = 0; subnets != null && i < subnets.size(); i++) {
            Member member = subnets.get(i);
            if (member.isV6() == isV6 && member.holds(high, low)) {
                return member;
            }
        }
        return null;
    }

    private static boolean within(IpPrefix prefix, boolean isV6, long high, long low) {
        return isV6
                ? (high ^ prefix.address().high()) >>> (64 - prefix.length()) == 0
                : (low ^ prefix.address().low()) >>> (32 - prefix.length()) == 0;
    }

    private static @Nullable IpPrefix prefix(Page page, boolean isV6) {
        return (isV6 ? page.v6() : page.v4()).orElse(null);
    }

    /** From members' own addresses to page addresses: one packet's source and destination, and whoever else it may quote. */
    final class Outwards implements AddressTranslation {
        private @Nullable VirtualNetwork network;
        private @Nullable Member source;
        private @Nullable Member destination;
        private long destinationHigh;
        private long destinationLow;
        private Page there = Page.NONE;
        private long epoch;
        private boolean passedOn;
        private long high;
        private long low;

        /** @param epoch by which it goes to the destination */
        void set(Member from, Member to, long toHigh, long toLow, Page page, long epochTo, boolean isPassedOn) {
            network = to.network();
            source = from;
            destination = to;
            destinationHigh = toHigh;
            destinationLow = toLow;
            there = page;
            epoch = epochTo;
            passedOn = isPassedOn;
        }

        @Override
        public boolean find(boolean isV6, long h, long l) {
            Member to = destination;
            if (to != null && l == destinationLow && h == destinationHigh && isV6 == to.isV6()) {
                return put(there, to, h, l, epoch, false);
            }
            Member from = source;
            Member member = from != null && isV6 == from.isV6() && from.holds(h, l)
                    ? from
                    : network == null ? null : member(network, isV6, h, l);
            return member != null
                    && put(
                            own,
                            member,
                            h,
                            l,
                            member.vm() == null ? 0 : member.vm().epoch.number(),
                            passedOn);
        }

        /** The address that stands for a member's on the underlay. */
        IpAddress shown(boolean isV6, long h, long l) {
            return find(isV6, h, l) ? new IpAddress(isV6, high, low) : new IpAddress(isV6, h, l);
        }

        private boolean put(Page page, Member member, long h, long l, long bound, boolean marked) {
            IpPrefix prefix = prefix(page, member.isV6());
            if (prefix == null) {
                return false;
            }
            int number = member.number();
            if (!member.isV6()) {
                high = 0;
                low = prefix.address().low()
                        + (member.vm() == null
                                ? Page.host4(number, l - member.low(), marked)
                                : Page.vm4(number, bound, marked));
            } else if (member.vm() == null) {
                high = prefix.address().high() | Page.hosts6(number, marked);
                low = l;
            } else {
                high = prefix.address().high();
                low = Page.vm6(number, bound, marked);
            }
            return true;
        }

        @Override
        public long high() {
            return high;
        }

        @Override
        public long low() {
            return low;
        }
    }

    /** From page addresses, ours and our peers', back to members' own. */
    final class Inwards implements AddressTranslation {
        private @Nullable Member member;
        private @Nullable Peer peer;
        private int lowEpoch;
        private boolean passedOn;
        private long high;
        private long low;

        @Override
        public boolean find(boolean isV6, long h, long l) {
            member = null;
            peer = null;
            for (int i = 0; i < ours.size(); i++) {
                IpPrefix mine = prefix(ours.get(i), isV6);
                if (mine != null && within(mine, isV6, h, l)) {
                    return decode(mine, isV6, h, l);
                }
            }
            for (int i = 0; i < theirs.length; i++) {
                IpPrefix prefix = prefix(theirs[i], isV6);
                if (prefix != null && within(prefix, isV6, h, l)) {
                    peer = peers[i];
                    return decode(prefix, isV6, h, l);
                }
            }
            return false;
        }

        private boolean decode(IpPrefix prefix, boolean isV6, long h, long l) {
            passedOn = (l & 1) != 0;
            if (!isV6) {
                long below = l - prefix.address().low();
                Member found = byNumber4.get((int) (below / Page.ADDRESSES_A_NUMBER4));
                if (found == null) {
                    return false;
                }
                long inside = below - (long) found.number() * Page.ADDRESSES_A_NUMBER4;
                lowEpoch = (int) (inside >>> 1 & (1 << Page.EPOCH4_BITS) - 1);
                high = 0;
                low = found.low() + (found.vm() == null ? inside >>> 1 : 0);
                member = found;
                return found.vm() != null || inside >>> 1 < found.count();
            }
            long subnet = h & (1L << 64 - Page.LENGTH6_MAX) - 1;
            if (subnet != 0) {
                Member found = hostsByNumber6.get((int) (subnet >>> 1));
                passedOn = (subnet & 1) != 0;
                high = found == null ? 0 : found.high();
                low = l;
                member = found;
                return found != null;
            }
            Member found = byNumber6.get((int) (l >>> 32));
            lowEpoch = (int) (l >>> 8) & (1 << Page.EPOCH6_BITS) - 1;
            high = found == null ? 0 : found.high();
            low = found == null ? 0 : found.low();
            member = found;
            return found != null;
        }

        /** Of the last address found. */
        @Nullable
        Member member() {
            return member;
        }

        /** Whose page the last address was in; null: ours, or nobody's. */
        @Nullable
        Peer peer() {
            return peer;
        }

        boolean isPassedOn() {
            return passedOn;
        }

        /** Low 24 bits of the epoch that the last address was for; 0: none. */
        int epoch() {
            Member found = member;
            VmEntry vm = found == null ? null : found.vm();
            if (found == null || vm == null) {
                return 0;
            }
            return found.isV6()
                    ? lowEpoch
                    : (int) (Page.epoch(
                                    lowEpoch,
                                    Page.EPOCH4_BITS,
                                    vm.epoch.number(),
                                    vm.markedEpoch,
                                    Math.max(vm.highestEpoch, vm.routeEpoch))
                            & (1 << Page.EPOCH6_BITS) - 1);
        }

        @Override
        public long high() {
            return high;
        }

        @Override
        public long low() {
            return low;
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.mechanism.Page;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Gives each VM's address, and each subnet of hosts, a number by which it is named in every gateway's page (docs/protocol/paging.md). Numbers are handed out round and round:
 * one that has become free is used again only after all others, when no packet that it stood in can be on its way any more.
 *
 * <p>Locking: the {@link Inventory}'s.
 */
final class PageNumbers {
    private static final int NONE = 0;
    /** More than a controller has VMs; a page has room for more. */
    private static final int BELOW6 = 1 << 20;

    private final Realm realm;
    /** The last one handed out; -1: none since the start, go on after the highest that is taken. */
    private int last4 = -1;

    private int last6 = -1;
    private int lastSubnet6 = -1;

    PageNumbers(Realm realm) {
        this.realm = realm;
    }

    /** The subnets with a number where hosts are; 0 where no number can be given, because there is no room or the prefix is none that a page can hold. */
    List<Resource.Subnet> numbered(List<Resource.Subnet> subnets) {
        BitSet taken4 = taken(false);
        BitSet takenSubnets6 = takenSubnets6();
        List<Resource.Subnet> numbered = new ArrayList<>();
        for (Resource.Subnet subnet : subnets) {
            IpPrefix prefix = IpPrefix.parse(subnet.prefix());
            int number = NONE;
            if (subnet.homeSite() != null && !prefix.address().isV6()) {
                int needed = Page.numbersOfHosts4(prefix.length());
                number = last4 = free(taken4, last4, needed, Page.NUMBERS4 - 1);
                taken4.set(number, number + needed);
            } else if (subnet.homeSite() != null && prefix.length() == 64) {
                number = lastSubnet6 = free(takenSubnets6, lastSubnet6, 1, Page.SUBNET_NUMBERS6);
                takenSubnets6.set(number);
            }
            numbered.add(new Resource.Subnet(subnet.prefix(), subnet.gateway(), subnet.homeSite(), number));
        }
        return numbered;
    }

    /** @param before the VM as it was, whose addresses keep their numbers; null: it is new */
    List<Resource.Nic> numbered(List<Resource.Nic> nics, Resource.@Nullable Vm before) {
        BitSet taken4 = taken(false);
        BitSet taken6 = taken(true);
        List<Resource.Nic> numbered = new ArrayList<>();
        for (Resource.Nic nic : nics) {
            List<Integer> numbers = new ArrayList<>();
            for (String text : nic.addresses()) {
                int number = known(before, nic.network(), text);
                if (number == NONE && IpAddress.parse(text).isV6()) {
                    number = last6 = free(taken6, last6, 1, BELOW6);
                    taken6.set(number);
                } else if (number == NONE) {
                    number = last4 = free(taken4, last4, 1, Page.NUMBERS4 - 1);
                    taken4.set(number);
                }
                numbers.add(number);
            }
            numbered.add(new Resource.Nic(nic.mac(), nic.network(), nic.addresses(), nic.tap(), numbers));
        }
        return numbered;
    }

    private static int known(Resource.@Nullable Vm before, String network, String address) {
        for (Resource.Nic nic : before == null ? List.<Resource.Nic>of() : before.nics()) {
            int at = nic.network().equals(network) ? nic.addresses().indexOf(address) : -1;
            if (at >= 0 && at < nic.numbers().size()) {
                return nic.numbers().get(at);
            }
        }
        return NONE;
    }

    /** Of VMs in a family; in IPv4 those of hosts, too. */
    private BitSet taken(boolean isV6) {
        BitSet taken = new BitSet();
        taken.set(NONE);
        for (Resource.Vm vm : realm.vms()) {
            for (Resource.Nic nic : vm.nics()) {
                for (int i = 0;
                        i < Math.min(nic.numbers().size(), nic.addresses().size());
                        i++) {
                    if (IpAddress.parse(nic.addresses().get(i)).isV6() == isV6) {
                        taken.set(nic.numbers().get(i));
                    }
                }
            }
        }
        if (!isV6) {
            for (Resource.Subnet subnet : hosts(false)) {
                int first = number(subnet);
                taken.set(
                        first,
                        first
                                + Page.numbersOfHosts4(
                                        IpPrefix.parse(subnet.prefix()).length()));
            }
        }
        return taken;
    }

    private BitSet takenSubnets6() {
        BitSet taken = new BitSet();
        taken.set(NONE);
        hosts(true).forEach(subnet -> taken.set(number(subnet)));
        return taken;
    }

    private List<Resource.Subnet> hosts(boolean isV6) {
        return realm.networks().stream()
                .flatMap(network -> network.subnets().stream())
                .filter(subnet -> number(subnet) != NONE)
                .filter(subnet -> IpPrefix.parse(subnet.prefix()).address().isV6() == isV6)
                .toList();
    }

    private static int number(Resource.Subnet subnet) {
        return subnet.pageNumber() == null ? NONE : subnet.pageNumber();
    }

    /** The first of {@code count} free ones after {@code last}, round and round; 0 if there are not so many together. */
    static int free(BitSet taken, int last, int count, int below) {
        int after = last < 0 ? Math.min(taken.length(), below) - 1 : last;
        int found = run(taken, after + 1, count, below);
        return found == NONE ? run(taken, 1, count, below) : found;
    }

    private static int run(BitSet taken, int from, int count, int below) {
        for (int at = taken.nextClearBit(Math.max(from, 1)); at + count <= below; ) {
            int blocked = taken.nextSetBit(at);
            if (blocked < 0 || blocked >= at + count) {
                return at;
            }
            at = taken.nextClearBit(blocked);
        }
        return NONE;
    }
}

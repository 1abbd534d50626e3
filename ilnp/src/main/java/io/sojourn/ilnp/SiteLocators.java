// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import io.sojourn.model.identity.NodeIdentifier;
import io.sojourn.model.location.Locator64;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The locators that a site has of its providers, which of them work, and which a session is to use (RFC 6748 sections 3 and 5). One that is withdrawn is as one whose uplink has failed:
 * nobody is told of it any more, and what comes by it is dropped.
 */
public final class SiteLocators {
    /** A locator of the site. @param preference low is preferred */
    public record Uplink(Locator64 locator, int preference) {}

    /** How far behind the chosen one all others are listed. */
    private static final int NOT_CHOSEN = 100;

    private final int lifetimeS;
    private final boolean leavesElsewhere;
    private final List<Uplink> uplinks = new ArrayList<>();
    private final Set<Locator64> down = new LinkedHashSet<>();
    private List<TrafficRule> rules = List.of();

    /** @param lifetimeS that updates give each locator */
    public SiteLocators(int lifetimeS, List<Uplink> uplinks) {
        this(lifetimeS, uplinks, false);
    }

    /** The same. @param leavesElsewhere the site's border is at another place of it: its packets leave and come by that (RFC 6748 section 6.1) */
    public SiteLocators(int lifetimeS, List<Uplink> uplinks, boolean leavesElsewhere) {
        this.lifetimeS = lifetimeS;
        this.leavesElsewhere = leavesElsewhere;
        uplinks.forEach(this::add);
    }

    public void add(Uplink uplink) {
        uplinks.removeIf(there -> there.locator().equals(uplink.locator()));
        uplinks.add(uplink);
        uplinks.sort(Comparator.comparingInt(Uplink::preference));
        down.remove(uplink.locator());
    }

    /** It works, or does not. @return whether that is news */
    public boolean set(Locator64 locator, boolean works) {
        return works ? down.remove(locator) : down.add(locator);
    }

    /** @return whether they are others than before */
    public boolean rules(List<TrafficRule> wanted) {
        boolean isNew = !rules.equals(wanted);
        rules = List.copyOf(wanted);
        return isNew;
    }

    /** Whether packets come and go by it. */
    public boolean works(long locator) {
        for (Uplink uplink : uplinks) {
            if (uplink.locator().bits() == locator) {
                return !down.contains(uplink.locator());
            }
        }
        return false;
    }

    /** Whether it is, or was until it was withdrawn, the site's. */
    public boolean isOurs(long locator) {
        for (Uplink uplink : uplinks) {
            if (uplink.locator().bits() == locator) {
                return true;
            }
        }
        return false;
    }

    /** The most preferred one that works; 0: none does. */
    public long first() {
        for (int i = 0; i < uplinks.size(); i++) {
            Locator64 locator = uplinks.get(i).locator();
            if (!down.contains(locator)) {
                return locator.bits();
            }
        }
        return 0;
    }

    /** Whether packets from it may go to the underlay here. */
    public boolean leavesHere(long locator) {
        return !leavesElsewhere && isOurs(locator);
    }

    boolean hasSeveral() {
        return uplinks.size() > 1;
    }

    private List<Uplink> working() {
        return uplinks.stream()
                .filter(uplink -> !down.contains(uplink.locator()))
                .toList();
    }

    /** What the session is to use, with whom the node calls by that locator; empty: no uplink works. */
    public Optional<Locator64> choose(NodeIdentifier node, NodeIdentifier correspondent, long knownAs) {
        Optional<Locator64> wanted = TrafficRule.choose(rules, node, correspondent, knownAs)
                .map(TrafficRule::use)
                .filter(locator -> works(locator.bits()));
        return wanted.or(() -> working().stream().map(Uplink::locator).findFirst());
    }

    /** What an update to that correspondent lists: all that work, the chosen one first. */
    public List<Advertised> listed(NodeIdentifier node, NodeIdentifier correspondent, long knownAs) {
        Optional<Locator64> chosen = choose(node, correspondent, knownAs);
        List<Advertised> listed = new ArrayList<>();
        chosen.ifPresent(locator -> listed.add(new Advertised(locator, preference(locator), lifetimeS)));
        for (Uplink uplink : working()) {
            if (!chosen.equals(Optional.of(uplink.locator()))) {
                listed.add(new Advertised(
                        uplink.locator(), Math.min(0xFFFF, uplink.preference() + NOT_CHOSEN), lifetimeS));
            }
        }
        return listed;
    }

    private int preference(Locator64 locator) {
        return uplinks.stream()
                .filter(uplink -> uplink.locator().equals(locator))
                .mapToInt(uplink -> Math.min(uplink.preference(), NOT_CHOSEN - 1))
                .findFirst()
                .orElse(0);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.gateway.PageTable.Member;
import io.sojourn.gateway.Whereabouts.Keeping;
import io.sojourn.mechanism.Page;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.location.GatewayId;
import io.sojourn.rpc.Mat;
import io.sojourn.rpc.MatMapping;
import io.sojourn.rpc.MatMobile;
import io.sojourn.rpc.MatQuery;
import io.sojourn.rpc.MatRefusal;
import io.sojourn.rpc.MatRegistered;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * MAT as a gateway does it for its VMs (docs/protocol/mat.md): which home addresses are reached by which mobile addresses. Mappings are asked for when a packet wants one, kept
 * for a lifetime, and renewed while they are used; our own are registered with the mapping server, which says who has asked for them, and when they change those are told straight.
 *
 * <p>A packet asks {@link Mapping#leadsTo} only. Forwarder's thread.
 */
final class Mappings {
    /** Preference of a mobile address that is used. */
    static final int USED = 100;
    /** Of one by another uplink, which is good and is used when the first is down. */
    static final int SPARE = 50;
    /** Of one that will be understood, by which nothing is sent yet. */
    static final int STANDBY = 0;

    static final int LIFETIME_S = 60;
    private static final Logger LOG = LoggerFactory.getLogger(Mappings.class);
    private static final long LIFETIME_NS = TimeUnit.SECONDS.toNanos(LIFETIME_S);
    private static final long TICK_NS = TimeUnit.MILLISECONDS.toNanos(200);
    private static final long ASK_EVERY_NS = TimeUnit.SECONDS.toNanos(1);
    private static final GatewayId[] NOWHERE = {};
    private static final Page[] NO_PAGES = {};

    /** What one home address, or a prefix of them, is reached by. */
    final class Mapping {
        final String network;
        final String home;
        private GatewayId[] gateways = NOWHERE;
        /** Of each gateway the one that is preferred. */
        private Page[] pages = NO_PAGES;

        private long sequence = -1;
        private long revision;
        private long learntNs;
        private long lifetimeNs;
        private long askedNs;
        private boolean asked;
        private boolean used;

        Mapping(String network, String home) {
            this.network = network;
            this.home = home;
        }

        /** Whether it is known to be reached by a mobile address of that gateway; if not, it is asked for. */
        boolean leadsTo(Peer peer) {
            used = true;
            GatewayId[] known = gateways;
            for (int i = 0; i < known.length; i++) {
                if (known[i].equals(peer.id)) {
                    return true;
                }
            }
            if (!asked) {
                ask(this, System.nanoTime());
            }
            return false;
        }

        /** The page in which a gateway's preferred mobile address is; null: none is known. */
        @Nullable
        Page page(Peer peer) {
            GatewayId[] known = gateways;
            for (int i = 0; i < known.length; i++) {
                if (known[i].equals(peer.id)) {
                    return pages[i];
                }
            }
            return null;
        }

        /** For a person. */
        String shown() {
            long leftS = TimeUnit.NANOSECONDS.toSeconds(lifetimeNs - (System.nanoTime() - learntNs));
            return "mapping of " + home + ", sequence " + sequence + ", good for " + leftS + " s";
        }
    }

    /** What is ours to register. */
    private static final class Own {
        final Member member;
        final String home;
        long sequence = -1;
        int preference = -1;
        long registeredNs;
        boolean acknowledged;
        /** Gateways that go by it, as the mapping server has last said. */
        List<String> correspondents = List.of();

        Own(Member member, String home) {
            this.member = member;
            this.home = home;
        }
    }

    private final ForwardingTable table;
    private final PageTable pages;
    private final MappingUpdates updates;
    private final Counters counters;
    private final Map<String, Mapping> mappings = new HashMap<>();
    private Map<String, Own> own = new HashMap<>();
    private Consumer<Mat> ims = message -> {};
    private long nextNs;
    private boolean[] up;
    private long revision = WallClock.nowUs();

    Mappings(ForwardingTable table, PageTable pages, MappingUpdates updates, Counters counters) {
        this.table = table;
        this.pages = pages;
        this.updates = updates;
        this.counters = counters;
        this.up = new boolean[pages.uplinks()];
        Arrays.fill(up, true);
    }

    /**
     * Uplinks have come or gone: packets leave by the first that is up, and whoever talks to somebody here is told at once by which ones they are reached.
     *
     * @param now which are up; if none is, all stays as it was
     */
    void uplinks(boolean[] now, long nowNs) {
        int first = first(now);
        if (first < 0 || Arrays.equals(now, up)) {
            return;
        }
        up = now.clone();
        pages.leaveBy(first);
        revision = Math.max(revision + 1, WallClock.nowUs());
        for (Own mine : own.values()) {
            if (mine.preference != USED) {
                continue;
            }
            mine.registeredNs = nowNs;
            ims.accept(Mat.newBuilder().setRegister(mapping(mine)).build());
            tell(mine, nowNs);
        }
    }

    private static int first(boolean[] up) {
        for (int i = 0; i < up.length; i++) {
            if (up[i]) {
                return i;
            }
        }
        return -1;
    }

    /** Straight, whoever the mapping server has named: it may be away. */
    private void tell(Own mine, long nowNs) {
        for (String correspondent : mine.correspondents) {
            Peer peer = table.peer(new GatewayId(correspondent));
            if (peer != null) {
                updates.tell(peer, mapping(mine), nowNs);
            }
        }
    }

    /** Who answers for mappings, from now on. */
    void ims(Consumer<Mat> server) {
        ims = server;
    }

    MappingUpdates updates() {
        return updates;
    }

    Mapping of(VirtualNetwork network, String home) {
        return mappings.computeIfAbsent(key(network.name, home), k -> new Mapping(network.name, home));
    }

    private static String key(String network, String home) {
        return network + " " + home;
    }

    /** The forwarding table has changed, and the page table after it. */
    void tableChanged() {
        Map<String, Own> before = own;
        own = new HashMap<>();
        boolean any = false;
        Set<String> known = new HashSet<>();
        for (Member member : pages.members()) {
            VmEntry vm = member.vm();
            any |= vm == null ? member.network().isMat() : vm.isMat(member.network());
            known.add(key(member.network().name, member.home()));
        }
        mappings.keySet().retainAll(known);
        for (Member member : pages.members()) {
            VmEntry vm = member.vm();
            if (vm != null ? vm.isMat(member.network()) : any && (member.isOurs() || member.isSoonOurs())) {
                String key = key(member.network().name, member.home());
                Own fresh = new Own(member, member.home());
                Own old = before.get(key);
                if (old != null) {
                    fresh.sequence = old.sequence;
                    fresh.preference = old.preference;
                    fresh.registeredNs = old.registeredNs;
                    fresh.acknowledged = old.acknowledged;
                    fresh.correspondents = old.correspondents;
                }
                own.put(key, fresh);
            }
        }
    }

    /** Registers, asks and tells what is due. */
    void tick(long nowNs) {
        if (nowNs - nextNs < 0) {
            return;
        }
        nextNs = nowNs + TICK_NS;
        for (Own mine : own.values()) {
            VmEntry vm = mine.member.vm();
            if (vm == null) {
                register(mine, mine.member.homeEpoch(), mine.member.isOurs() ? USED : STANDBY, nowNs);
            } else if (vm.local) {
                register(mine, vm.epoch.number(), USED, nowNs);
            } else if (vm.keeping == Keeping.MARKED) {
                register(mine, vm.markedEpoch, STANDBY, nowNs);
            }
        }
        for (Mapping mapping : mappings.values()) {
            boolean known = mapping.gateways.length > 0;
            if (known && nowNs - mapping.learntNs > mapping.lifetimeNs) {
                mapping.gateways = NOWHERE;
                mapping.pages = NO_PAGES;
                known = false;
            }
            boolean due = !known || nowNs - mapping.learntNs > mapping.lifetimeNs * 2 / 3;
            if (mapping.used && due && nowNs - mapping.askedNs > ASK_EVERY_NS) {
                mapping.used = false;
                ask(mapping, nowNs);
            }
        }
        updates.tick(nowNs);
    }

    private void register(Own mine, long sequence, int preference, long nowNs) {
        boolean changed = mine.sequence != sequence || mine.preference != preference;
        long every = mine.acknowledged ? LIFETIME_NS / 3 : ASK_EVERY_NS;
        if (!changed && nowNs - mine.registeredNs < every) {
            return;
        }
        mine.acknowledged &= !changed;
        mine.sequence = sequence;
        mine.preference = preference;
        mine.registeredNs = nowNs;
        ims.accept(Mat.newBuilder().setRegister(mapping(mine)).build());
    }

    private MatMapping mapping(Own mine) {
        MatMapping.Builder mapping = MatMapping.newBuilder()
                .setNetwork(mine.member.network().name)
                .setHome(mine.home)
                .setSequence(mine.sequence)
                .setRevision(revision)
                .setLifetimeS(LIFETIME_S);
        int used = first(up);
        for (int i = 0; i < up.length; i++) {
            IpAddress mobile = up[i] ? pages.mobileAddress(mine.member, mine.sequence, i) : null;
            if (mobile != null) {
                mapping.addMobile(MatMobile.newBuilder()
                        .setGateway(table.self().name())
                        .setAddress(mobile.toString())
                        .setPreference(mine.preference == USED && i != used ? SPARE : mine.preference));
            }
        }
        return mapping.build();
    }

    private void ask(Mapping mapping, long nowNs) {
        mapping.asked = true;
        mapping.askedNs = nowNs;
        counters.add(Kind.MAPPINGS_ASKED);
        ims.accept(Mat.newBuilder()
                .setQuery(MatQuery.newBuilder().setNetwork(mapping.network).setHome(mapping.home))
                .build());
    }

    // --- from the mapping server

    void heard(Mat message, long nowNs) {
        switch (message.getMessageCase()) {
            case REGISTERED -> registered(message.getRegistered(), nowNs);
            case ANSWER -> learn(message.getAnswer(), nowNs);
            case REFUSE -> refused(message.getRefuse());
            case REGISTER, QUERY, MESSAGE_NOT_SET -> LOG.debug("the mapping server sent {}", message.getMessageCase());
        }
    }

    private void registered(MatRegistered message, long nowNs) {
        Own mine = own.get(key(message.getNetwork(), message.getHome()));
        if (mine == null || mine.sequence != message.getSequence()) {
            return;
        }
        boolean first = !mine.acknowledged;
        mine.acknowledged = true;
        mine.correspondents = List.copyOf(message.getCorrespondentsList());
        if (first) {
            tell(mine, nowNs);
        }
    }

    private void refused(MatRefusal refusal) {
        counters.add(Kind.MAPPINGS_REFUSED);
        LOG.debug("mapping of {} in network {}: {}", refusal.getHome(), refusal.getNetwork(), refusal.getReason());
    }

    // --- from wherever

    /**
     * Takes a mapping that is authentic.
     *
     * @return false if it cannot be true: a mobile address is not in its gateway's page
     */
    boolean learn(MatMapping told, long nowNs) {
        Mapping mapping = mappings.get(key(told.getNetwork(), told.getHome()));
        if (mapping == null) {
            return true; // of a VM that the table does not tell us of yet
        }
        Map<GatewayId, Page> used = new LinkedHashMap<>();
        Map<GatewayId, Integer> best = new HashMap<>();
        for (MatMobile mobile : told.getMobileList()) {
            GatewayId id = new GatewayId(mobile.getGateway());
            Peer peer = table.peer(id);
            Page page = peer == null ? Page.NONE : peer.pageOf(IpAddress.parse(mobile.getAddress()));
            if (page == null) {
                counters.add(Kind.MAPPINGS_REFUSED);
                return false;
            }
            if (mobile.getPreference() > best.getOrDefault(id, -1)) {
                best.put(id, mobile.getPreference());
                used.put(id, page);
            }
        }
        if (told.getSequence() < mapping.sequence
                || told.getSequence() == mapping.sequence && told.getRevision() < mapping.revision) {
            return true;
        }
        if (best.values().stream().allMatch(preference -> preference == STANDBY)) {
            for (int i = 0; i < mapping.gateways.length; i++) {
                used.putIfAbsent(mapping.gateways[i], mapping.pages[i]);
            }
        } else {
            mapping.sequence = told.getSequence();
            mapping.revision = told.getRevision();
        }
        mapping.gateways = used.keySet().toArray(NOWHERE);
        mapping.pages = used.values().toArray(NO_PAGES);
        mapping.learntNs = nowNs;
        mapping.lifetimeNs = TimeUnit.SECONDS.toNanos(Math.clamp(told.getLifetimeS(), 1, 3_600));
        counters.add(Kind.MAPPINGS_LEARNT);
        return true;
    }
}

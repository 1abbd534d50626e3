// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.ilnp.BorderRouter.Way;
import io.sojourn.model.identity.NodeIdentifier;
import io.sojourn.model.location.Locator64;
import io.sojourn.wire.IlnpHeaders;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.LocatorUpdate;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.SplittableRandom;

/**
 * Three sites, a node that moves among them, and hosts all over the world that talk to it: real borders, real packets, virtual time, one thread. Locator Updates, acknowledgements and nonces are lost and doubled while
 * there are faults; data is not, so that whatever is missing or double in the end is the borders' doing. A handoff is what gateways make of it: the state goes at HOLD, packets wait for the node, at ACTIVATE the other
 * border speaks for it, and the others hear of that one way later.
 *
 * <p>After each event: one border speaks for the node; nothing leaves a place whose locator it does not have (RFC 2827); nothing is delivered twice; nobody sees an address change. In the end: everything was
 * delivered, and who was told takes the direct way.
 */
final class IlnpSimulation {
    private static final NodeIdentifier GUEST = IlnpWorld.GUEST;
    private static final Locator64 INSIDE = IlnpWorld.INSIDE;
    private static final int SITES = 3;
    private static final int POLL_MS = 10;
    private static final int PAUSE_MS = 40;
    private static final int HOPS_MOST = 8;

    /** What can go wrong, and when it no longer does. */
    record Faults(double lost, double doubled, double forged, long fromMs, long untilMs) {}

    private record Event(long atMs, long number, Runnable run) {}

    /** A place of the node. */
    private final class Site {
        final int index;
        final Locator64 locator;
        final BorderRouter border;
        /** Where it sends what is for the node. */
        int route;

        Site(int index) {
            this.index = index;
            this.locator = new Locator64(0x2001_0DB8_00A0_0000L | (long) index << 16);
            this.border = border(List.of(locator));
        }
    }

    /** A correspondent; without a border it has plain IPv6, and knows the node by the address that it first called. */
    private final class Host {
        final int index;
        final NodeIdentifier nid;
        final List<Locator64> locators;
        final Optional<BorderRouter> border;
        final SiteLocators site;
        final Locator64 calls;
        final Set<Integer> heard = new HashSet<>();
        final Set<Locator64> seenAs = new HashSet<>();
        final Set<Locator64> onWire = new HashSet<>();
        boolean lastWasDirect;
        boolean lastAnswerWasDirect;

        Host(int index, boolean isIlnp, Locator64 calls) {
            this.index = index;
            this.nid = new NodeIdentifier(0x0214_4FFF_FE00_0100L + index);
            this.locators = List.of(
                    new Locator64(0x2001_0DB8_00C0_0000L | (long) index << 16),
                    new Locator64(0x2001_0DB8_00D0_0000L | (long) index << 16));
            this.site = uplinks(locators);
            this.calls = calls;
            if (isIlnp) {
                BorderRouter own = new BorderRouter(site, IlccTiming.DEFAULT, () -> Nonce.ofShort(random.nextInt()));
                own.attach(nid, locators.getFirst(), Transparency.VISIBLE);
                this.border = Optional.of(own);
            } else {
                this.border = Optional.empty();
            }
        }
    }

    final SplittableRandom random;
    private final Faults faults;
    private final Transparency transparency;
    private final PriorityQueue<Event> events =
            new PriorityQueue<>(Comparator.comparingLong(Event::atMs).thenComparingLong(Event::number));
    private final List<Site> sites = new ArrayList<>();
    private final List<Host> hosts = new ArrayList<>();
    private final Set<Integer> guestHeard = new HashSet<>();
    private final Map<Integer, Set<Locator64>> guestSaw = new HashMap<>();
    private final List<Runnable> waiting = new ArrayList<>();
    private final IlnpHeaders headers = new IlnpHeaders();
    private long now;
    private long numbers;
    private int packets;
    private int home;
    private int updates;
    private boolean paused;
    private final Set<Integer> fromGuest = new HashSet<>();
    private final Set<Integer> toGuest = new HashSet<>();

    IlnpSimulation(long seed, Transparency transparency, Faults faults, int ilnpHosts, int plainHosts) {
        this.random = new SplittableRandom(seed);
        this.transparency = transparency;
        this.faults = faults;
        for (int i = 0; i < SITES; i++) {
            sites.add(new Site(i));
        }
        sites.getFirst().border.attach(GUEST, INSIDE, transparency);
        for (int i = 0; i < ilnpHosts + plainHosts; i++) {
            hosts.add(new Host(i, i < ilnpHosts, sites.getFirst().locator));
        }
        every(POLL_MS, this::poll);
    }

    private static SiteLocators uplinks(List<Locator64> locators) {
        List<SiteLocators.Uplink> uplinks = new ArrayList<>();
        locators.forEach(locator -> uplinks.add(new SiteLocators.Uplink(locator, 10 * (uplinks.size() + 1))));
        return new SiteLocators(300, uplinks);
    }

    private BorderRouter border(List<Locator64> locators) {
        return new BorderRouter(uplinks(locators), IlccTiming.DEFAULT, () -> Nonce.ofShort(random.nextInt()));
    }

    // --- time

    private void at(long delayMs, Runnable run) {
        events.add(new Event(now + delayMs, numbers++, run));
    }

    private void every(long periodMs, Runnable run) {
        at(periodMs, () -> {
            run.run();
            every(periodMs, run);
        });
    }

    void run(long untilMs) {
        while (!events.isEmpty() && events.peek().atMs() <= untilMs) {
            Event next = events.remove();
            now = next.atMs();
            next.run().run();
            assertThat(sites.stream()
                            .filter(site -> site.border.isHere(GUEST.bits(), INSIDE.bits()))
                            .count())
                    .as("borders that speak for the node")
                    .isEqualTo(1);
        }
        now = untilMs;
    }

    private void poll() {
        for (Site site : sites) {
            site.border.poll(now, (a, b, c, d, e, f, g) -> fromSite(site, update(a, b, c, d, e, f, g)));
        }
        for (Host host : hosts) {
            host.border.ifPresent(own ->
                    own.poll(now, (a, b, c, d, e, f, g) -> toWorld(host.index + SITES, update(a, b, c, d, e, f, g))));
        }
        if (faulty() && random.nextDouble() < faults.forged()) {
            forge();
        }
    }

    private boolean faulty() {
        return now >= faults.fromMs() && now < faults.untilMs();
    }

    // --- what is said

    /** A host says something, and is answered. */
    void hostSays(int index) {
        Host host = hosts.get(index);
        int number = packets++;
        toGuest.add(number);
        // Its programs have its first address, whatever locators it uses.
        MemorySegment s = memory(IlnpWorld.udp(host.locators.getFirst(), host.nid, host.calls, GUEST, number));
        host.border.ifPresent(own -> {
            Way way = own.outbound(s, 0, (int) s.byteSize(), false, now);
            assertThat(way).as("a host's packet: %s", own.reason()).isEqualTo(Way.DIRECT);
            nonce(own, s).ifPresent(nonce -> toWorld(host.index + SITES, nonce));
        });
        host.lastWasDirect =
                Ipv6.destinationHigh(s, 0) == sites.get(home).locator.bits();
        toWorld(host.index + SITES, octets(s));
    }

    private void guestAnswers(Host host, long knownAs) {
        if (paused) {
            waiting.add(() -> guestAnswers(host, knownAs));
            return;
        }
        int number = packets++;
        fromGuest.add(number);
        Site site = sites.get(home);
        MemorySegment s = memory(IlnpWorld.udp(INSIDE, GUEST, new Locator64(knownAs), host.nid, number));
        Way way = site.border.outbound(s, 0, (int) s.byteSize(), false, now);
        assertThat(way).as("the node's packet: %s", site.border.reason()).isIn(Way.DIRECT, Way.RELAY);
        nonce(site.border, s).ifPresent(nonce -> fromSite(site, nonce));
        host.lastAnswerWasDirect = way == Way.DIRECT;
        host.onWire.add(new Locator64(Ipv6.sourceHigh(s, 0)));
        fromSite(site, octets(s));
    }

    private Optional<byte[]> nonce(BorderRouter border, MemorySegment s) {
        return Optional.ofNullable(border.nonce(now)).map(nonce -> {
            byte[] packet = new byte[48];
            IlnpMessages.writeNonce(
                    MemorySegment.ofArray(packet),
                    0,
                    Ipv6.sourceHigh(s, 0),
                    Ipv6.sourceLow(s, 0),
                    Ipv6.destinationHigh(s, 0),
                    Ipv6.destinationLow(s, 0),
                    nonce);
            return packet;
        });
    }

    private byte[] update(
            long source,
            long sourceNid,
            long destination,
            long nid,
            Nonce nonce,
            int operation,
            List<Advertised> listed) {
        updates += operation == LocatorUpdate.ADVERTISEMENT ? 1 : 0;
        return IlnpWorld.update(source, sourceNid, destination, nid, nonce, operation, listed);
    }

    /** Somebody claims to be a host, from a place of his own, with a nonce that he guesses. */
    private void forge() {
        Host victim = hosts.get(random.nextInt(hosts.size()));
        byte[] forged = IlnpWorld.update(
                IlnpWorld.EVIL.bits(),
                victim.nid.bits(),
                sites.get(random.nextInt(SITES)).locator.bits(),
                GUEST.bits(),
                Nonce.ofShort(random.nextInt()),
                random.nextBoolean() ? LocatorUpdate.ADVERTISEMENT : LocatorUpdate.ACKNOWLEDGEMENT,
                List.of(new Advertised(IlnpWorld.EVIL, 0, 300)));
        arrive(forged);
    }

    // --- the world

    private static MemorySegment memory(byte[] packet) {
        MemorySegment s = Arena.ofAuto().allocate(packet.length);
        s.copyFrom(MemorySegment.ofArray(packet));
        return s;
    }

    private static byte[] octets(MemorySegment s) {
        return s.toArray(ValueLayout.JAVA_BYTE);
    }

    private boolean isData(byte[] packet) {
        return packet.length == Ipv6.HEADER_BYTES + 12;
    }

    /** Natively if the source is at home there, else by way of the site that it belongs to. */
    private void fromSite(Site site, byte[] packet) {
        long source = Ipv6.sourceHigh(MemorySegment.ofArray(packet), 0);
        if (site.locator.bits() == source) {
            toWorld(site.index, packet);
            return;
        }
        Site owner = sites.stream()
                .filter(other -> other.locator.bits() == source)
                .findFirst()
                .orElseThrow(() -> new AssertionError("nobody's locator"));
        at(delay(site.index, owner.index), () -> toWorld(owner.index, packet));
    }

    /** Onto the underlay at a place, which lets nothing out that is not from there. */
    private void toWorld(int place, byte[] packet) {
        MemorySegment s = MemorySegment.ofArray(packet);
        long source = Ipv6.sourceHigh(s, 0);
        boolean athome = place < SITES
                ? sites.get(place).locator.bits() == source
                : hosts.get(place - SITES).locators.stream().anyMatch(l -> l.bits() == source);
        assertThat(athome)
                .as("place %s sends from %s", place, new Locator64(source))
                .isTrue();
        int to = placeOf(Ipv6.destinationHigh(s, 0));
        boolean lost = !isData(packet) && faulty() && random.nextDouble() < faults.lost();
        boolean doubled = !isData(packet) && faulty() && random.nextDouble() < faults.doubled();
        if (!lost) {
            at(delay(place, to), () -> arrive(packet));
        }
        if (doubled) {
            at(delay(place, to) + random.nextInt(500), () -> arrive(packet));
        }
    }

    private int placeOf(long locator) {
        for (Site site : sites) {
            if (site.locator.bits() == locator) {
                return site.index;
            }
        }
        for (Host host : hosts) {
            if (host.locators.stream().anyMatch(known -> known.bits() == locator)) {
                return SITES + host.index;
            }
        }
        throw new AssertionError("a packet to nobody's locator " + new Locator64(locator));
    }

    /** Of each path the same always, so that it keeps its order. */
    private static long delay(int from, int to) {
        return 5 + (from * 31 + to * 17) % 60;
    }

    private void arrive(byte[] packet) {
        MemorySegment s = MemorySegment.ofArray(packet);
        int place = placeOf(Ipv6.destinationHigh(s, 0));
        if (place < SITES) {
            forGuest(place, packet, HOPS_MOST);
        } else {
            forHost(hosts.get(place - SITES), packet);
        }
    }

    /** At a site: the node is here, or has gone on from here. */
    private void forGuest(int place, byte[] packet, int hops) {
        assertThat(hops).as("hops").isPositive();
        Site site = sites.get(place);
        if (place != home || paused) {
            if (paused && place == home) {
                waiting.add(() -> forGuest(home, packet, hops));
                return;
            }
            int next = site.route;
            at(delay(place, next), () -> forGuest(next, packet, hops - 1));
            return;
        }
        MemorySegment s = memory(packet);
        boolean relayed = Ipv6.destinationHigh(s, 0) != site.locator.bits();
        Way way = site.border.inbound(
                s,
                0,
                packet.length,
                false,
                relayed,
                now,
                (a, b, c, d, e, f, g) -> fromSite(site, update(a, b, c, d, e, f, g)));
        if (way == Way.DELIVER) {
            int number = IlnpWorld.numberOf(octets(s));
            assertThat(guestHeard.add(number))
                    .as("packet %s to the node comes once", number)
                    .isTrue();
            Host host = hostOf(Ipv6.sourceLow(s, 0));
            Set<Locator64> known = guestSaw.computeIfAbsent(host.index, i -> new HashSet<>());
            known.add(new Locator64(Ipv6.sourceHigh(s, 0)));
            assertThat(known).as("the node sees one address of a host").hasSize(1);
            guestAnswers(host, Ipv6.sourceHigh(s, 0));
        } else {
            assertThat(isData(packet))
                    .as("data is taken: %s", site.border.reason())
                    .isFalse();
        }
    }

    private Host hostOf(long nid) {
        return hosts.stream().filter(host -> host.nid.bits() == nid).findFirst().orElseThrow();
    }

    private void forHost(Host host, byte[] packet) {
        MemorySegment s = memory(packet);
        if (host.border.isEmpty()) {
            if (isData(packet)) {
                heard(host, s);
            } else {
                assertThat(headers.read(s, 0, packet.length).isDrop()).isFalse();
                assertThat(headers.isLocatorUpdate(s, 0))
                        .as("who has plain IPv6 is told nothing")
                        .isFalse();
            }
            return;
        }
        BorderRouter own = host.border.get();
        Way way = own.inbound(
                s,
                0,
                packet.length,
                false,
                false,
                now,
                (a, b, c, d, e, f, g) -> toWorld(host.index + SITES, update(a, b, c, d, e, f, g)));
        if (way == Way.DELIVER) {
            heard(host, s);
        } else {
            assertThat(isData(packet)).as("data is taken: %s", own.reason()).isFalse();
        }
    }

    private void heard(Host host, MemorySegment s) {
        int number = IlnpWorld.numberOf(octets(s));
        assertThat(host.heard.add(number))
                .as("packet %s to a host comes once", number)
                .isTrue();
        host.seenAs.add(new Locator64(Ipv6.sourceHigh(s, 0)));
        assertThat(host.seenAs)
                .as("a host's programs see one address of the node")
                .hasSize(1);
    }

    // --- what happens

    /** HOLD, pause, ACTIVATE, and the others hear of it. */
    void move(int to) {
        if (paused || to == home) {
            return;
        }
        int from = home;
        Site source = sites.get(from);
        Site destination = sites.get(to);
        byte[] state = source.border.export(source.border.node(GUEST).orElseThrow(), now);
        paused = true;
        at(PAUSE_MS + delay(from, to), () -> {
            assertThat(destination.border.adopt(state, INSIDE, transparency, Handover.SOFT, now))
                    .isPresent();
            source.border.detach(GUEST);
            home = to;
            source.route = to;
            paused = false;
            List<Runnable> kept = List.copyOf(waiting);
            waiting.clear();
            kept.forEach(Runnable::run);
            for (Site other : sites) {
                if (other != destination && other != source) {
                    at(delay(to, other.index), () -> other.route = other.index == home ? other.route : home);
                }
            }
        });
    }

    /** A host prefers its other uplink from now on; it can be reached by both. */
    void prefers(int index, boolean first) {
        Host host = hosts.get(index);
        host.border.ifPresent(own -> {
            Locator64 use = host.locators.get(first ? 0 : 1);
            host.site.rules(List.of(new TrafficRule(Optional.empty(), Optional.empty(), use)));
            own.locatorsChanged(Handover.SOFT, now);
        });
    }

    // --- in the end

    /** Everything was delivered; who can be told has been, and goes straight; the others see what they always saw. */
    void judge() {
        assertThat(guestHeard).as("to the node").isEqualTo(toGuest);
        Set<Integer> all = new HashSet<>();
        hosts.forEach(host -> all.addAll(host.heard));
        assertThat(all).as("from the node").isEqualTo(fromGuest);
        for (Host host : hosts) {
            if (host.border.isPresent() && transparency == Transparency.VISIBLE) {
                assertThat(host.lastWasDirect)
                        .as("host %s goes straight", host.index)
                        .isTrue();
                assertThat(host.lastAnswerWasDirect)
                        .as("answers to %s go straight", host.index)
                        .isTrue();
            } else {
                assertThat(host.onWire)
                        .as("on the wire, %s sees one address", host.index)
                        .containsExactly(sites.getFirst().locator);
            }
        }
        if (transparency != Transparency.VISIBLE && updates > 0) {
            assertThat(updates).as("updates of the node's").isEqualTo(0);
        }
    }

    int home() {
        return home;
    }

    int sites() {
        return SITES;
    }

    int hosts() {
        return hosts.size();
    }

    long now() {
        return now;
    }

    int packetsSaid() {
        return packets;
    }
}

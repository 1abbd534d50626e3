// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import io.sojourn.ilnp.Correspondent.Mode;
import io.sojourn.model.identity.NodeIdentifier;
import io.sojourn.wire.DropReason;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The rules of RFC 6741 section 5 and RFC 6743, one sentence each, on plain lists that are copied at every step. The slow reference of {@link Ilcc}. */
final class SlowIlcc {
    record Place(long locator, int preference, long until, Optional<Long> replacedAt) {
        boolean isCurrent() {
            return replacedAt.isEmpty();
        }
    }

    record Peer(
            int id,
            long nid,
            long knownAs,
            Mode mode,
            Nonce ours,
            Optional<Nonce> its,
            List<Place> places,
            long heard,
            long sent) {
        Peer with(Mode m, Optional<Nonce> n) {
            return new Peer(id, nid, knownAs, m, ours, n, places, heard, sent);
        }

        Peer at(List<Place> p) {
            return new Peer(id, nid, knownAs, mode, ours, its, p, heard, sent);
        }

        Peer heardAt(long now) {
            return mode == Mode.TENTATIVE ? this : new Peer(id, nid, knownAs, mode, ours, its, places, now, sent);
        }

        boolean isAt(long locator) {
            return places.stream().anyMatch(p -> p.locator == locator && p.isCurrent());
        }
    }

    private final IlccTiming timing;
    private final Supplier<Nonce> nonces;
    private final TreeMap<Integer, Peer> peers = new TreeMap<>();
    private int nextId;

    @Nullable
    Peer matched;

    SlowIlcc(IlccTiming timing, Supplier<Nonce> nonces) {
        this.timing = timing;
        this.nonces = nonces;
    }

    /** The same, in another place. */
    SlowIlcc continuedWith(Supplier<Nonce> others) {
        SlowIlcc copy = new SlowIlcc(timing, others);
        copy.peers.putAll(peers);
        copy.nextId = nextId;
        return copy;
    }

    List<Peer> all() {
        return List.copyOf(peers.values());
    }

    private Optional<Peer> first(Predicate<Peer> what) {
        return peers.values().stream().filter(what).findFirst();
    }

    private boolean any(Predicate<Peer> what) {
        return first(what).isPresent();
    }

    private Peer keep(Peer p) {
        peers.put(p.id, p);
        matched = p;
        return p;
    }

    private DropReason matched(Peer p, long now) {
        keep(p.heardAt(now));
        return DropReason.NONE;
    }

    private Optional<Peer> add(long nid, long locator, Mode mode, Optional<Nonce> its, long now) {
        if (peers.size() >= timing.correspondentsMax()) {
            return Optional.empty();
        }
        Place here = new Place(locator, 10, now + timing.idleMs(), Optional.empty());
        return Optional.of(keep(new Peer(nextId++, nid, locator, mode, nonces.get(), its, List.of(here), now, now)));
    }

    Optional<Peer> sending(long nid, long locator, long now) {
        return first(p -> p.nid == nid && p.knownAs == locator)
                .or(() -> add(nid, locator, Mode.UNKNOWN, Optional.empty(), now))
                .map(p -> keep(new Peer(
                        p.id,
                        nid,
                        p.knownAs,
                        p.mode == Mode.TENTATIVE ? Mode.ILNP : p.mode,
                        p.ours,
                        p.its,
                        p.places,
                        p.heard,
                        now)));
    }

    long destination(Peer p, long now) {
        List<Place> current = p.places.stream().filter(Place::isCurrent).toList();
        List<Place> fresh = current.stream().filter(place -> now < place.until).toList();
        return Stream.of(fresh, current)
                .filter(list -> !list.isEmpty())
                .findFirst()
                .flatMap(list -> list.stream().min(Comparator.comparingInt(Place::preference)))
                .map(Place::locator)
                .orElse(p.knownAs);
    }

    DropReason receiving(long nid, long locator, Optional<Nonce> nonce, long now) {
        matched = null;
        boolean universal = new NodeIdentifier(nid).isUniversal();
        if (nonce.isEmpty()) {
            Optional<Peer> there = first(p -> p.nid == nid
                    && p.places.stream()
                            .anyMatch(place -> place.locator == locator
                                    && (place.isCurrent()
                                            || now - place.replacedAt.orElseThrow() < timing.replacedMs())));
            if (there.isPresent()) {
                return matched(there.get(), now);
            }
            boolean theft = universal && any(p -> p.nid == nid && p.mode == Mode.ILNP);
            return theft ? DropReason.UNKNOWN_LOCATOR : DropReason.NONE;
        }
        Optional<Peer> proved = first(p -> p.nid == nid && p.its.equals(nonce));
        if (proved.isPresent()) {
            return matched(proved.get(), now);
        }
        Optional<Peer> silent = first(p -> p.nid == nid && p.its.isEmpty() && p.isAt(locator));
        if (silent.isPresent()) {
            return matched(silent.get().with(Mode.ILNP, nonce), now);
        }
        boolean wrong = any(p -> p.nid == nid && p.isAt(locator))
                || universal && any(p -> p.nid == nid && p.mode != Mode.TENTATIVE);
        if (wrong) {
            return DropReason.WRONG_NONCE;
        }
        return add(nid, locator, Mode.TENTATIVE, nonce, now).isPresent() ? DropReason.NONE : DropReason.CACHE_FULL;
    }

    DropReason updated(long nid, Optional<Nonce> nonce, List<Advertised> listed, long now) {
        matched = null;
        if (nonce.isEmpty()) {
            return DropReason.NO_NONCE;
        }
        Predicate<Peer> established = p -> p.nid == nid && p.mode != Mode.TENTATIVE;
        Optional<Peer> proved = first(established.and(p -> p.its.equals(nonce)));
        if (proved.isEmpty()) {
            return any(established) ? DropReason.WRONG_NONCE : DropReason.UNKNOWN_CORRESPONDENT;
        }
        TreeMap<Integer, Place> fresh = new TreeMap<>();
        List<Long> named = new ArrayList<>();
        for (Advertised a : listed) {
            long bits = a.locator().bits();
            if (!named.contains(bits) && fresh.size() < timing.locatorsMax()) {
                named.add(bits);
                fresh.put(named.size(), new Place(bits, a.preference(), now + a.lifetimeS() * 1000L, Optional.empty()));
            }
        }
        List<Place> places = new ArrayList<>(fresh.values());
        proved.get().places.stream()
                .filter(old -> !named.contains(old.locator))
                .limit(timing.locatorsMax())
                .map(old -> old.isCurrent()
                        ? new Place(old.locator, old.preference, Math.min(old.until, now), Optional.of(now))
                        : old)
                .forEach(places::add);
        return matched(proved.get().at(List.copyOf(places)), now);
    }

    DropReason nonceUnknown(long nid, long locator, Nonce quoted) {
        matched = null;
        Predicate<Peer> there = p -> p.nid == nid && p.places.stream().anyMatch(place -> place.locator == locator);
        Optional<Peer> ours = first(there.and(p -> p.ours.equals(quoted)));
        ours.ifPresent(p -> keep(p.with(Mode.PLAIN, Optional.empty())));
        if (ours.isPresent()) {
            return DropReason.NONE;
        }
        return any(there) ? DropReason.WRONG_NONCE : DropReason.UNKNOWN_CORRESPONDENT;
    }

    void prune(long now) {
        matched = null;
        peers.values()
                .removeIf(p -> p.mode == Mode.TENTATIVE
                        ? now - p.heard >= timing.tentativeMs()
                        : now - Math.max(p.heard, p.sent) >= timing.idleMs());
        peers.replaceAll((id, p) -> p.at(p.places.stream()
                .filter(place -> place.replacedAt
                        .map(at -> now - at < timing.replacedMs())
                        .orElse(true))
                .toList()));
    }
}

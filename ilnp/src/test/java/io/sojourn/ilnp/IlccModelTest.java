// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.model.identity.NodeIdentifier;
import io.sojourn.model.location.Locator64;
import io.sojourn.wire.DropReason;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/** Whatever happens, in whatever order: the cache and its slow reference say the same. Few identifiers, places and nonces, so that they meet. */
class IlccModelTest {
    private static final int STORIES = Integer.getInteger("sojourn.ilnp.stories", 3_000);
    private static final int EVENTS = 120;
    /** The second is universal, the others are not. */
    private static final long[] NIDS = {0x10, 0x0200_0000_0000_0011L, 0x12};

    private static final IlccTiming TIMING = new IlccTiming(50, 100, 400, 80, 60, 2, 6, 3);

    private final Set<DropReason> seen = EnumSet.noneOf(DropReason.class);

    @Test
    void theCacheDoesWhatItsReferenceDoes() {
        for (int story = 0; story < STORIES; story++) {
            try {
                play(story);
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("story " + story + ": " + e.getMessage(), e);
            }
        }
        assertThat(seen)
                .as("all outcomes were met")
                .contains(
                        DropReason.NONE,
                        DropReason.NO_NONCE,
                        DropReason.WRONG_NONCE,
                        DropReason.UNKNOWN_LOCATOR,
                        DropReason.UNKNOWN_CORRESPONDENT,
                        DropReason.CACHE_FULL);
    }

    private void play(int seed) {
        SplittableRandom random = new SplittableRandom(seed);
        Ilcc cache = new Ilcc(new NodeIdentifier(1), TIMING, counting());
        SlowIlcc slow = new SlowIlcc(TIMING, counting());
        long now = 0;
        for (int i = 0; i < EVENTS; i++) {
            now += random.nextInt(30);
            long nid = NIDS[random.nextInt(NIDS.length)];
            long locator = 1 + random.nextInt(4);
            int die = random.nextInt(20);
            if (die < 6) {
                send(cache, slow, nid, locator, now);
            } else if (die < 13) {
                Optional<Nonce> nonce = nonce(random);
                DropReason expected = slow.receiving(nid, locator, nonce, now);
                Nonce n = nonce.orElse(Nonce.ofShort(0));
                same(expected, cache.receiving(nid, locator, nonce.isEmpty() ? 0 : n.bytes(), n.high(), n.low(), now));
            } else if (die < 17) {
                update(cache, slow, random, nid, now);
            } else if (die < 18) {
                Nonce quoted = Nonce.ofShort(1000 + random.nextInt(6));
                same(
                        slow.nonceUnknown(nid, locator, quoted),
                        cache.nonceUnknown(nid, locator, quoted.bytes(), quoted.high(), quoted.low()));
            } else if (die < 19) {
                slow.prune(now);
                cache.prune(now);
            } else {
                cache = IlccState.restore(IlccState.export(cache, now), TIMING, counting(2000 + i), now)
                        .orElseThrow();
                slow = slow.continuedWith(counting(2000 + i));
            }
            compare(cache, slow, now);
        }
    }

    private static void send(Ilcc cache, SlowIlcc slow, long nid, long locator, long now) {
        Optional<SlowIlcc.Peer> expected = slow.sending(nid, locator, now);
        Correspondent c = cache.sending(nid, locator, now);
        assertThat(c == null).isEqualTo(expected.isEmpty());
        if (c != null) {
            assertThat(c.destination(now)).isEqualTo(slow.destination(expected.orElseThrow(), now));
        }
    }

    private void update(Ilcc cache, SlowIlcc slow, SplittableRandom random, long nid, long now) {
        List<Advertised> listed = new ArrayList<>();
        for (int n = 1 + random.nextInt(5); n > 0; n--) {
            listed.add(new Advertised(new Locator64(1 + random.nextInt(6)), random.nextInt(3), random.nextInt(2)));
        }
        Optional<Nonce> nonce = nonce(random);
        Nonce n = nonce.orElse(Nonce.ofShort(0));
        same(
                slow.updated(nid, nonce, listed, now),
                cache.updated(nid, nonce.isEmpty() ? 0 : n.bytes(), n.high(), n.low(), listed, now));
    }

    private void same(DropReason expected, DropReason actual) {
        seen.add(actual);
        assertThat(actual).isEqualTo(expected);
    }

    private static Optional<Nonce> nonce(SplittableRandom random) {
        int die = random.nextInt(6);
        return die == 0
                ? Optional.empty()
                : Optional.of(die == 1 ? Nonce.ofLong(1, 1 + random.nextInt(2)) : Nonce.ofShort(1 + random.nextInt(2)));
    }

    private static Supplier<Nonce> counting() {
        return counting(1000);
    }

    private static Supplier<Nonce> counting(int from) {
        int[] next = {from};
        return () -> Nonce.ofShort(next[0]++);
    }

    private static void compare(Ilcc cache, SlowIlcc slow, long now) {
        assertThat(cache.correspondents().stream()
                        .map(c -> text(c, now))
                        .sorted()
                        .toList())
                .isEqualTo(slow.all().stream()
                        .map(p -> text(p, slow.destination(p, now)))
                        .sorted()
                        .toList());
        assertThat(cache.count()).isEqualTo(slow.all().size());
    }

    /** Asking for the destination marks it as used, which the reference does not know of; it is no part of what is compared. */
    private static String text(Correspondent c, long now) {
        return c.nid() + " " + c.knownAs() + " " + c.mode() + " "
                + c.inbound()
                        .map(n -> n.bytes() + "/" + n.high() + "/" + n.low())
                        .orElse("-") + " "
                + c.outbound().low() + " " + new Locator64(c.destination(now)) + " "
                + c.locators().stream()
                        .map(at -> at.bits() + "," + at.preference() + "," + at.expiresMs() + ","
                                + (at.isReplaced() ? at.replacedMs() : "current"))
                        .toList();
    }

    private static String text(SlowIlcc.Peer p, long destination) {
        return new NodeIdentifier(p.nid()) + " " + new Locator64(p.knownAs()) + " " + p.mode() + " "
                + p.its().map(n -> n.bytes() + "/" + n.high() + "/" + n.low()).orElse("-") + " "
                + p.ours().low() + " " + new Locator64(destination) + " "
                + p.places().stream()
                        .map(at -> at.locator() + "," + at.preference() + "," + at.until() + ","
                                + at.replacedAt().map(String::valueOf).orElse("current"))
                        .toList();
    }
}

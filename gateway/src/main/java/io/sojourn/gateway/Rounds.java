// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import it.unimi.dsi.fastutil.longs.LongOpenHashSet;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Keeps the order of packets that go the long way round. The handoff's end markers travel between source and destination; packets between an invisible VM and hosts at the destination may come
 * by way of a third site. A packet of ours with nothing in it follows them on that way, and until it has come round, what now meets on the destination's own LAN waits. Forwarder's thread.
 */
final class Rounds {
    private static final long BOUND_NS = TimeUnit.SECONDS.toNanos(1);
    private static final long EARLY_NS = TimeUnit.SECONDS.toNanos(5);

    /** One direction of one VM's packets: the locators by way of which some may still come. */
    private static final class Round {
        final LongOpenHashSet awaited = new LongOpenHashSet();
        final List<Runnable> after = new ArrayList<>();
        long sinceNs;
    }

    private record Key(VmEntry vm, boolean toVm) {}

    private record Early(Key key, long locator) {}

    private final Map<Key, Round> rounds = new HashMap<>();
    private final Map<Early, Long> early = new HashMap<>();

    /** Packets to, or from, the VM may still come by way of that locator. @return false: this is known already */
    boolean await(VmEntry vm, boolean toVm, long locator, long nowNs) {
        Key key = new Key(vm, toVm);
        if (early.remove(new Early(key, locator)) != null) {
            return false;
        }
        Round round = rounds.computeIfAbsent(key, k -> new Round());
        round.sinceNs = nowNs;
        return round.awaited.add(locator);
    }

    /** The last of them has come. */
    void came(VmEntry vm, boolean toVm, long locator, long nowNs) {
        Key key = new Key(vm, toVm);
        Round round = rounds.get(key);
        if (round == null) {
            if (vm.onMove) {
                early.put(new Early(key, locator), nowNs);
            }
            return;
        }
        round.awaited.remove(locator);
        if (round.awaited.isEmpty()) {
            end(key, round);
        }
    }

    private void end(Key key, Round round) {
        rounds.remove(key);
        round.after.forEach(Runnable::run);
    }

    boolean isAwaited(VmEntry vm, boolean toVm) {
        return rounds.containsKey(new Key(vm, toVm));
    }

    /** Puts off what would let later packets go. @return false: nothing is awaited */
    boolean putOff(VmEntry vm, boolean toVm, Runnable release) {
        Round round = rounds.get(new Key(vm, toVm));
        if (round == null) {
            return false;
        }
        round.after.add(release);
        return true;
    }

    /** Whether anything is awaited; what has not come within its bound is awaited no longer. */
    boolean tick(long nowNs) {
        early.values().removeIf(since -> nowNs - since > EARLY_NS);
        Map.copyOf(rounds).forEach((key, round) -> {
            if (nowNs - round.sinceNs > BOUND_NS) {
                end(key, round);
            }
        });
        return !rounds.isEmpty();
    }
}

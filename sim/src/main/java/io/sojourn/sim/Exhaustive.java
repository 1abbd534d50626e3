// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Visits every state that a {@link SmallWorld} can get into, by every order of what may happen. States are told apart by
 * a 64-bit hash of all they consist of: with ten million states the odds that two were taken for one are about 1 to
 * 400,000.
 */
final class Exhaustive {
    private static final long TELL_EVERY = 1 << 17;

    private final Consumer<Long> progress;
    private final LongSet visited = new LongSet();
    private long transitions;
    private long ends;
    private final List<String> violations = new ArrayList<>();
    private List<String> path = List.of();

    private Exhaustive(Consumer<Long> progress) {
        this.progress = progress;
    }

    private record Node(
            SmallWorld world, long hash, @Nullable Node parent, String by) {}

    /** @param limit states after which the search stops, unfinished */
    static SimRunner.Exhausted search(
            SmallWorld.Budget budget, Mutation mutation, boolean strict, long limit, Consumer<Long> progress) {
        long startNs = System.nanoTime();
        Exhaustive search = new Exhaustive(progress);
        boolean complete = search.run(new SmallWorld(budget, new Mutator(mutation), strict), limit);
        return new SimRunner.Exhausted(
                search.visited.size(),
                search.transitions,
                search.ends,
                complete,
                (System.nanoTime() - startNs) / 1e9,
                search.violations,
                search.path);
    }

    private boolean run(SmallWorld first, long limit) {
        ArrayDeque<Node> open = new ArrayDeque<>();
        long start = hash(first);
        visited.add(start);
        open.push(new Node(first, start, null, ""));
        while (!open.isEmpty()) {
            if (visited.size() >= limit) {
                return false;
            }
            Node node = open.pop();
            if (!expand(node, open)) {
                return false;
            }
        }
        return true;
    }

    /** False if an invariant broke. */
    private boolean expand(Node node, ArrayDeque<Node> open) {
        List<SmallChoices.Choice> choices = SmallChoices.of(node.world);
        long here = node.hash;
        boolean moved = false;
        for (int tier = -1; tier <= 3; tier++) {
            if (tier >= 1 && moved) {
                return true; // a timer waits until nothing else can happen
            }
            for (SmallChoices.Choice choice : choices) {
                if (choice.tier() != tier) {
                    continue;
                }
                SmallWorld next = node.world.after(choice);
                if (++transitions % TELL_EVERY == 0) {
                    progress.accept((long) visited.size());
                }
                if (!next.violations().isEmpty()) {
                    return fail(node, choice.name(), next);
                }
                long hash = hash(next);
                moved |= tier >= 0 && hash != here;
                if (visited.add(hash)) {
                    open.push(new Node(next, hash, node, choice.name()));
                }
            }
        }
        if (!moved) {
            ends++;
            SmallWorld last = node.world.copy();
            last.judge();
            if (!last.violations().isEmpty() && choices.stream().noneMatch(c -> c.tier() < 0)) {
                return fail(node, "nothing more can happen", last);
            }
        }
        return true;
    }

    private boolean fail(Node node, String by, SmallWorld next) {
        violations.addAll(next.violations());
        List<String> steps = new ArrayList<>();
        steps.add(by);
        for (Node n = node; n != null; n = n.parent) {
            steps.addFirst(n.by);
        }
        path = steps;
        return false;
    }

    private long hash(SmallWorld world) {
        long[] hash = {0x9e3779b97f4a7c15L};
        world.encode(value -> {
            long h = (hash[0] ^ value) * 0xbf58476d1ce4e5b9L;
            hash[0] = (h ^ h >>> 29) * 0x94d049bb133111ebL ^ h >>> 32;
        });
        return hash[0] == 0 ? 1 : hash[0];
    }

    /** An open-addressing set of longs other than 0. */
    private static final class LongSet {
        private long[] table = new long[1 << 16];
        private int size;

        int size() {
            return size;
        }

        boolean add(long value) {
            if (size * 3L > table.length * 2L) {
                long[] old = table;
                table = new long[old.length * 2];
                for (long v : old) {
                    if (v != 0) {
                        put(v);
                    }
                }
            }
            boolean added = put(value);
            if (added) {
                size++;
            }
            return added;
        }

        private boolean put(long value) {
            int mask = table.length - 1;
            int i = (int) (value >>> 20) & mask;
            while (table[i] != 0) {
                if (table[i] == value) {
                    return false;
                }
                i = i + 1 & mask;
            }
            table[i] = value;
            return true;
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import java.time.Clock;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/** A store that forgets: for tests and rehearsals. Everything is copied at each commit, so it is slow and obviously right. */
public final class MemoryStore implements BindingStore {
    private final Clock clock;
    private final Watcher.Bell bell = new Watcher.Bell();
    private final List<Watch> watches = new ArrayList<>();
    private final List<Commit> log = new ArrayList<>();
    private State state = new State();
    private boolean closed;

    /** Copied before a commit and put in place after it. */
    private static final class State implements WriteRules.Tables {
        final Map<Kind, TreeMap<String, Entry>> entries = new HashMap<>();
        final Map<VmId, Long> reserved = new HashMap<>();
        final List<BoundSince> history = new ArrayList<>();

        State copy() {
            State copy = new State();
            entries.forEach((kind, map) -> copy.entries.put(kind, new TreeMap<>(map)));
            copy.reserved.putAll(reserved);
            copy.history.addAll(history);
            return copy;
        }

        TreeMap<String, Entry> of(Kind kind) {
            return entries.computeIfAbsent(kind, k -> new TreeMap<>());
        }

        @Override
        public Optional<Entry> get(Kind kind, String key) {
            return Optional.ofNullable(of(kind).get(key));
        }

        @Override
        public void put(Entry entry) {
            of(entry.kind()).put(entry.key(), entry);
        }

        @Override
        public void remove(Kind kind, String key) {
            of(kind).remove(key);
        }

        @Override
        public long reservedEpoch(VmId vm) {
            return reserved.getOrDefault(vm, 0L);
        }

        @Override
        public void addHistory(BoundSince bound) {
            history.add(bound);
        }
    }

    public MemoryStore(Clock clock) {
        this.clock = clock;
    }

    @Override
    public synchronized long revision() {
        return log.size();
    }

    @Override
    public synchronized Optional<Entry> get(Kind kind, String key) {
        return open().get(kind, key);
    }

    @Override
    public synchronized List<Entry> list(Kind kind) {
        return List.copyOf(open().of(kind).values());
    }

    @Override
    public synchronized List<Entry> newest(Kind kind, int limit) {
        return open().of(kind).values().stream()
                .sorted(Comparator.comparingLong(Entry::createRevision).reversed())
                .limit(limit)
                .toList();
    }

    @Override
    public synchronized long commit(List<Write> writes) {
        State next = open().copy();
        long revision = log.size() + 1;
        long nowUs = TimeUnit.MILLISECONDS.toMicros(clock.millis());
        List<Change> changes = WriteRules.apply(next, writes, revision, nowUs);
        if (changes.isEmpty()) {
            return log.size();
        }
        state = next;
        log.add(new Commit(revision, nowUs, changes));
        bell.ring(revision);
        return revision;
    }

    @Override
    public synchronized Epoch reserveEpoch(VmId vm) {
        return new Epoch(open().reserved.merge(vm, 1L, Long::sum));
    }

    @Override
    public synchronized Optional<Binding> binding(VmId vm) {
        return open().get(Kind.BINDING, vm.name()).map(e -> BindingText.parse(e.key(), e.value()));
    }

    @Override
    public synchronized List<Binding> bindings() {
        return list(Kind.BINDING).stream()
                .map(e -> BindingText.parse(e.key(), e.value()))
                .toList();
    }

    @Override
    public synchronized List<BoundSince> history(VmId vm) {
        return open().history.stream().filter(b -> b.binding().vm().equals(vm)).toList();
    }

    @Override
    public synchronized Watch watch(long afterRevision, Listener listener) {
        open();
        Watch watch = new Watcher(
                new Watcher.CommitLog() {
                    @Override
                    public Optional<List<Commit>> after(long revision, int limit) {
                        return commitsAfter(revision, limit);
                    }

                    @Override
                    public long revision() {
                        return MemoryStore.this.revision();
                    }
                },
                bell,
                afterRevision,
                listener);
        watches.add(watch);
        return watch;
    }

    private synchronized Optional<List<Commit>> commitsAfter(long revision, int limit) {
        if (revision > log.size()) {
            return Optional.empty();
        }
        return Optional.of(List.copyOf(log.subList((int) revision, (int) Math.min(log.size(), revision + limit))));
    }

    private State open() {
        if (closed) {
            throw new RegistryException("the registry is closed");
        }
        return state;
    }

    @Override
    public void close() {
        List<Watch> ending;
        synchronized (this) {
            closed = true;
            ending = List.copyOf(watches);
        }
        ending.forEach(Watch::close);
    }
}

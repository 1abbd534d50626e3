// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

import io.sojourn.model.binding.Binding;
import io.sojourn.model.identity.VmId;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What a commit does, said once for every engine. */
final class WriteRules {
    /** The engine's tables inside a transaction. */
    interface Tables {
        Optional<Entry> get(Kind kind, String key);

        void put(Entry entry);

        void remove(Kind kind, String key);

        /** The highest epoch ever handed out for the VM, 0 if none. */
        long reservedEpoch(VmId vm);

        void addHistory(BoundSince bound);
    }

    private final Tables tables;
    private final long revision;
    private final long nowUs;
    private final List<Change> changes = new ArrayList<>();

    private WriteRules(Tables tables, long revision, long nowUs) {
        this.tables = tables;
        this.revision = revision;
        this.nowUs = nowUs;
    }

    /** @param revision the one that this commit makes if it changes anything */
    static List<Change> apply(Tables tables, List<Write> writes, long revision, long nowUs) {
        WriteRules rules = new WriteRules(tables, revision, nowUs);
        for (Write write : writes) {
            switch (write) {
                case Write.Put put -> rules.put(put);
                case Write.Delete delete -> rules.delete(delete.kind(), delete.key());
                case Write.Bind bind -> rules.bind(bind);
                case Write.Unbind unbind ->
                    rules.delete(Kind.BINDING, unbind.vm().name());
            }
        }
        return rules.changes;
    }

    private void put(Write.Put put) {
        Optional<Entry> old = tables.get(put.kind(), put.key());
        long version = old.map(Entry::version).orElse(0L);
        if (put.expectedVersion() != Write.ANY && put.expectedVersion() != version) {
            String found = version == 0 ? "it does not exist" : "it has version " + version;
            String wanted =
                    put.expectedVersion() == Write.ABSENT ? "should be new" : "should have " + put.expectedVersion();
            throw new ConflictException(
                    put.kind() + " " + put.key() + " was changed by somebody else: " + wanted + ", " + found);
        }
        store(put.kind(), put.key(), put.value(), old);
    }

    private void store(Kind kind, String key, String value, Optional<Entry> old) {
        long version = old.map(Entry::version).orElse(0L) + 1;
        long created = old.map(Entry::createRevision).orElse(revision);
        tables.put(new Entry(kind, key, value, version, created, revision));
        changes.add(new Change(kind, key, Optional.of(value)));
    }

    private void delete(Kind kind, String key) {
        if (tables.get(kind, key).isPresent()) {
            tables.remove(kind, key);
            changes.add(new Change(kind, key, Optional.empty()));
        }
    }

    private void bind(Write.Bind bind) {
        Binding wanted = bind.binding();
        VmId vm = wanted.vm();
        Optional<Entry> old = tables.get(Kind.BINDING, vm.name());
        if (old.isPresent()) {
            Binding current = BindingText.parse(vm.name(), old.get().value());
            if (current.equals(wanted)) {
                return;
            }
            if (!wanted.epoch().isAfter(current.epoch())) {
                throw new ConflictException(current + " already; " + wanted + " comes too late");
            }
        }
        if (wanted.epoch().number() < 1 || wanted.epoch().number() > tables.reservedEpoch(vm)) {
            throw new ConflictException(wanted + ": this epoch was never reserved");
        }
        store(Kind.BINDING, vm.name(), BindingText.format(wanted), old);
        tables.addHistory(new BoundSince(wanted, nowUs, revision, bind.cause()));
    }
}

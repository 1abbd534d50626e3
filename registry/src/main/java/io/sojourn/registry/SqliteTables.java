// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The statements, over one connection. Used by one thread at a time. */
final class SqliteTables implements WriteRules.Tables {
    private final Connection connection;

    SqliteTables(Connection connection) {
        this.connection = connection;
    }

    Connection connection() {
        return connection;
    }

    interface Row<T> {
        T read(ResultSet row) throws SQLException;
    }

    <T> List<T> query(String sql, Row<T> reader, @Nullable Object... arguments) {
        try (PreparedStatement statement = bound(sql, arguments);
                ResultSet rows = statement.executeQuery()) {
            List<T> found = new ArrayList<>();
            while (rows.next()) {
                found.add(reader.read(rows));
            }
            return found;
        } catch (SQLException e) {
            throw new SqliteFailure(e);
        }
    }

    void run(String sql, @Nullable Object... arguments) {
        try (PreparedStatement statement = bound(sql, arguments)) {
            statement.executeUpdate();
        } catch (SQLException e) {
            throw new SqliteFailure(e);
        }
    }

    private PreparedStatement bound(String sql, @Nullable Object... arguments) throws SQLException {
        PreparedStatement statement = connection.prepareStatement(sql);
        for (int i = 0; i < arguments.length; i++) {
            statement.setObject(i + 1, arguments[i]);
        }
        return statement;
    }

    /** The driver's complaint on its way to the one place that turns it into a line for a person. */
    static final class SqliteFailure extends RuntimeException {
        private static final long serialVersionUID = 1;
        private final SQLException failure;

        SqliteFailure(SQLException failure) {
            super(failure);
            this.failure = failure;
        }

        SQLException failure() {
            return failure;
        }
    }

    long counter(String name) {
        return query("SELECT value FROM counter WHERE name = ?", row -> row.getLong(1), name)
                .getFirst();
    }

    void setCounter(String name, long value) {
        run("UPDATE counter SET value = ? WHERE name = ?", value, name);
    }

    private static Entry entry(ResultSet row) throws SQLException {
        return new Entry(
                Kind.valueOf(row.getString(1)),
                row.getString(2),
                row.getString(3),
                row.getLong(4),
                row.getLong(5),
                row.getLong(6));
    }

    private static final String ENTRY = "SELECT kind, key, value, version, create_revision, mod_revision FROM entry ";

    @Override
    public Optional<Entry> get(Kind kind, String key) {
        return query(ENTRY + "WHERE kind = ? AND key = ?", SqliteTables::entry, kind.name(), key).stream()
                .findFirst();
    }

    List<Entry> list(Kind kind) {
        return query(ENTRY + "WHERE kind = ? ORDER BY key", SqliteTables::entry, kind.name());
    }

    List<Entry> newest(Kind kind, int limit) {
        return query(
                ENTRY + "WHERE kind = ? ORDER BY create_revision DESC LIMIT ?",
                SqliteTables::entry,
                kind.name(),
                limit);
    }

    @Override
    public void put(Entry e) {
        run(
                "INSERT OR REPLACE INTO entry (kind, key, value, version, create_revision, mod_revision) VALUES (?,?,?,?,?,?)",
                e.kind().name(),
                e.key(),
                e.value(),
                e.version(),
                e.createRevision(),
                e.modRevision());
    }

    @Override
    public void remove(Kind kind, String key) {
        run("DELETE FROM entry WHERE kind = ? AND key = ?", kind.name(), key);
    }

    @Override
    public long reservedEpoch(VmId vm) {
        return query("SELECT reserved FROM epoch WHERE vm = ?", row -> row.getLong(1), vm.name()).stream()
                .findFirst()
                .orElse(0L);
    }

    long reserve(VmId vm) {
        run(
                "INSERT INTO epoch (vm, reserved) VALUES (?, 1) ON CONFLICT (vm) DO UPDATE SET reserved = reserved + 1",
                vm.name());
        return reservedEpoch(vm);
    }

    @Override
    public void addHistory(BoundSince bound) {
        Binding b = bound.binding();
        run(
                "INSERT INTO history (vm, epoch, gateway, since_us, revision, cause) VALUES (?,?,?,?,?,?)",
                b.vm().name(),
                b.epoch().number(),
                b.gateway().name(),
                bound.sinceUs(),
                bound.revision(),
                bound.cause());
    }

    List<BoundSince> history(VmId vm) {
        return query(
                "SELECT epoch, gateway, since_us, revision, cause FROM history WHERE vm = ? ORDER BY epoch",
                row -> new BoundSince(
                        new Binding(vm, new GatewayId(row.getString(2)), new Epoch(row.getLong(1))),
                        row.getLong(3),
                        row.getLong(4),
                        row.getString(5)),
                vm.name());
    }

    void addChanges(long revision, long atUs, List<Change> changes) {
        for (int i = 0; i < changes.size(); i++) {
            Change change = changes.get(i);
            run(
                    "INSERT INTO change (revision, ordinal, at_us, kind, key, value) VALUES (?,?,?,?,?,?)",
                    revision,
                    i,
                    atUs,
                    change.kind().name(),
                    change.key(),
                    change.value().orElse(null));
        }
    }

    /** Empty if some of them are no longer kept, or if this store never came that far. */
    Optional<List<Commit>> commitsAfter(long revision, int limit) {
        long now = counter("revision");
        if (revision == now) {
            return Optional.of(List.of());
        }
        if (revision > now || revision < counter("compacted")) {
            return Optional.empty();
        }
        List<Commit> rows = query(
                "SELECT revision, at_us, kind, key, value FROM change WHERE revision > ? AND revision <= ? ORDER BY revision, ordinal",
                row -> new Commit(
                        row.getLong(1),
                        row.getLong(2),
                        List.of(new Change(
                                Kind.valueOf(row.getString(3)),
                                row.getString(4),
                                Optional.ofNullable(row.getString(5))))),
                revision,
                revision + limit);
        return Optional.of(joined(rows));
    }

    private static List<Commit> joined(List<Commit> rows) {
        List<Commit> commits = new ArrayList<>();
        for (Commit row : rows) {
            if (!commits.isEmpty() && commits.getLast().revision() == row.revision()) {
                Commit last = commits.removeLast();
                List<Change> both = new ArrayList<>(last.changes());
                both.addAll(row.changes());
                commits.add(new Commit(last.revision(), last.atUs(), both));
            } else {
                commits.add(row);
            }
        }
        return commits;
    }
}

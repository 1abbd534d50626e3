// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;

/** The tables, and how an older file becomes a newer one. {@code PRAGMA user_version} is the number of steps done. */
final class SqliteSchema {
    /** Steps are only ever added. Each runs in a transaction of its own. */
    private static final List<List<String>> STEPS = List.of(List.of(
            "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
            "INSERT INTO counter VALUES ('revision', 0), ('compacted', 0)",
            """
            CREATE TABLE entry (
              kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, version INTEGER NOT NULL,
              create_revision INTEGER NOT NULL, mod_revision INTEGER NOT NULL,
              PRIMARY KEY (kind, key)) STRICT""",
            "CREATE INDEX entry_created ON entry (kind, create_revision)",
            // value NULL: the entry was deleted
            """
            CREATE TABLE change (
              revision INTEGER NOT NULL, ordinal INTEGER NOT NULL, at_us INTEGER NOT NULL,
              kind TEXT NOT NULL, key TEXT NOT NULL, value TEXT,
              PRIMARY KEY (revision, ordinal)) STRICT""",
            "CREATE TABLE epoch (vm TEXT PRIMARY KEY, reserved INTEGER NOT NULL) STRICT, WITHOUT ROWID",
            """
            CREATE TABLE history (
              vm TEXT NOT NULL, epoch INTEGER NOT NULL, gateway TEXT NOT NULL, since_us INTEGER NOT NULL,
              revision INTEGER NOT NULL, cause TEXT NOT NULL,
              PRIMARY KEY (vm, epoch)) STRICT, WITHOUT ROWID"""));

    private SqliteSchema() {}

    static void migrate(Connection connection, String file) throws SQLException {
        int done = version(connection);
        if (done > STEPS.size()) {
            throw new RegistryException("registry " + file + " was written by a newer Sojourn (schema " + done
                    + ", known " + STEPS.size() + "): use that version, or another state-dir");
        }
        for (int step = done; step < STEPS.size(); step++) {
            try (Statement statement = connection.createStatement()) {
                statement.execute("BEGIN IMMEDIATE");
                for (String sql : STEPS.get(step)) {
                    statement.execute(sql);
                }
                statement.execute("PRAGMA user_version = " + (step + 1));
                statement.execute("COMMIT");
            }
        }
    }

    private static int version(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("PRAGMA user_version")) {
            return row.next() ? row.getInt(1) : 0;
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.sqlite.SQLiteErrorCode;
import org.sqlite.SQLiteException;

/**
 * The store in one SQLite file, {@code registry.db} of the state directory.
 *
 * <p>Durability: WAL with {@code synchronous=FULL}, so a commit that returned survives a power cut. Threads: one platform thread
 * owns the writing connection (SQLite has one writer, and JNI would pin a virtual thread's carrier); reads take one of a few
 * read-only connections. A second process on the same file is kept out by a lock on {@code registry.lock}.
 */
public final class SqliteStore implements BindingStore {
    private static final int READERS = 3;
    private static final int COMPACT_EVERY = 512;

    /** How many revisions a watcher may lag behind or be away for. */
    static final int KEPT_REVISIONS = 8192;

    private final String file;
    private final Clock clock;
    private final FileChannel lockFile;
    private final ExecutorService writer = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().daemon().name("registry-writer").factory());
    private final SqliteTables writing;
    private final BlockingQueue<SqliteTables> readers = new ArrayBlockingQueue<>(READERS);
    private final Watcher.Bell bell = new Watcher.Bell();
    private final Set<Watch> watches = ConcurrentHashMap.newKeySet();
    private volatile boolean closed;

    private SqliteStore(String file, Clock clock, FileChannel lockFile, SqliteTables writing) {
        this.file = file;
        this.clock = clock;
        this.lockFile = lockFile;
        this.writing = writing;
    }

    /** Opens or creates the store of a state directory. @throws RegistryException with one clear line */
    public static SqliteStore open(Path stateDir, Clock clock) {
        Path db = stateDir.resolve("registry.db");
        FileChannel lock = lock(stateDir);
        Connection connection = null;
        try {
            SqliteLibrary.load(stateDir);
            connection = connect(db);
            try (Statement statement = connection.createStatement()) {
                statement.execute("PRAGMA journal_mode = WAL");
                statement.execute("PRAGMA synchronous = FULL");
            }
            check(connection, db.toString());
            SqliteSchema.migrate(connection, db.toString());
            restrict(db);
            SqliteStore store = new SqliteStore(db.toString(), clock, lock, new SqliteTables(connection));
            for (int i = 0; i < READERS; i++) {
                Connection reader = connect(db);
                try (Statement statement = reader.createStatement()) {
                    statement.execute("PRAGMA query_only = ON");
                }
                store.readers.add(new SqliteTables(reader));
            }
            store.bell.ring(store.revision());
            return store;
        } catch (SQLException e) {
            closeQuietly(connection);
            closeQuietly(lock);
            throw complaint(db.toString(), e);
        } catch (RuntimeException e) {
            closeQuietly(connection);
            closeQuietly(lock);
            throw e;
        }
    }

    private static FileChannel lock(Path stateDir) {
        FileChannel channel = null;
        try {
            Files.createDirectories(stateDir);
            channel = FileChannel.open(
                    stateDir.resolve("registry.lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            FileLock lock = channel.tryLock();
            if (lock != null) {
                return channel;
            }
        } catch (OverlappingFileLockException e) {
            // held in this very process: the same message
        } catch (AccessDeniedException e) {
            throw new RegistryException(
                    "registry in " + stateDir + " cannot be written: check the owner and mode of state-dir", e);
        } catch (IOException e) {
            throw new RegistryException(
                    "registry in " + stateDir + " cannot be opened (" + e.getMessage() + "): check state-dir", e);
        }
        closeQuietly(channel);
        throw new RegistryException("registry in " + stateDir
                + " is in use by another controller: stop that one, or use another state-dir");
    }

    private static Connection connect(Path db) throws SQLException {
        Connection connection = DriverManager.getConnection("jdbc:sqlite:" + db);
        // One statement each: of a multi-statement string only the first would be applied.
        try (Statement statement = connection.createStatement()) {
            statement.execute("PRAGMA busy_timeout = 5000");
            statement.execute("PRAGMA foreign_keys = ON");
        }
        return connection;
    }

    /** It holds key material. */
    private static void restrict(Path db) {
        try {
            Files.setPosixFilePermissions(db, PosixFilePermissions.fromString("rw-------"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (UnsupportedOperationException e) {
            // a file system without modes keeps its own rules
        }
    }

    private static void closeQuietly(@Nullable AutoCloseable closeable) {
        try {
            if (closeable != null) {
                closeable.close();
            }
        } catch (Exception e) {
            // it is being given up
        }
    }

    private static RegistryException complaint(String file, SQLException e) {
        SQLiteErrorCode code =
                e instanceof SQLiteException sqlite ? sqlite.getResultCode() : SQLiteErrorCode.UNKNOWN_ERROR;
        int primary = code.code & 0xFF; // extended codes carry the primary one in the low octet
        String what = switch (primary) {
            case 26 -> "is not a registry: move it away, or use another state-dir";
            case 11 -> damaged(file);
            case 5, 6 -> "is locked by another program: close what has it open (sqlite3?)";
            case 8 -> "cannot be written: check the owner and mode of the file and of state-dir";
            case 13 -> "cannot grow: the disk is full";
            case 14 -> "cannot be opened: check the owner and mode of state-dir";
            default -> "fails (" + e.getMessage() + ")";
        };
        return new RegistryException("registry " + file + " " + what, e);
    }

    /** Damage in a page that opening the file does not read is told by a row, not by an error (https://sqlite.org/pragma.html#pragma_quick_check). */
    private static void check(Connection connection, String file) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("PRAGMA quick_check(1)")) {
            String finding = rows.next() ? rows.getString(1) : "no answer";
            if (!finding.equals("ok")) {
                throw new RegistryException("registry " + file + " " + damaged(file), new SQLException(finding));
            }
        }
    }

    private static String damaged(String file) {
        return "is damaged: restore it from a backup (sqlite3 " + file + " .recover may help)";
    }

    private <T> T read(Function<SqliteTables, T> question) {
        SqliteTables tables;
        try {
            do {
                if (closed) {
                    throw new RegistryException("the registry is closed");
                }
                tables = readers.poll(100, TimeUnit.MILLISECONDS);
            } while (tables == null);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new RegistryException("interrupted while waiting for the registry", e);
        }
        try {
            return question.apply(tables);
        } catch (SqliteTables.SqliteFailure e) {
            throw complaint(file, e.failure());
        } finally {
            readers.add(tables);
        }
    }

    private <T> T write(Function<SqliteTables, T> work) {
        try {
            return writer.submit(() -> inTransaction(work)).get();
        } catch (RejectedExecutionException e) {
            throw new RegistryException("the registry is closed", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new RegistryException("interrupted while writing to the registry; the write may have happened", e);
        } catch (ExecutionException e) {
            if (e.getCause() instanceof ConflictException conflict) {
                throw new ConflictException(String.valueOf(conflict.getMessage()));
            }
            if (e.getCause() instanceof SqliteTables.SqliteFailure failure) {
                throw complaint(file, failure.failure());
            }
            throw new RegistryException("registry " + file + " fails: " + e.getCause(), e);
        }
    }

    private <T> T inTransaction(Function<SqliteTables, T> work) {
        writing.run("BEGIN IMMEDIATE");
        boolean done = false;
        try {
            T result = work.apply(writing);
            writing.run("COMMIT");
            done = true;
            return result;
        } finally {
            if (!done) {
                rollBack();
            }
        }
    }

    private void rollBack() {
        try {
            writing.run("ROLLBACK");
        } catch (SqliteTables.SqliteFailure e) {
            // SQLite has rolled back by itself; the first failure is on its way to the caller
        }
    }

    /** Trades durability for speed; for tests that commit thousands of times. */
    void relaxForTest() {
        try {
            writer.submit(() -> writing.run("PRAGMA synchronous = OFF")).get();
        } catch (InterruptedException | ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }

    @Override
    public long revision() {
        return read(tables -> tables.counter("revision"));
    }

    @Override
    public Optional<Entry> get(Kind kind, String key) {
        return read(tables -> tables.get(kind, key));
    }

    @Override
    public List<Entry> list(Kind kind) {
        return read(tables -> tables.list(kind));
    }

    @Override
    public List<Entry> newest(Kind kind, int limit) {
        return read(tables -> tables.newest(kind, limit));
    }

    @Override
    public long commit(List<Write> writes) {
        long atUs = ChronoUnit.MICROS.between(Instant.EPOCH, clock.instant());
        long revision = write(tables -> {
            long next = tables.counter("revision") + 1;
            List<Change> changes = WriteRules.apply(tables, writes, next, atUs);
            if (changes.isEmpty()) {
                return next - 1;
            }
            tables.setCounter("revision", next);
            tables.addChanges(next, atUs, changes);
            if (next % COMPACT_EVERY == 0 && next > KEPT_REVISIONS) {
                tables.run("DELETE FROM change WHERE revision <= ?", next - KEPT_REVISIONS);
                tables.setCounter("compacted", next - KEPT_REVISIONS);
            }
            return next;
        });
        bell.ring(revision);
        return revision;
    }

    @Override
    public Epoch reserveEpoch(VmId vm) {
        return new Epoch(write(tables -> tables.reserve(vm)));
    }

    @Override
    public Optional<Binding> binding(VmId vm) {
        return get(Kind.BINDING, vm.name()).map(e -> BindingText.parse(e.key(), e.value()));
    }

    @Override
    public List<Binding> bindings() {
        return list(Kind.BINDING).stream()
                .map(e -> BindingText.parse(e.key(), e.value()))
                .toList();
    }

    @Override
    public List<BoundSince> history(VmId vm) {
        return read(tables -> tables.history(vm));
    }

    @Override
    public Watch watch(long afterRevision, Listener listener) {
        Watcher watcher = new Watcher(
                new Watcher.CommitLog() {
                    @Override
                    public Optional<List<Commit>> after(long revision, int limit) {
                        return read(tables -> tables.commitsAfter(revision, limit));
                    }

                    @Override
                    public long revision() {
                        return SqliteStore.this.revision();
                    }
                },
                bell,
                afterRevision,
                listener);
        watches.add(watcher);
        return () -> {
            watches.remove(watcher);
            watcher.close();
        };
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        watches.forEach(Watch::close);
        closed = true;
        writer.shutdown();
        try {
            if (!writer.awaitTermination(10, TimeUnit.SECONDS)) {
                throw new RegistryException("registry " + file + " does not finish its last write");
            }
            for (int i = 0; i < READERS; i++) {
                SqliteTables reader = readers.poll(5, TimeUnit.SECONDS);
                if (reader != null) {
                    closeQuietly(reader.connection());
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        closeQuietly(writing.connection());
        closeQuietly(lockFile);
    }
}

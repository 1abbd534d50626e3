// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Pulls commits from a log on a thread of its own and hands them to one listener. The same for every engine. */
final class Watcher implements BindingStore.Watch {
    /** Where commits are read from. */
    interface CommitLog {
        /** The next commits after a revision, none if there is nothing new; empty Optional if they are no longer all kept. */
        Optional<List<Commit>> after(long revision, int limit);

        long revision();
    }

    /** Wakes the watchers of a store at each commit. */
    static final class Bell {
        private final ReentrantLock lock = new ReentrantLock();
        private final Condition rung = lock.newCondition();
        private long revision;

        void ring(long newRevision) {
            lock.lock();
            try {
                revision = Math.max(revision, newRevision);
                rung.signalAll();
            } finally {
                lock.unlock();
            }
        }

        private void awaitAfter(long seen) throws InterruptedException {
            lock.lockInterruptibly();
            try {
                while (revision <= seen) {
                    rung.await();
                }
            } finally {
                lock.unlock();
            }
        }
    }

    private static final Logger log = LoggerFactory.getLogger(Watcher.class);
    private static final int BATCH = 64;

    private final CommitLog commits;
    private final Bell bell;
    private final BindingStore.Listener listener;
    private final Thread thread;
    private volatile boolean closed;

    Watcher(CommitLog commits, Bell bell, long afterRevision, BindingStore.Listener listener) {
        this.commits = commits;
        this.bell = bell;
        this.listener = listener;
        this.thread = Thread.ofVirtual().name("registry-watch").start(() -> run(afterRevision));
    }

    private void run(long afterRevision) {
        long seen = afterRevision;
        try {
            while (!closed) {
                Optional<List<Commit>> next = commits.after(seen, BATCH);
                if (next.isEmpty()) {
                    seen = commits.revision();
                    listener.compacted(seen);
                    continue;
                }
                for (Commit commit : next.get()) {
                    if (closed) {
                        return;
                    }
                    listener.committed(commit);
                    seen = commit.revision();
                }
                if (next.get().isEmpty()) {
                    bell.awaitAfter(seen);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // closed while it waited
        } catch (RuntimeException e) {
            if (!closed) {
                log.error("a watch of the registry ended: {}", e.getMessage(), e);
            }
        }
    }

    @Override
    public void close() {
        closed = true;
        if (Thread.currentThread() == thread) {
            return;
        }
        thread.interrupt();
        try {
            thread.join(1000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

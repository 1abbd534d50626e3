// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.sojourn.rpc.Command;
import io.sojourn.rpc.Reply;
import io.sojourn.rpc.ToGateway;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One attached gateway, from its Hello to the end of its stream. One thread of its own sends, in this order: what has changed
 * in the table, then what is queued, so that a command never speaks of a VM that the gateway has not heard of. Nobody waits for a slow gateway: when its queue is full the stream ends and it starts afresh.
 */
final class Attachment {
    /** The gateway is not there, or went away before it answered. */
    static final class GoneException extends RuntimeException {
        private static final long serialVersionUID = 1;

        GoneException(String message) {
            super(message);
        }
    }

    /** The gateway answered that it does not do it. */
    static final class RefusedException extends RuntimeException {
        private static final long serialVersionUID = 1;

        RefusedException(String message) {
            super(message);
        }
    }

    private static final Logger log = LoggerFactory.getLogger(Attachment.class);
    private static final int QUEUE = 512;
    private static final AtomicLong COMMAND_IDS = new AtomicLong(System.currentTimeMillis() << 16);

    private final String gateway;
    private final long bootId;
    private final ServerCallStreamObserver<ToGateway> stream;
    private final ForwardingTable table;
    private final Map<Long, CompletableFuture<Reply>> pending = new ConcurrentHashMap<>();
    private final Runnable wake = this::wake;

    private final ReentrantLock lock = new ReentrantLock();
    private final Condition something = lock.newCondition();
    private final Deque<ToGateway> queue = new ArrayDeque<>();
    private boolean tableDue = true;
    private @Nullable Status ending;

    private volatile long appliedVersion;

    Attachment(String gateway, long bootId, ServerCallStreamObserver<ToGateway> stream, ForwardingTable table) {
        this.gateway = gateway;
        this.bootId = bootId;
        this.stream = stream;
        this.table = table;
    }

    String gateway() {
        return gateway;
    }

    long bootId() {
        return bootId;
    }

    long appliedVersion() {
        return appliedVersion;
    }

    void applied(long version) {
        appliedVersion = version;
    }

    /** @param welcome sent first, then the whole table, then everything else */
    void start(ToGateway welcome) {
        table.wakeOnChange(wake);
        Thread.ofVirtual().name("to-" + gateway).start(() -> run(welcome));
    }

    /** More can be sent, or the table has changed. */
    void wake() {
        lock.lock();
        try {
            tableDue = true;
            something.signalAll();
        } finally {
            lock.unlock();
        }
    }

    void send(ToGateway message) {
        lock.lock();
        try {
            if (ending != null) {
                return;
            }
            if (queue.size() >= QUEUE) {
                ending = Status.RESOURCE_EXHAUSTED.withDescription(
                        "too slow: " + QUEUE + " messages wait; attach again");
                log.warn("gateway {} does not take its messages: its stream is ended", gateway);
            } else {
                queue.add(message);
            }
            something.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Completes with the reply, or with RefusedException, TimeoutException or GoneException. */
    CompletableFuture<Reply> ask(Command.Builder command, Duration timeout) {
        long id = COMMAND_IDS.incrementAndGet();
        CompletableFuture<Reply> reply = new CompletableFuture<>();
        pending.put(id, reply);
        if (isEnding()) {
            reply.completeExceptionally(new GoneException(gateway + " is not connected"));
        }
        send(ToGateway.newBuilder().setCommand(command.setId(id)).build());
        CompletableFuture<Reply> bounded = reply.orTimeout(timeout.toMillis(), TimeUnit.MILLISECONDS);
        var _ = bounded.whenComplete((_, failure) -> {
            pending.remove(id);
            if (failure instanceof TimeoutException) {
                log.warn(
                        "gateway {} has not answered {} within {} s",
                        gateway,
                        command.getCommandCase(),
                        timeout.toSeconds());
            }
        });
        return bounded;
    }

    private boolean isEnding() {
        lock.lock();
        try {
            return ending != null;
        } finally {
            lock.unlock();
        }
    }

    void replied(Reply reply) {
        CompletableFuture<Reply> waiting = pending.get(reply.getCommandId());
        if (waiting == null) {
            log.info("gateway {} answers a command that nobody waits for any more", gateway);
        } else if (reply.getOk()) {
            waiting.complete(reply);
        } else {
            waiting.completeExceptionally(
                    new RefusedException(reply.getError().isEmpty() ? "refused without a reason" : reply.getError()));
        }
    }

    /** Ends the stream with a status, after the message that is being sent. */
    void end(Status status) {
        lock.lock();
        try {
            if (ending == null) {
                ending = status;
            }
            something.signalAll();
        } finally {
            lock.unlock();
        }
        table.forget(wake);
        pending.values().forEach(reply -> reply.completeExceptionally(new GoneException(gateway + " went away")));
    }

    private void run(ToGateway welcome) {
        try {
            stream.onNext(welcome);
            ToGateway whole = ToGateway.newBuilder()
                    .setTable(table.since(-1, gateway).orElseThrow())
                    .build();
            stream.onNext(whole);
            long sentVersion = whole.getTable().getVersion();
            while (true) {
                ToGateway next = next(sentVersion);
                if (next == null) {
                    return;
                }
                if (next.hasTable()) {
                    sentVersion = next.getTable().getVersion();
                }
                stream.onNext(next);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException e) {
            // The call is over; whoever saw it first says so.
            log.debug("sending to gateway {} failed", gateway, e);
        } finally {
            end(Status.UNAVAILABLE);
        }
    }

    /** The next message when the stream can take one; null when it has ended. */
    private @Nullable ToGateway next(long sentVersion) throws InterruptedException {
        while (true) {
            Status status;
            lock.lock();
            try {
                while (ending == null && !(stream.isReady() && (!queue.isEmpty() || tableDue))) {
                    something.await();
                }
                status = ending;
                if (status == null && !tableDue) {
                    return queue.removeFirst();
                }
                tableDue = false;
            } finally {
                lock.unlock();
            }
            if (status != null) {
                if (!stream.isCancelled()) {
                    stream.onError(status.asRuntimeException());
                }
                return null;
            }
            var update = table.since(sentVersion, gateway);
            if (update.isPresent()) {
                return ToGateway.newBuilder().setTable(update.get()).build();
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import io.sojourn.rpc.Applied;
import io.sojourn.rpc.ClockEcho;
import io.sojourn.rpc.Command;
import io.sojourn.rpc.FromGateway;
import io.sojourn.rpc.GatewayControlGrpc;
import io.sojourn.rpc.Hello;
import io.sojourn.rpc.Mat;
import io.sojourn.rpc.MigrationReport;
import io.sojourn.rpc.Reply;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.rpc.ToGateway;
import io.sojourn.rpc.Welcome;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The stream to the controller, kept up for as long as the gateway lives. Losing it changes nothing on the packet path: the
 * gateway forwards by the table it has, and says again what the controller has not acknowledged once it is back.
 *
 * <p>Thread-safe; all sending and reconnecting happens on one thread of its own.
 */
final class ControllerLink implements AutoCloseable {
    /** Everything that the controller says, called on gRPC's threads, one at a time. */
    interface Listener {
        void welcomed(Welcome welcome);

        void table(TableUpdate update);

        void command(Command command);

        void mat(Mat message);
    }

    private static final Logger LOG = LoggerFactory.getLogger(ControllerLink.class);
    private static final long FIRST_RETRY_MS = 200;
    private static final long LONGEST_RETRY_MS = 2_000;
    private static final long LONGEST_REFUSED_MS = 300_000;
    /** More unacknowledged reports than this means a controller away for days; the oldest go, counted. */
    private static final int UNACKED_BOUND = 10_000;

    private final ControllerAccess access;
    private final Supplier<Hello> hello;
    private final Listener listener;
    private final ScheduledExecutorService thread = ReadyThread.named("controller-link");
    private final Deque<MigrationReport> unacked = new ArrayDeque<>();
    private @Nullable StreamObserver<FromGateway> out;
    private int attempt;
    private long sequence;
    private long retryMs = FIRST_RETRY_MS;
    private boolean said;

    ControllerLink(ControllerAccess access, long firstSequence, Supplier<Hello> hello, Listener listener) {
        this.access = access;
        this.sequence = firstSequence;
        this.hello = hello;
        this.listener = listener;
    }

    void start() {
        thread.execute(this::connect);
    }

    /** Says it if the stream is up; else it is lost, which suits what is said again anyway (heartbeats, paths). */
    void send(FromGateway message) {
        thread.execute(() -> write(message));
    }

    void reply(Reply reply) {
        send(FromGateway.newBuilder().setReply(reply).build());
    }

    void applied(long version) {
        send(FromGateway.newBuilder()
                .setApplied(Applied.newBuilder().setVersion(version))
                .build());
    }

    /** Says it until the controller has acknowledged it, across reconnects. */
    void report(MigrationReport.Builder report) {
        thread.execute(() -> {
            MigrationReport numbered = report.setSequence(++sequence).build();
            unacked.addLast(numbered);
            if (unacked.size() > UNACKED_BOUND) {
                unacked.removeFirst();
            }
            write(FromGateway.newBuilder().setMigration(numbered).build());
        });
    }

    private void connect() {
        int mine = ++attempt;
        ManagedChannel channel;
        try {
            channel = access.channel();
            // gRPC waits longer and longer between its own attempts, and fails ours at once meanwhile.
            channel.resetConnectBackoff();
        } catch (GatewayException e) {
            lost(mine, Status.UNAVAILABLE.withDescription(e.getMessage()));
            return;
        }
        // What the listener does waits for nobody, so it needs no thread of its own; a command may be what every packet
        // waits for.
        out = GatewayControlGrpc.newStub(channel).withExecutor(Runnable::run).attach(new StreamObserver<>() {
            @Override
            public void onNext(ToGateway message) {
                received(message);
            }

            @Override
            public void onError(Throwable error) {
                thread.execute(() -> lost(mine, Status.fromThrowable(error)));
            }

            @Override
            public void onCompleted() {
                thread.execute(() -> lost(mine, Status.UNAVAILABLE.withDescription("closed by the controller")));
            }
        });
        write(FromGateway.newBuilder().setHello(hello.get()).build());
    }

    private void received(ToGateway message) {
        try {
            switch (message.getMessageCase()) {
                case WELCOME -> {
                    listener.welcomed(message.getWelcome());
                    thread.execute(this::welcomed);
                }
                case TABLE -> listener.table(message.getTable());
                case COMMAND -> listener.command(message.getCommand());
                case REPORT_ACK -> {
                    long upTo = message.getReportAck().getSequence();
                    thread.execute(() -> unacked.removeIf(report -> report.getSequence() == upTo));
                }
                case CLOCK -> echo(message.getClock().getSentUs());
                case MAT -> listener.mat(message.getMat());
                case MESSAGE_NOT_SET -> LOG.debug("a message of a newer controller was ignored");
            }
        } catch (RuntimeException e) {
            LOG.error("a message of the controller could not be carried out: {}", message.getMessageCase(), e);
        }
    }

    /** At once, from gRPC's own thread: what waits here would count as distance. */
    private void echo(long sentUs) {
        ClockEcho echo = ClockEcho.newBuilder()
                .setSentUs(sentUs)
                .setAtUs(WallClock.nowUs())
                .build();
        send(FromGateway.newBuilder().setClock(echo).build());
    }

    private void welcomed() {
        LOG.info("controller: connected");
        retryMs = FIRST_RETRY_MS;
        said = false;
        List<MigrationReport> again = new ArrayList<>(unacked);
        for (MigrationReport report : again) {
            write(FromGateway.newBuilder().setMigration(report).build());
        }
    }

    private void lost(int which, Status status) {
        if (which != attempt) {
            return;
        }
        out = null;
        if (!said) {
            LOG.warn("controller: not connected ({}); forwarding goes on, trying again", oneLine(status));
            said = true;
        }
        thread.schedule(this::connect, retryMs, TimeUnit.MILLISECONDS);
        retryMs = nextRetryMs(retryMs, status);
    }

    /** Who is refused by name is told the same for a long time; who does not reach anybody may at any moment. */
    static long nextRetryMs(long retryMs, Status status) {
        boolean refused =
                status.getCode() == Status.Code.UNAUTHENTICATED || status.getCode() == Status.Code.PERMISSION_DENIED;
        return Math.min(retryMs * 2, refused ? LONGEST_REFUSED_MS : LONGEST_RETRY_MS);
    }

    static String oneLine(Status status) {
        String why = status.getDescription() == null ? "" : status.getDescription();
        Throwable cause = status.getCause();
        while (cause != null && cause.getCause() != null) {
            cause = cause.getCause();
        }
        return status.getCode() + (why.isEmpty() ? "" : ": " + why) + (cause == null ? "" : ": " + cause.getMessage());
    }

    private void write(FromGateway message) {
        StreamObserver<FromGateway> stream = out;
        if (stream != null) {
            try {
                stream.onNext(message);
            } catch (IllegalStateException e) {
                LOG.debug("the stream to the controller is closing", e);
            }
        }
    }

    @Override
    public void close() {
        thread.shutdownNow();
        access.close();
    }
}

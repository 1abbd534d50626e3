// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.sojourn.registry.RegistryException;
import io.sojourn.registry.SqliteStore;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.time.Clock;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** {@code sojourn controller}: opens the registry, both ports, says {@code ready}, and runs until SIGTERM or SIGINT. */
public final class ControllerProcess implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(ControllerProcess.class);

    /** A gateway that is gone without a word is noticed after at most the sum of these two. */
    private static final int KEEP_ALIVE_TIME_S = 4;

    private static final int KEEP_ALIVE_TIMEOUT_S = 3;
    private static final int MAX_MESSAGE_BYTES = 4 << 20;
    /** Gateways renew theirs when a third of it is left. */
    private static final Duration CERTIFICATE_LIFE = Duration.ofDays(90);

    private final SqliteStore store;
    private final Controller controller;
    private final Server grpc;
    private final ExecutorService handlers;
    private final int restPort;
    private final int dnsPort;

    private ControllerProcess(
            SqliteStore store,
            Controller controller,
            Server grpc,
            ExecutorService handlers,
            int restPort,
            int dnsPort) {
        this.store = store;
        this.controller = controller;
        this.grpc = grpc;
        this.handlers = handlers;
        this.restPort = restPort;
        this.dnsPort = dnsPort;
    }

    /**
     * Runs until the process is told to end.
     *
     * @return the exit status: 0 after a clean end, 1 if it could not start (one line on standard error says why)
     */
    public static int run(ControllerConfig config) {
        return run(config, System.out, System.err);
    }

    static int run(ControllerConfig config, PrintStream out, PrintStream err) {
        ControllerProcess process;
        try {
            process = start(config);
        } catch (RegistryException | ConfigException e) {
            err.println("sojourn controller: " + e.getMessage());
            return 1;
        }
        CountDownLatch ended = new CountDownLatch(1);
        CountDownLatch told = new CountDownLatch(1);
        Thread hook = Thread.ofPlatform().name("shutdown").unstarted(() -> {
            told.countDown();
            try {
                if (!ended.await(10, TimeUnit.SECONDS)) {
                    log.warn("not ended within 10 s; what is stored is safe");
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        });
        Runtime.getRuntime().addShutdownHook(hook);
        out.println("ready rest=" + config.rest().getHostString() + ":" + process.restPort() + " grpc="
                + config.grpc().getHostString() + ":" + process.grpcPort());
        out.flush();
        try {
            told.await();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        process.close();
        ended.countDown();
        return 0;
    }

    /** @throws ConfigException if a port is taken @throws RegistryException if the registry cannot be opened */
    public static ControllerProcess start(ControllerConfig config) {
        checkFree("rest", config.rest());
        checkFree("grpc", config.grpc());
        Clock clock = Clock.systemUTC();
        SqliteStore store = SqliteStore.open(config.stateDir(), clock);
        CertificateAuthority authority;
        ServerIdentity identity;
        try {
            authority = CertificateAuthority.open(config.stateDir(), clock);
            identity = new ServerIdentity(config.stateDir(), authority, names(config), clock);
        } catch (RuntimeException e) {
            store.close();
            throw e;
        }
        Audit audit = new Audit(config.stateDir(), clock);
        Enrolments enrolments = new Enrolments(store, authority, audit, clock, CERTIFICATE_LIFE);
        Controller controller = new Controller(store, enrolments, audit, enrolments::refusal, config.timeouts(), clock);
        ExecutorService handlers = Executors.newVirtualThreadPerTaskExecutor();
        try {
            controller.start();
            controller.presharedKeys(config.presharedKeyLife());
            controller.hourly(identity::renewIfDue);
            int dnsPort = config.dns().map(controller::serveNames).orElse(0);
            boolean open = !config.rest().getAddress().isLoopbackAddress();
            int restPort = controller.serveRest(
                    config.rest(), config.apiToken(), open ? Optional.of(identity.forOperators()) : Optional.empty());
            Server grpc = NettyServerBuilder.forAddress(config.grpc())
                    .executor(handlers)
                    .sslContext(identity.forGateways())
                    .intercept(new Caller.Interceptor())
                    .keepAliveTime(KEEP_ALIVE_TIME_S, TimeUnit.SECONDS)
                    .keepAliveTimeout(KEEP_ALIVE_TIMEOUT_S, TimeUnit.SECONDS)
                    .permitKeepAliveTime(1, TimeUnit.SECONDS)
                    .permitKeepAliveWithoutCalls(true)
                    .maxInboundMessageSize(MAX_MESSAGE_BYTES)
                    .addService(controller.service())
                    .addService(controller.enrolment())
                    .build()
                    .start();
            return new ControllerProcess(store, controller, grpc, handlers, restPort, dnsPort);
        } catch (IOException e) {
            giveUp(store, controller, handlers);
            throw taken("grpc", config.grpc(), e);
        } catch (RuntimeException e) {
            giveUp(store, controller, handlers);
            throw e;
        }
    }

    /** What operators may call this controller, for its certificate. */
    private static Set<String> names(ControllerConfig config) {
        Set<String> names = new TreeSet<>(config.names());
        InetAddress rest = config.rest().getAddress();
        if (!rest.isAnyLocalAddress() && !rest.isLoopbackAddress()) {
            names.add(rest.getHostAddress());
        }
        return names;
    }

    private static void giveUp(SqliteStore store, Controller controller, ExecutorService handlers) {
        controller.close();
        handlers.shutdownNow();
        store.close();
    }

    /** Asked first, so that a taken port is one clear line and nothing was begun. */
    private static void checkFree(String key, InetSocketAddress address) {
        try (ServerSocket probe = new ServerSocket()) {
            probe.setReuseAddress(true);
            probe.bind(address);
        } catch (IOException e) {
            throw taken(key, address, e);
        }
    }

    private static ConfigException taken(String key, InetSocketAddress address, IOException e) {
        String at = address.getHostString() + ":" + address.getPort();
        return new ConfigException(
                "cannot listen on " + at + " (" + e.getMessage() + "): stop what has that port, or change '" + key
                        + "' in controller.yaml",
                e);
    }

    public int restPort() {
        return restPort;
    }

    /** 0: it answers no names. */
    public int dnsPort() {
        return dnsPort;
    }

    public int grpcPort() {
        return grpc.getPort();
    }

    @Override
    public void close() {
        log.info("ending");
        controller.close();
        grpc.shutdown();
        try {
            if (!grpc.awaitTermination(2, TimeUnit.SECONDS)) {
                grpc.shutdownNow();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        handlers.shutdown();
        store.close();
    }
}

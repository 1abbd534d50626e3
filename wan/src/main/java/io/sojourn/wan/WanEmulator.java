// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import io.sojourn.linux.EventFd;
import io.sojourn.linux.Poller;
import io.sojourn.linux.SyscallException;
import io.sojourn.linux.Threads;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The WAN emulator's devices and its one forwarding thread: it sleeps until a packet comes, is due, or a command was posted.
 * All state is that thread's own; others reach it by {@link #call} alone.
 */
final class WanEmulator implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(WanEmulator.class);

    /** Packets read from one place before the others and the due ones have their turn. */
    private static final int BURST = 64;

    private final List<TapDevice> devices = new ArrayList<>();
    private final Forwarder forwarder;
    private final WanConfig config;
    private final EventFd event = new EventFd();
    private final ConcurrentLinkedQueue<FutureTask<?>> commands = new ConcurrentLinkedQueue<>();
    private final Thread thread = Thread.ofPlatform().name("wan-forwarder").unstarted(this::run);
    private volatile boolean stopped;
    private volatile @Nullable RuntimeException failure;

    /** Attaches to the device of each place; a missing namespace or device is named by {@link IllegalStateException}. */
    WanEmulator(WanConfig config) {
        this.config = config;
        List<Place> places = new ArrayList<>();
        try {
            for (WanConfig.PlaceConfig place : config.places()) {
                TapDevice device = TapDevice.open(place);
                devices.add(device);
                List<Prefix> prefixes =
                        place.prefixes().stream().map(Prefix::parse).toList();
                places.add(new Place(place.name(), device, prefixes));
            }
        } catch (RuntimeException unattached) {
            devices.forEach(TapDevice::close);
            event.close();
            throw unattached;
        }
        forwarder = new Forwarder(places, links(config, places), (long) config.memoryMib() << 20);
    }

    static @Nullable Link[][] links(WanConfig config, List<Place> places) {
        @Nullable Link[][] links = new Link[places.size()][places.size()];
        for (int from = 0; from < places.size(); from++) {
            for (int to = 0; to < places.size(); to++) {
                LinkProfile profile = profile(config, places.get(from).name, places.get(to).name);
                if (from != to && profile != null) {
                    links[from][to] = new Link(places.get(from), places.get(to), profile, config.seed());
                }
            }
        }
        return links;
    }

    private static @Nullable LinkProfile profile(WanConfig config, String from, String to) {
        LinkProfile profile = config.defaultLink().orElse(null);
        for (WanConfig.LinkConfig link : config.links()) {
            if (link.from().equals(from) && link.to().equals(to)) {
                profile = link.profile();
            }
        }
        return profile;
    }

    void start() {
        thread.start();
    }

    /** Runs a task on the forwarding thread and waits for its result; it must be short, since no packet moves meanwhile. */
    <T> T call(Callable<T> task) throws Exception {
        FutureTask<T> future = new FutureTask<>(task);
        commands.add(future);
        event.wake();
        if (stopped) {
            runCommands();
        }
        try {
            return future.get();
        } catch (ExecutionException failed) {
            throw failed.getCause() instanceof Exception cause ? cause : failed;
        }
    }

    /** For tasks given to {@link #call}. */
    Forwarder forwarder() {
        return forwarder;
    }

    private void run() {
        Threads.preciseTimers();
        try {
            if (config.realtime()) {
                Threads.setRealtime(Threads.Rank.WORLD);
                Threads.setCollectorFirst();
            }
        } catch (SyscallException notPrivileged) {
            LOG.warn("{}; packets may come out late while the machine is busy", notPrivileged.getMessage());
        }
        int places = devices.size();
        int[] fds = new int[places + 1];
        for (int i = 0; i < places; i++) {
            fds[i] = devices.get(i).fd();
        }
        fds[places] = event.fd();
        try (Poller poller = new Poller(fds)) {
            while (!stopped) {
                poller.poll(sleepNs());
                if (poller.readable(places)) {
                    event.drain();
                    runCommands();
                }
                forwarder.deliver(System::nanoTime);
                for (int i = 0; i < places; i++) {
                    if (poller.failed(i)) {
                        // Its namespace or device was removed; the other places go on.
                        LOG.warn("place {}: its device is gone", forwarder.places()[i].name);
                        forwarder.places()[i].down = true;
                        poller.remove(i);
                    } else if (poller.readable(i)) {
                        forwarder.receive(i, BURST, System::nanoTime);
                        forwarder.deliver(System::nanoTime);
                    }
                }
            }
        } catch (RuntimeException broken) {
            LOG.error("the WAN emulator stops: {}", broken.getMessage(), broken);
            failure = broken;
        } finally {
            stopped = true;
            runCommands();
            closeCaptures();
        }
    }

    private long sleepNs() {
        long dueNs = forwarder.nextDueNs();
        return dueNs == Long.MAX_VALUE ? -1 : Math.max(0, dueNs - System.nanoTime());
    }

    private void runCommands() {
        for (FutureTask<?> task = commands.poll(); task != null; task = commands.poll()) {
            task.run();
        }
    }

    private void closeCaptures() {
        for (Place place : forwarder.places()) {
            PcapWriter capture = place.capture;
            place.capture = null;
            if (capture != null) {
                capture.close();
            }
        }
    }

    /** Ends the forwarding thread; what is under way is lost. */
    void stop() {
        stopped = true;
        event.wake();
    }

    /** Waits for the forwarding thread to end; false if it ended by a failure, which was logged. */
    boolean join() throws InterruptedException {
        thread.join();
        return failure == null;
    }

    void awaitEnd(long atMostMs) throws InterruptedException {
        thread.join(atMostMs);
    }

    @Override
    public void close() {
        devices.forEach(TapDevice::close);
        forwarder.close();
        event.close();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * Many UDP flows between a host and a guest, each of its own port, on one thread: numbered datagrams to the guest's echo service, some often, some seldom. A flow that the guest begins is
 * one whose other end is where its first datagram comes from.
 */
final class WorldDatagrams implements AutoCloseable {
    private static final int BYTES = 16;
    private static final long OFTEN_NS = 200_000_000L;
    private static final long SELDOM_NS = 5_000_000_000L;
    private static final long TICK_MS = 10;

    private static final class Flow {
        final DatagramChannel channel;
        final long periodNs;
        final BitSet answered = new BitSet();
        InetSocketAddress peer;
        long nextNs;
        int sent;
        int twice;

        Flow(DatagramChannel channel, InetSocketAddress peer, long periodNs, long nextNs) {
            this.channel = channel;
            this.peer = peer;
            this.periodNs = periodNs;
            this.nextNs = nextNs;
        }
    }

    private static final InetSocketAddress NOBODY = new InetSocketAddress(0);

    private final Selector selector;
    private final List<Flow> flows = new ArrayList<>();
    private final ByteBuffer scratch = ByteBuffer.allocateDirect(64);
    private volatile boolean silent;

    /**
     * @param targets one flow each, begun here
     * @param awaited addresses and ports here at which the guest begins one
     */
    WorldDatagrams(Place place, List<InetSocketAddress> targets, List<InetSocketAddress> awaited) {
        selector = place.call(() -> {
            Selector made = Selector.open();
            for (InetSocketAddress target : targets) {
                add(made, DatagramChannel.open(), target);
            }
            for (InetSocketAddress here : awaited) {
                add(made, DatagramChannel.open().bind(here), NOBODY);
            }
            return made;
        });
        place.start("world-datagrams", this::loop);
    }

    private void add(Selector made, DatagramChannel channel, InetSocketAddress peer) throws IOException {
        channel.configureBlocking(false);
        long periodNs = flows.size() % 5 == 4 ? SELDOM_NS : OFTEN_NS;
        Flow flow = new Flow(channel, peer, periodNs, System.nanoTime() + flows.size() * 7_000_000L % periodNs);
        channel.register(made, SelectionKey.OP_READ, flow);
        flows.add(flow);
    }

    private void loop() {
        try {
            while (selector.isOpen()) {
                selector.select(key -> receive((Flow) key.attachment()), TICK_MS);
                long now = System.nanoTime();
                synchronized (flows) {
                    for (Flow flow : flows) {
                        send(flow, now);
                    }
                }
            }
        } catch (IOException | ClosedSelectorException e) {
            // closed: the figures are as they are
        }
    }

    private void receive(Flow flow) {
        try {
            scratch.clear();
            InetSocketAddress from = (InetSocketAddress) flow.channel.receive(scratch);
            if (from == null) {
                return;
            }
            synchronized (flows) {
                if (flow.peer.equals(NOBODY)) {
                    flow.peer = from;
                } else if (from.equals(flow.peer)
                        && scratch.flip().remaining() >= BYTES
                        && scratch.getLong(8) == ~scratch.getLong(0)) { // else what began the flow, once more
                    int number = (int) scratch.getLong(0);
                    flow.twice += flow.answered.get(number) ? 1 : 0;
                    flow.answered.set(number);
                }
            }
        } catch (IOException e) {
            // a refusal shows as a datagram that is lost
        }
    }

    private void send(Flow flow, long now) {
        if (silent || flow.peer.equals(NOBODY) || now < flow.nextNs) {
            return;
        }
        flow.nextNs = Math.max(flow.nextNs + flow.periodNs, now);
        scratch.clear();
        scratch.putLong(flow.sent).putLong(~(long) flow.sent).flip();
        try {
            flow.channel.send(scratch, flow.peer);
            flow.sent++;
        } catch (IOException e) {
            flow.sent++; // counted as lost
        }
    }

    /** Where the guest's flows come from; null for one that has not begun. */
    List<InetSocketAddress> peers() {
        synchronized (flows) {
            return flows.stream().map(flow -> flow.peer).toList();
        }
    }

    long begun() {
        return peers().stream().filter(peer -> !peer.equals(NOBODY)).count();
    }

    /** Nothing more is sent until {@link #speak}; returns when everything has been answered, or after the bound. */
    void pause(long boundNs) {
        silent = true;
        long deadline = System.nanoTime() + boundNs;
        while (lost() > 0 && System.nanoTime() < deadline) {
            LockSupport.parkNanos(10_000_000);
        }
    }

    void speak() {
        silent = false;
    }

    /** What has been lost so far does not count: all of it was lost before the flows had all begun. */
    void countFromNow(long boundNs) {
        pause(boundNs);
        synchronized (flows) {
            for (Flow flow : flows) {
                flow.sent = 0;
                flow.twice = 0;
                flow.answered.clear();
            }
        }
        speak();
    }

    long sent() {
        synchronized (flows) {
            return flows.stream().mapToLong(flow -> flow.sent).sum();
        }
    }

    /** Not answered so far. */
    long lost() {
        synchronized (flows) {
            return flows.stream()
                    .mapToLong(flow -> flow.sent - flow.answered.cardinality())
                    .sum();
        }
    }

    long twice() {
        synchronized (flows) {
            return flows.stream().mapToLong(flow -> flow.twice).sum();
        }
    }

    @Override
    public void close() {
        try {
            selector.close();
            for (Flow flow : flows) {
                flow.channel.close();
            }
        } catch (IOException e) {
            // they are of no use any more
        }
    }
}

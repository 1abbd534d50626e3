// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;

/**
 * One TCP connection to the guest's echo service. Byte n of a stream is a function of its seed and n, so each byte that comes back is checked against what was sent
 * without keeping any of it. Owned by the thread of its {@link TcpStreams}; the counters may be read by others.
 */
final class EchoStream {
    /** How a stream behaves: {@code bytes} at once, each {@code periodMs}. A silent one says nothing until it is woken. */
    enum Pace {
        BUSY(2_000, 200),
        IDLE(16, 1_000),
        SILENT(16, 0);

        private final int bytes;
        private final long periodNs;

        Pace(int bytes, long periodMs) {
            this.bytes = bytes;
            this.periodNs = periodMs * 1_000_000;
        }
    }

    private static final long STALL_NS = 10_000_000_000L;

    private final long seed;
    private final Pace pace;
    private final InetSocketAddress target;
    private final SocketChannel channel;
    private final ByteBuffer pending;
    private long nextSendNs;
    private volatile long sent;
    private volatile long received;
    private volatile long mismatched;
    private volatile long progressNs;
    private volatile boolean connected;
    private volatile String broken = "";

    /** The channel belongs to the namespace of the calling thread; nothing is sent before {@link #connect}. */
    EchoStream(InetSocketAddress target, Pace pace, long seed) throws IOException {
        this.target = target;
        this.pace = pace;
        this.seed = seed;
        this.pending = ByteBuffer.allocate(pace.bytes).limit(0);
        channel = SocketChannel.open(
                target.getAddress() instanceof Inet4Address
                        ? StandardProtocolFamily.INET
                        : StandardProtocolFamily.INET6);
        channel.configureBlocking(false);
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
    }

    /** The guest has opened it, to a program there that gives back what it hears. */
    EchoStream(SocketChannel accepted, Pace pace, long seed) throws IOException {
        this.target = (InetSocketAddress) accepted.getRemoteAddress();
        this.pace = pace;
        this.seed = seed;
        this.pending = ByteBuffer.allocate(pace.bytes).limit(0);
        channel = accepted;
        channel.configureBlocking(false);
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        connected = true;
    }

    void connect(Selector selector) throws IOException {
        progressNs = System.nanoTime();
        // Not all at once: the seed spreads the streams over the period.
        nextSendNs = pace.periodNs == 0 ? Long.MAX_VALUE : progressNs + Math.floorMod(seed, pace.periodNs);
        if (connected) {
            channel.register(selector, SelectionKey.OP_READ, this);
            return;
        }
        channel.register(selector, SelectionKey.OP_CONNECT, this);
        channel.connect(target);
    }

    /** Byte number {@code n} of stream {@code seed} (the finaliser of SplittableRandom, eight bytes from each value). */
    static byte at(long seed, long n) {
        long z = seed + (n >>> 3) * 0x9e3779b97f4a7c15L;
        z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
        z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
        return (byte) ((z ^ (z >>> 31)) >>> ((n & 7) * 8));
    }

    void onReady(SelectionKey key, ByteBuffer scratch) {
        try {
            if (key.isConnectable() && channel.finishConnect()) {
                connected = true;
                progressNs = System.nanoTime();
                key.interestOps(SelectionKey.OP_READ);
            }
            if (key.isReadable()) {
                read(scratch);
            }
        } catch (IOException e) {
            fail(e.getMessage() == null ? e.toString() : e.getMessage());
        }
    }

    private void read(ByteBuffer scratch) throws IOException {
        scratch.clear();
        int count = channel.read(scratch);
        if (count < 0) {
            fail("closed by the guest");
            return;
        }
        long position = received;
        for (int i = 0; i < count; i++, position++) {
            if (position >= sent || scratch.get(i) != at(seed, position)) {
                mismatched++;
            }
        }
        received = position;
        progressNs = System.nanoTime();
    }

    /** Sends what is due. A period whose bytes do not fit into the socket's buffer is left out: TCP's own pace counts. */
    void onTime(long nowNs) {
        if (!isOpen() || nowNs < nextSendNs) {
            return;
        }
        nextSendNs = pace.periodNs == 0 ? Long.MAX_VALUE : Math.max(nextSendNs + pace.periodNs, nowNs);
        try {
            if (!pending.hasRemaining()) {
                pending.clear();
                for (int i = 0; i < pace.bytes; i++) {
                    pending.put(at(seed, sent + i));
                }
                pending.flip();
            }
            if (sent == received) {
                progressNs = nowNs;
            }
            sent += channel.write(pending);
        } catch (IOException e) {
            fail(e.getMessage() == null ? e.toString() : e.getMessage());
        }
    }

    /** A silent stream speaks once. */
    void wake() {
        if (pace == Pace.SILENT) {
            nextSendNs = System.nanoTime();
        }
    }

    private void fail(String reason) {
        broken = pace + " stream to " + target.getAddress().getHostAddress() + ": " + reason;
        close();
    }

    void close() {
        try {
            channel.close();
        } catch (IOException e) {
            // it is of no use any more
        }
    }

    /** Connected, not broken, and its echo does not lag by more than 10 s. */
    boolean isOpen() {
        return connected && broken.isEmpty();
    }

    /** Why it counts as broken; empty if it does not. */
    String broken() {
        if (broken.isEmpty() && connected && sent > received && System.nanoTime() - progressNs > STALL_NS) {
            return pace + " stream to " + target.getAddress().getHostAddress() + ": no echo for 10 s";
        }
        return broken;
    }

    /** Something has come back since then, or nothing was to come. */
    boolean caughtUpSince(long ns) {
        return received == sent || progressNs - ns > 0;
    }

    /** The attempt to connect is over, well or badly. */
    boolean isDecided() {
        return connected || !broken.isEmpty();
    }

    boolean isConnected() {
        return connected;
    }

    long mismatched() {
        return mismatched;
    }

    long received() {
        return received;
    }

    InetSocketAddress target() {
        return target;
    }
}

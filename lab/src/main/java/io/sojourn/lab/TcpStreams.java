// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/** The TCP streams of one correspondent, on one thread in its place. */
final class TcpStreams implements AutoCloseable {
    private static final long TICK_MS = 10;
    /** How many connect at the same time: inetd's listen queue holds 10, for all correspondents together. */
    private static final int CONNECTING = 3;

    private final Place place;
    private final Selector selector;
    private final List<EchoStream> streams;

    /** Opens {@code count} streams: two in five busy, two idle, one silent; alternately to the first and the second target. */
    TcpStreams(Place place, List<InetSocketAddress> targets, int count, long seed) {
        this.place = place;
        List<EchoStream> opened = new ArrayList<>();
        selector = place.call(() -> {
            Selector made = Selector.open();
            for (int i = 0; i < count; i++) {
                opened.add(new EchoStream(targets.get(i / 5 % targets.size()), pace(i), mix(seed, i)));
            }
            return made;
        });
        streams = List.copyOf(opened);
        place.start("streams", this::loop);
    }

    /** Those that the guest has opened, with the same paces. */
    TcpStreams(Place place, List<SocketChannel> accepted, long seed) {
        this.place = place;
        List<EchoStream> opened = new ArrayList<>();
        selector = place.call(() -> {
            Selector made = Selector.open();
            for (int i = 0; i < accepted.size(); i++) {
                opened.add(new EchoStream(accepted.get(i), pace(i), mix(seed, i)));
            }
            return made;
        });
        streams = List.copyOf(opened);
        place.start("streams", this::loop);
    }

    private static EchoStream.Pace pace(int i) {
        return switch (i % 5) {
            case 0, 1 -> EchoStream.Pace.BUSY;
            case 2, 3 -> EchoStream.Pace.IDLE;
            default -> EchoStream.Pace.SILENT;
        };
    }

    private static long mix(long seed, int index) {
        return new java.util.SplittableRandom(seed * 1_000_003 + index).nextLong();
    }

    Place place() {
        return place;
    }

    List<EchoStream> streams() {
        return streams;
    }

    /** @throws LabException naming the stream that does not connect within {@code bound} */
    void awaitConnected(Duration bound) {
        long deadline = System.nanoTime() + bound.toNanos();
        for (EchoStream stream : streams) {
            while (!stream.isConnected()) {
                if (System.nanoTime() > deadline || !stream.broken().isEmpty()) {
                    throw new LabException("no TCP connection from " + place.name() + " to the guest at "
                            + stream.target().getAddress().getHostAddress() + " within " + bound.toSeconds() + " s "
                            + stream.broken());
                }
                LockSupport.parkNanos(5_000_000);
            }
        }
    }

    /** Lets the silent ones speak once. */
    void wakeSilent() {
        streams.forEach(EchoStream::wake);
        selector.wakeup();
    }

    @Override
    public void close() {
        try {
            selector.close();
        } catch (IOException e) {
            // its thread has ended
        }
        streams.forEach(EchoStream::close);
    }

    private void loop() {
        ByteBuffer scratch = ByteBuffer.allocateDirect(1 << 16);
        try {
            int started = 0;
            while (selector.isOpen()) {
                while (started < streams.size()
                        && (started < CONNECTING
                                || streams.get(started - CONNECTING).isDecided())) {
                    streams.get(started++).connect(selector);
                }
                selector.select(key -> ((EchoStream) key.attachment()).onReady(key, scratch), TICK_MS);
                long now = System.nanoTime();
                for (EchoStream stream : streams) {
                    stream.onTime(now);
                }
            }
        } catch (IOException | ClosedSelectorException e) {
            // closed: the streams are as they are
        }
    }
}

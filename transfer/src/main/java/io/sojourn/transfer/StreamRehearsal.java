// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.locks.LockSupport;

/**
 * A stream from this process to itself, through both carriers and real Unix sockets, with datagrams handed over in memory. Run once before a process is ready, it
 * leaves the code of both ends compiled: the sender of a process's first migration would otherwise be interpreted for its first seconds, and the thread that
 * carries everybody's packets would be busy with nothing else.
 */
public final class StreamRehearsal implements CarrierEvents {
    private static final int CHUNK_BYTES = 1 << 16;
    private static final long BOUND_NS = 5_000_000_000L;

    private static final int SHORT_PART = 8;

    private volatile boolean ended;

    private StreamRehearsal() {}

    /**
     * Carries {@code bytes} and returns how many datagrams that took. Never longer than 5 s, and never with an exception: a rehearsal that fails has cost nothing.
     *
     * @param folder for two sockets, removed again
     */
    public static long run(Path folder, long bytes) {
        Path from = folder.resolve("rehearsal-source");
        Path to = folder.resolve("rehearsal-destination");
        try {
            // The short one first, whole: what is compiled in the long one shall know both the copy and the pause.
            long datagrams = new StreamRehearsal().carry(from, to, bytes / SHORT_PART);
            return datagrams + new StreamRehearsal().carry(from, to, bytes);
        } catch (IOException | TransferException e) {
            return 0;
        } finally {
            remove(from);
            remove(to);
        }
    }

    private long carry(Path from, Path to, long bytes) throws IOException {
        remove(from);
        remove(to);
        StreamToken token = StreamToken.random();
        StreamParameters parameters = StreamParameters.defaults();
        Thread forwarder = Thread.currentThread();
        Runnable wake = () -> LockSupport.unpark(forwarder);
        try (ServerSocketChannel incoming = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            incoming.bind(UnixDomainSocketAddress.of(to), 1);
            Thread reader =
                    Thread.ofPlatform().daemon().name("rehearsal-reader").start(() -> read(incoming));
            SourceCarrier source = SourceCarrier.listen(token, from, new byte[0], parameters, this, wake);
            DestinationCarrier destination = DestinationCarrier.connectTo(token, to, parameters, this, wake);
            Thread writer =
                    Thread.ofPlatform().daemon().name("rehearsal-writer").start(() -> write(from, bytes));
            try {
                return shuttle(source, destination, bytes / 2);
            } finally {
                source.close();
                destination.close();
                writer.interrupt();
                reader.interrupt();
            }
        }
    }

    /** @param pauseAtBytes from there on it goes as in a guest's pause; code that first ran then would run interpreted, and the guest would wait for it */
    private long shuttle(SourceCarrier source, DestinationCarrier destination, long pauseAtBytes) {
        long datagrams = 0;
        boolean isPaused = false;
        long deadlineNs = System.nanoTime() + BOUND_NS;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment out = arena.allocate(Math.max(source.maxDatagramBytes(), destination.maxDatagramBytes()), 8);
            while (!(ended && source.done())) {
                long nowNs = System.nanoTime();
                if (nowNs > deadlineNs) {
                    break;
                }
                if (!isPaused && source.bytesRead() >= pauseAtBytes) {
                    isPaused = true;
                    source.park();
                    source.expedite();
                }
                int there = source.poll(nowNs, out, 0);
                if (there > 0) {
                    destination.onDatagram(out, 0, there, nowNs);
                }
                int back = destination.poll(nowNs, out, 0);
                if (back > 0) {
                    source.onDatagram(out, 0, back, nowNs);
                }
                if (there + back > 0) {
                    datagrams++;
                } else {
                    long dueNs = Math.min(source.nextDueNs(nowNs), destination.nextDueNs(nowNs));
                    LockSupport.parkNanos(this, Math.clamp(dueNs - nowNs, 1_000, 1_000_000));
                }
            }
        }
        return datagrams;
    }

    private static void write(Path to, long bytes) {
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(to))) {
            ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
            for (long left = bytes; left > 0; left -= channel.write(chunk)) {
                chunk.clear().limit((int) Math.min(left, CHUNK_BYTES));
            }
        } catch (IOException e) {
            // The carrier ended the rehearsal.
        }
    }

    private static void read(ServerSocketChannel incoming) {
        try (SocketChannel channel = incoming.accept()) {
            ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
            while (channel.read(chunk.clear()) >= 0) {
                // what comes is of no interest
            }
        } catch (IOException e) {
            // as above
        }
    }

    private static void remove(Path socket) {
        try {
            Files.deleteIfExists(socket);
        } catch (IOException e) {
            // In a folder that is emptied at the next start.
        }
    }

    @Override
    public void finished(long bytes) {
        ended = true;
    }

    @Override
    public void failed(String reason) {
        ended = true;
    }
}

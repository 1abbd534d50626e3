// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.concurrent.atomic.AtomicLong;

/** One TCP stream between two places, as fast as it goes: what makes gateways send super-frames. */
final class BulkStream implements AutoCloseable {
    private static final int PORT = 7_009;
    private static final int CHUNK_BYTES = 64 << 10;

    private final ServerSocketChannel server;
    private final SocketChannel sender;
    private final AtomicLong received = new AtomicLong();
    private volatile String broken = "";

    private BulkStream(ServerSocketChannel server, SocketChannel sender) {
        this.server = server;
        this.sender = sender;
    }

    static BulkStream start(Place from, Place to, String address) {
        try {
            ServerSocketChannel server = to.call(ServerSocketChannel::open);
            server.bind(new InetSocketAddress(address, PORT));
            SocketChannel sender = from.call(SocketChannel::open);
            BulkStream stream = new BulkStream(server, sender);
            to.start("bulk-receiver", stream::receive);
            sender.connect(new InetSocketAddress(address, PORT));
            from.start("bulk-sender", stream::send);
            return stream;
        } catch (IOException e) {
            throw new LabException("no stream from " + from.name() + " to " + address + ": " + e.getMessage(), e);
        }
    }

    long receivedBytes() {
        return received.get();
    }

    /** Why it ended; empty while it runs. */
    String broken() {
        return broken;
    }

    private void receive() {
        ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
        try (SocketChannel channel = server.accept()) {
            for (int n = channel.read(chunk); n >= 0; n = channel.read(chunk.clear())) {
                received.addAndGet(n);
            }
            broken = "the sender ended it";
        } catch (IOException e) {
            broken = "receiver: " + e.getMessage();
        }
    }

    private void send() {
        ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);
        try {
            while (true) {
                sender.write(chunk.clear());
            }
        } catch (IOException e) {
            broken = "sender: " + e.getMessage();
        }
    }

    @Override
    public void close() {
        try {
            sender.close();
            server.close();
        } catch (IOException e) {
            throw new LabException("cannot end a stream: " + e.getMessage(), e);
        }
    }
}

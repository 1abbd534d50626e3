// SPDX-License-Identifier: Apache-2.0
package io.sojourn.dns;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Asks a {@link Responder} for whoever comes by UDP or TCP, at one address and port. */
public final class DnsServer implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(DnsServer.class);
    /** As RFC 7766 section 6.2.3 wants it: a few seconds, so that nobody can hold all connections. */
    private static final int TCP_IDLE_MS = 10_000;

    private static final int TCP_CONNECTIONS_MAX = 100;
    private static final int MESSAGE_MAX_BYTES = 65_535;
    private static final int BIND_ATTEMPTS = 16;

    private final Responder responder;
    private final DatagramSocket udp;
    private final ServerSocket tcp;
    private final Semaphore connections = new Semaphore(TCP_CONNECTIONS_MAX);

    private DnsServer(Responder responder, DatagramSocket udp, ServerSocket tcp) {
        this.responder = responder;
        this.udp = udp;
        this.tcp = tcp;
    }

    /**
     * @param address port 0 takes one that is free for both
     * @throws IOException if it cannot listen there
     */
    public static DnsServer start(Responder responder, InetSocketAddress address) throws IOException {
        for (int attempt = 1; ; attempt++) {
            ServerSocket tcp = new ServerSocket();
            try {
                tcp.setReuseAddress(true);
                tcp.bind(address);
                DatagramSocket udp =
                        new DatagramSocket(new InetSocketAddress(address.getAddress(), tcp.getLocalPort()));
                DnsServer server = new DnsServer(responder, udp, tcp);
                Thread.ofPlatform().daemon().name("dns-udp").start(server::serveUdp);
                Thread.ofPlatform().daemon().name("dns-tcp").start(server::serveTcp);
                return server;
            } catch (IOException e) {
                tcp.close();
                if (address.getPort() != 0 || attempt == BIND_ATTEMPTS) {
                    throw e;
                }
            }
        }
    }

    public int port() {
        return tcp.getLocalPort();
    }

    private void serveUdp() {
        DatagramPacket packet = new DatagramPacket(new byte[MESSAGE_MAX_BYTES], MESSAGE_MAX_BYTES);
        while (!udp.isClosed()) {
            try {
                packet.setLength(MESSAGE_MAX_BYTES);
                udp.receive(packet);
                byte[] query = Arrays.copyOf(packet.getData(), packet.getLength());
                Optional<byte[]> answer = responder.answer(query, false);
                if (answer.isPresent() && packet.getPort() != 0) {
                    udp.send(new DatagramPacket(answer.get(), answer.get().length, packet.getSocketAddress()));
                }
            } catch (IOException | RuntimeException e) {
                if (!udp.isClosed()) {
                    log.debug("a datagram could not be answered", e);
                }
            }
        }
    }

    private void serveTcp() {
        while (!tcp.isClosed()) {
            try {
                Socket socket = tcp.accept();
                if (connections.tryAcquire()) {
                    Thread.ofVirtual().name("dns-tcp-connection").start(() -> converse(socket));
                } else {
                    socket.close();
                }
            } catch (IOException e) {
                if (!tcp.isClosed()) {
                    log.debug("a connection could not be taken", e);
                }
            }
        }
    }

    private void converse(Socket socket) {
        try (socket) {
            socket.setSoTimeout(TCP_IDLE_MS);
            DataInputStream in = new DataInputStream(socket.getInputStream());
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            while (true) {
                byte[] query = new byte[in.readUnsignedShort()];
                in.readFully(query);
                Optional<byte[]> answer = responder.answer(query, true);
                if (answer.isEmpty()) {
                    return;
                }
                byte[] framed = new byte[2 + answer.get().length];
                framed[0] = (byte) (answer.get().length >>> 8);
                framed[1] = (byte) answer.get().length;
                System.arraycopy(answer.get(), 0, framed, 2, answer.get().length);
                out.write(framed); // length and message in one segment (RFC 7766 section 8)
            }
        } catch (IOException e) {
            // the other end is done
        } finally {
            connections.release();
        }
    }

    @Override
    public void close() {
        udp.close();
        try {
            tcp.close();
        } catch (IOException e) {
            log.debug("closing", e);
        }
    }
}

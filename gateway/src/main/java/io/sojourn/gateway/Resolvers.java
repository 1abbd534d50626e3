// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * Asks the site's resolvers what guests ask (RFC 1035, RFC 7766). Messages pass as they are, but for their number: each question goes from a port of its own under a random one (RFC 5452), and an answer must have that
 * number and that question. Who does not answer is asked no more for this question; if nobody does, the guest is told that it failed.
 *
 * <p>Threads: a virtual one for each question; answers come on it.
 */
final class Resolvers {
    static final int PORT = 53;
    static final int HEADER_BYTES = 12;
    static final int MOST_BYTES = 0xFFFF;
    private static final int QUESTIONS_MOST = 512;
    private static final int PATIENCE_MS = 2_000;
    private static final int RESPONSE = 0x80;
    private static final int SERVER_FAILURE = 2;

    private final List<InetSocketAddress> servers;
    private final SecureRandom random = new SecureRandom();
    private final Semaphore room = new Semaphore(QUESTIONS_MOST);

    Resolvers(List<InetSocketAddress> servers) {
        this.servers = List.copyOf(servers);
    }

    /** Whether these octets are one question, which is all that is passed on. */
    static boolean isQuestion(byte[] message) {
        return message.length > HEADER_BYTES
                && (message[2] & RESPONSE) == 0
                && message[4] == 0
                && message[5] == 1
                && questionEnd(message) > 0;
    }

    /** Behind the first question; 0: it is cut off. */
    private static int questionEnd(byte[] message) {
        int at = HEADER_BYTES;
        while (at < message.length && message[at] != 0) {
            int length = message[at] & 0xFF;
            if (length > 63) {
                return 0; // nothing stands before it that could be pointed at
            }
            at += 1 + length;
        }
        return at + 5 <= message.length ? at + 5 : 0;
    }

    /**
     * Asks in the background.
     *
     * @param question {@link #isQuestion}
     * @param stream by TCP
     * @return false: too many are under way
     */
    boolean ask(byte[] question, boolean stream, Consumer<byte[]> answered) {
        if (!room.tryAcquire()) {
            return false;
        }
        Thread.ofVirtual().name("resolver").start(() -> {
            try {
                answered.accept(answer(question, stream));
            } finally {
                room.release();
            }
        });
        return true;
    }

    private byte[] answer(byte[] question, boolean stream) {
        for (InetSocketAddress server : servers) {
            byte[] asked = question.clone();
            int number = random.nextInt(0x1_0000);
            asked[0] = (byte) (number >>> 8);
            asked[1] = (byte) number;
            try {
                Optional<byte[]> answer = stream ? byStream(server, asked) : byDatagram(server, asked);
                if (answer.isPresent()) {
                    answer.get()[0] = question[0];
                    answer.get()[1] = question[1];
                    return answer.get();
                }
            } catch (IOException e) {
                // the next one may be there
            }
        }
        return header(question, 0, SERVER_FAILURE);
    }

    /** Whether an answer is to that question. */
    private static boolean isTo(byte[] asked, byte[] answer) {
        int end = questionEnd(asked);
        return answer.length >= end
                && (answer[2] & RESPONSE) != 0
                && Arrays.equals(answer, 0, 2, asked, 0, 2)
                && Arrays.equals(answer, HEADER_BYTES, end, asked, HEADER_BYTES, end);
    }

    private static Optional<byte[]> byDatagram(InetSocketAddress server, byte[] asked) throws IOException {
        try (DatagramSocket socket = new DatagramSocket()) {
            socket.connect(server);
            socket.send(new DatagramPacket(asked, asked.length));
            byte[] room = new byte[MOST_BYTES];
            long untilNs = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(PATIENCE_MS);
            for (long leftNs = untilNs - System.nanoTime(); leftNs > 0; leftNs = untilNs - System.nanoTime()) {
                socket.setSoTimeout((int) Math.max(1, TimeUnit.NANOSECONDS.toMillis(leftNs)));
                DatagramPacket heard = new DatagramPacket(room, room.length);
                socket.receive(heard);
                byte[] answer = Arrays.copyOf(room, heard.getLength());
                if (isTo(asked, answer)) {
                    return Optional.of(answer);
                }
            }
        } catch (SocketTimeoutException e) {
            // nobody there
        }
        return Optional.empty();
    }

    private static Optional<byte[]> byStream(InetSocketAddress server, byte[] asked) throws IOException {
        try (Socket socket = new Socket()) {
            socket.setSoTimeout(PATIENCE_MS);
            socket.setTcpNoDelay(true);
            socket.connect(server, PATIENCE_MS);
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            byte[] framed = new byte[2 + asked.length];
            framed[0] = (byte) (asked.length >>> 8);
            framed[1] = (byte) asked.length;
            System.arraycopy(asked, 0, framed, 2, asked.length);
            out.write(framed);
            DataInputStream in = new DataInputStream(socket.getInputStream());
            byte[] answer = new byte[in.readUnsignedShort()];
            in.readFully(answer);
            return isTo(asked, answer) ? Optional.of(answer) : Optional.empty();
        }
    }

    /** The question with a header of an answer, and no more: flags beside those of the question. */
    private static byte[] header(byte[] question, int moreFlags, int code) {
        byte[] out = Arrays.copyOf(question, questionEnd(question));
        out[2] = (byte) (out[2] & 0x79 | RESPONSE | moreFlags);
        out[3] = (byte) (0x80 | code);
        Arrays.fill(out, 6, HEADER_BYTES, (byte) 0);
        return out;
    }

    /** What a guest is told instead of an answer that is longer than a datagram may be: it asks again by TCP. */
    static byte[] truncated(byte[] answer) {
        return header(answer, 2, answer[3] & 0xF);
    }
}

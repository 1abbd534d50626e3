// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.linux.Threads;
import java.io.IOException;
import java.net.Inet4Address;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.DatagramChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;

/**
 * Numbered datagrams at a fixed rate from a correspondent to the guest's echo service, and when each came back. Two threads in the correspondent's place, ahead
 * of everything else on the machine, so that what is measured is the network and not this program.
 *
 * <p>Payload, 64 octets: number (8), its complement (8), then the number repeated.
 */
final class UdpProbe implements AutoCloseable {
    static final int PAYLOAD_BYTES = 64;
    private static final long NS_PER_MS = 1_000_000;

    private final Place place;
    private final DatagramChannel channel;
    private final long intervalNs;
    private final LongLog sentNs = new LongLog();
    private final LongLog receivedNs = new LongLog();
    private final LongLog extraReplies = new LongLog();
    private final LongAdder damaged = new LongAdder();
    private volatile long next;
    private volatile boolean closed;

    UdpProbe(Place place, InetSocketAddress target, int rateHz) {
        this.place = place;
        this.intervalNs = 1_000_000_000L / rateHz;
        this.channel = place.call(() -> {
            DatagramChannel opened = DatagramChannel.open(
                    target.getAddress() instanceof Inet4Address
                            ? StandardProtocolFamily.INET
                            : StandardProtocolFamily.INET6);
            opened.setOption(StandardSocketOptions.SO_RCVBUF, 4 << 20);
            return opened.connect(target);
        });
        place.start("probe-send", this::send);
        place.start("probe-receive", this::receive);
    }

    Place place() {
        return place;
    }

    int rateHz() {
        return (int) (1_000_000_000L / intervalNs);
    }

    /** The number of the probe that will be sent next. */
    long next() {
        return next;
    }

    /** Waits until every probe from {@code begin} to before {@code end} has been answered or {@link System#nanoTime} is at the deadline. */
    void awaitReplies(long begin, long end, long deadlineNs) {
        for (long i = begin; i < end; i++) {
            while (receivedNs.get(i) == 0 && System.nanoTime() < deadlineNs) {
                LockSupport.parkNanos(5 * NS_PER_MS);
            }
        }
    }

    /** One of those sent from then on has been answered. */
    boolean answeredSince(long number) {
        for (long i = number; i < next; i++) {
            if (receivedNs.get(i) != 0) {
                return true;
            }
        }
        return false;
    }

    /** Figures of the probes {@code begin} to {@code end}, the latter not included. */
    ProbeFigures figures(long begin, long end) {
        int count = (int) (end - begin);
        long[] sent = new long[count];
        long[] received = new long[count];
        long duplicated = 0;
        for (int i = 0; i < count; i++) {
            sent[i] = sentNs.get(begin + i);
            received[i] = receivedNs.get(begin + i);
            duplicated += extraReplies.get(begin + i);
        }
        return ProbeFigures.of(sent, received, duplicated, intervalNs);
    }

    /** When the probes without a reply were sent, in seconds after {@code originNs}: up to {@code most} stretches. */
    String lostStretches(long begin, long end, long originNs, int most) {
        List<String> stretches = new ArrayList<>();
        for (long i = begin; i < end; i++) {
            if (receivedNs.get(i) != 0) {
                continue;
            }
            long last = i;
            while (last + 1 < end && receivedNs.get(last + 1) == 0) {
                last++;
            }
            stretches.add(String.format(
                    Locale.ROOT,
                    "%d at %.3f-%.3f s",
                    last - i + 1,
                    (sentNs.get(i) - originNs) / 1e9,
                    (sentNs.get(last) - originNs) / 1e9));
            i = last;
        }
        int more = stretches.size() - most;
        return String.join(", ", stretches.subList(0, Math.min(most, stretches.size())))
                + (more > 0 ? " and " + more + " stretches more" : "");
    }

    /** The first of those whose reply came after that to a later one: when it was sent, in seconds after {@code originNs}, and how late it was. */
    String firstLate(long begin, long end, long originNs) {
        long earliest = Long.MAX_VALUE;
        String first = "";
        for (long i = end - 1; i >= begin; i--) {
            long received = receivedNs.get(i);
            if (received != 0 && received > earliest) {
                first = String.format(
                        Locale.ROOT,
                        "%.3f s, %.3f ms after its successor",
                        (sentNs.get(i) - originNs) / 1e9,
                        (received - earliest) / 1e6);
            }
            earliest = received == 0 ? earliest : Math.min(earliest, received);
        }
        return first;
    }

    /** Replies that were not what had been sent. */
    long damaged() {
        return damaged.sum();
    }

    void forgetBefore(long index) {
        sentNs.forgetBefore(index);
        receivedNs.forgetBefore(index);
        extraReplies.forgetBefore(index);
    }

    @Override
    public void close() {
        closed = true;
        try {
            channel.close();
        } catch (IOException e) {
            // nothing is read from it any more
        }
    }

    private void send() {
        favour();
        ByteBuffer datagram = ByteBuffer.allocateDirect(PAYLOAD_BYTES);
        long dueNs = System.nanoTime();
        while (!closed) {
            long number = next;
            datagram.clear();
            datagram.putLong(number).putLong(~number);
            while (datagram.hasRemaining()) {
                datagram.putLong(number);
            }
            datagram.flip();
            sentNs.set(number, System.nanoTime());
            next = number + 1;
            try {
                channel.write(datagram);
            } catch (ClosedChannelException e) {
                return;
            } catch (IOException e) {
                // An ICMP error shows here; the probe counts as sent, and as lost when no reply comes.
            }
            dueNs += intervalNs;
            long waitNs = dueNs - System.nanoTime();
            if (waitNs > 0) {
                LockSupport.parkNanos(waitNs);
            } else if (waitNs < -100 * NS_PER_MS) {
                dueNs = System.nanoTime();
            }
        }
    }

    private void receive() {
        favour();
        ByteBuffer datagram = ByteBuffer.allocateDirect(2048);
        while (!closed) {
            datagram.clear();
            try {
                channel.read(datagram);
            } catch (PortUnreachableException e) {
                continue;
            } catch (ClosedChannelException e) {
                return;
            } catch (IOException e) {
                continue;
            }
            long now = System.nanoTime();
            datagram.flip();
            if (datagram.remaining() != PAYLOAD_BYTES || datagram.getLong(0) != ~datagram.getLong(8)) {
                damaged.increment();
                continue;
            }
            long number = datagram.getLong(0);
            if (number < 0 || number >= next) {
                damaged.increment();
            } else if (receivedNs.get(number) == 0) {
                receivedNs.set(number, now);
            } else {
                extraReplies.set(number, extraReplies.get(number) + 1);
            }
        }
    }

    /** A judge that is late itself would call the network late. */
    private static void favour() {
        Threads.preciseTimers();
        Threads.setRealtime(Threads.Rank.WORLD);
    }
}

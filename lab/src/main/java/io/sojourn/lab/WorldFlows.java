// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.MacAddress;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Checksum;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;

/**
 * 200 flows between a guest and a host of the world outside, half of them IPv6:
 *
 * <pre>
 *   60 TCP in   busy, idle, silent   host -> floating address -> the guest's echo service
 *   60 TCP out  the same             the guest's nc -> SNAT -> host
 *   20 TCP out  half-closed          the guest has said its last; the host goes on, and the guest writes it to a file
 *   30 UDP in   often, seldom        host -> floating address -> echo
 *   30 UDP out  the same             begun by the guest's port, through SNAT; the host goes on with what it saw
 * </pre>
 */
final class WorldFlows implements AutoCloseable {
    static final int COUNT = 200;
    private static final int TCP_IN = 60;
    private static final int TCP_OUT = 60;
    private static final int HALF_CLOSED = 20;
    private static final int UDP_IN = 30;
    private static final int UDP_OUT = 30;
    private static final int OUT_PORT = 9_000;
    private static final int HALF_PORT = 9_001;
    private static final int FIRST_UDP_PORT = 20_000;
    private static final int ECHO_PORT = 7;
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final long REPLIES_NS = 3_000_000_000L;
    private static final String GATEWAY_MAC = "02:53:4a:00:00:01";
    /** What a half-closed one is told, each second. */
    private static final byte[] LINE =
            "the host has not said its last word\n".getBytes(java.nio.charset.StandardCharsets.US_ASCII);

    private final Lab lab;
    private final GuestPlan plan;
    private final Place host;
    private final String host4;
    private final String host6;
    private final TcpStreams in;
    private final TcpStreams out;
    private final List<SocketChannel> accepted;
    private final List<SocketChannel> half;
    private final WorldDatagrams datagrams;
    private final Thread teller;
    private volatile boolean telling = true;
    private volatile int told;
    private volatile int refused;

    /** Returns when every flow has begun. The VM is at home. */
    WorldFlows(Lab lab, GuestPlan plan, Place host, int number, String floating4, String floating6, long seed) {
        this.lab = lab;
        this.plan = plan;
        this.host = host;
        this.host4 = Topology.wanAddress4(number);
        this.host6 = Topology.wanAddress6(number);
        List<InetSocketAddress> echo =
                List.of(new InetSocketAddress(floating4, ECHO_PORT), new InetSocketAddress(floating6, ECHO_PORT));
        in = new TcpStreams(host, echo, TCP_IN, seed);
        in.awaitConnected(PATIENCE);
        accepted = accept(OUT_PORT, TCP_OUT, "nc -e cat");
        out = new TcpStreams(host, accepted, seed + 1);
        half = accept(HALF_PORT, HALF_CLOSED, "nc");
        List<InetSocketAddress> targets = new ArrayList<>();
        for (int i = 0; i < UDP_IN; i++) {
            targets.add(echo.get(i % 2));
        }
        List<InetSocketAddress> awaited = new ArrayList<>();
        for (int i = 0; i < UDP_OUT; i++) {
            awaited.add(new InetSocketAddress(i % 2 == 0 ? host4 : host6, FIRST_UDP_PORT + i));
        }
        datagrams = new WorldDatagrams(host, targets, awaited);
        beginDatagrams();
        teller = host.start("half-closed", this::tell);
    }

    /** The guest opens connections to a port here, half of them by IPv6; they go on when the shell that started them has ended. */
    private List<SocketChannel> accept(int port, int count, String program) {
        String output = port == HALF_PORT ? "/tmp/half-$i" : "/dev/null";
        String input = "</dev/null >" + output;
        String script = "i=0; while [ $i -lt " + count + " ]; do if [ $((i%2)) = 0 ]; then h=" + host4 + "; else h="
                + host6 + "; fi; setsid " + arguments(program, port) + " " + input
                + " 2>/dev/null & i=$((i+1)); usleep 60000; done";
        return host.call(() -> {
            try (ServerSocketChannel server = ServerSocketChannel.open().bind(new InetSocketAddress(port), 256)) {
                server.configureBlocking(false);
                Thread.ofVirtual().start(() -> begin(script));
                List<SocketChannel> channels = new ArrayList<>();
                long deadline = System.nanoTime() + PATIENCE.toNanos();
                while (channels.size() < count) {
                    SocketChannel channel = server.accept();
                    if (channel != null) {
                        channels.add(channel);
                    } else if (System.nanoTime() > deadline) {
                        throw new LabException("of " + count + " connections that the guest was to open to " + host4
                                + " port " + port + " " + channels.size() + " have come");
                    } else {
                        LockSupport.parkNanos(5_000_000);
                    }
                }
                return channels;
            }
        });
    }

    private static String arguments(String program, int port) {
        return program.equals("nc") ? "nc $h " + port : "nc $h " + port + " -e cat";
    }

    private String guest(String script) {
        Place near = lab.place(plan.home().name() + "-c");
        return Command.run(SshSession.command(lab.run(), near, lab.image(), plan.address4(), script));
    }

    /** What does not begin is missed by who waits for it. */
    private void begin(String script) {
        try {
            guest(script);
        } catch (LabException e) {
            org.slf4j.LoggerFactory.getLogger(WorldFlows.class).warn("{}", e.getMessage());
        }
    }

    /** A datagram on the guest's own LAN that has come from the host, as far as the guest can see: its answer begins a flow of the guest's own. */
    private void beginDatagrams() {
        Place near = lab.place(plan.home().name() + "-c");
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        while (datagrams.begun() < UDP_IN + UDP_OUT) {
            List<byte[]> frames = new ArrayList<>();
            for (int i = 0; i < UDP_OUT; i++) {
                frames.add(datagram(i % 2 != 0, FIRST_UDP_PORT + i));
            }
            Forger.send(near, "eth0", frames);
            if (System.nanoTime() > deadline) {
                throw new LabException("of " + UDP_OUT + " flows of datagrams from the guest "
                        + (datagrams.begun() - UDP_IN) + " have begun");
            }
            LockSupport.parkNanos(500_000_000);
        }
    }

    private byte[] datagram(boolean v6, int port) {
        int length = 8 + 16;
        int header = v6 ? Ipv6.HEADER_BYTES : Ipv4.HEADER_BYTES;
        IpAddress from = IpAddress.parse(v6 ? host6 : host4);
        IpAddress to = IpAddress.parse(v6 ? plan.address6() : plan.address4());
        try (Arena arena = Arena.ofConfined()) {
            int total = Ethernet.HEADER_BYTES + header + length;
            MemorySegment s = arena.allocate(total);
            Ethernet.write(
                    s,
                    0,
                    MacAddress.parse(plan.mac()).bits(),
                    MacAddress.parse(GATEWAY_MAC).bits(),
                    v6 ? EtherType.IPV6 : EtherType.IPV4);
            long ip = Ethernet.HEADER_BYTES;
            if (v6) {
                Ipv6.write(s, ip, 0, length, IpProtocol.UDP, 60, from.high(), from.low(), to.high(), to.low());
            } else {
                Ipv4.write(s, ip, 0, header + length, Ipv4.DONT_FRAGMENT, 60, IpProtocol.UDP, from.low(), to.low());
            }
            long udp = ip + header;
            BigEndian.putU16(s, udp, port);
            BigEndian.putU16(s, udp + 2, ECHO_PORT);
            BigEndian.putU16(s, udp + 4, length);
            long pseudo = v6
                    ? Checksum.pseudoHeader6(from.high(), from.low(), to.high(), to.low(), IpProtocol.UDP, length)
                    : Checksum.pseudoHeader4(from.low(), to.low(), IpProtocol.UDP, length);
            BigEndian.putU16(s, udp + 6, Checksum.finish(pseudo + Checksum.sum(s, udp, length)));
            return s.toArray(ValueLayout.JAVA_BYTE);
        }
    }

    /** A guest without KVM that starts 80 programs loses datagrams in its own queues: they count from when it has done so. */
    void countFromNow() {
        datagrams.countFromNow(REPLIES_NS);
    }

    private void tell() {
        while (telling) {
            for (SocketChannel channel : half) {
                try {
                    channel.write(ByteBuffer.wrap(LINE));
                } catch (IOException e) {
                    refused++;
                }
            }
            told++;
            LockSupport.parkNanos(1_000_000_000);
        }
    }

    /** By which addresses the guest is seen. */
    List<String> seenAs() {
        try {
            List<String> seen = new ArrayList<>();
            for (SocketChannel channel : accepted) {
                seen.add(((InetSocketAddress) channel.getRemoteAddress())
                        .getAddress()
                        .getHostAddress());
            }
            return seen.stream().distinct().sorted().toList();
        } catch (IOException e) {
            throw new LabException("a connection of the guest's has no other end: " + e.getMessage(), e);
        }
    }

    /** The guest opens one more connection by each family; by which addresses it is seen. */
    List<String> seenAnew(int port) {
        List<String> seen = new ArrayList<>();
        for (SocketChannel channel : accept(port, 2, "nc")) {
            try (channel) {
                seen.add(((InetSocketAddress) channel.getRemoteAddress())
                        .getAddress()
                        .getHostAddress());
            } catch (IOException e) {
                throw new LabException("cannot close a connection: " + e.getMessage(), e);
            }
        }
        return seen;
    }

    /** What is wrong so far, one line each. Datagrams that are under way are waited for. */
    List<String> faults() {
        datagrams.pause(REPLIES_NS);
        List<String> faults = new ArrayList<>();
        for (TcpStreams streams : List.of(in, out)) {
            for (EchoStream stream : streams.streams()) {
                if (!stream.isOpen() || !stream.broken().isEmpty()) {
                    faults.add((streams == in ? "TCP in: " : "TCP out: ") + stream.broken());
                }
                if (stream.mismatched() > 0) {
                    faults.add(stream.mismatched() + " octets came back wrong");
                }
            }
        }
        if (refused > 0) {
            faults.add(refused + " writes to half-closed connections failed");
        }
        if (datagrams.lost() + datagrams.twice() > 0) {
            faults.add("of " + datagrams.sent() + " datagrams " + datagrams.lost() + " lost, " + datagrams.twice()
                    + " answered twice");
        }
        datagrams.speak();
        return faults;
    }

    /** At the end: the silent speak, and what the half-closed have been told has all come. */
    List<String> lastFaults() {
        long began = System.nanoTime();
        in.wakeSilent();
        out.wakeSilent();
        telling = false;
        LockSupport.parkNanos(REPLIES_NS);
        List<String> faults = new ArrayList<>(faults());
        for (TcpStreams streams : List.of(in, out)) {
            long behind = streams.streams().stream()
                    .filter(stream -> !stream.caughtUpSince(began))
                    .count();
            if (behind > 0) {
                faults.add(behind + " TCP flows " + (streams == in ? "in" : "out") + " did not answer at the end");
            }
        }
        try {
            teller.join(PATIENCE);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        long wanted = (long) LINE.length * told * HALF_CLOSED;
        long has = Long.parseLong(guest("cat /tmp/half-* | wc -c").strip());
        long lines = Long.parseLong(guest("cat /tmp/half-* | grep -cx '"
                        + new String(LINE, java.nio.charset.StandardCharsets.US_ASCII).strip() + "'")
                .strip());
        if (has != wanted || lines != (long) told * HALF_CLOSED) {
            faults.add("half-closed flows: the guest has " + has + " octets in " + lines + " lines of " + wanted);
        }
        return faults;
    }

    String figures() {
        return String.format(
                Locale.ROOT,
                "%d flows; TCP %d octets each way, UDP %d datagrams, half-closed %d lines each",
                COUNT,
                in.streams().stream().mapToLong(EchoStream::received).sum()
                        + out.streams().stream().mapToLong(EchoStream::received).sum(),
                datagrams.sent(),
                told);
    }

    @Override
    public void close() {
        telling = false;
        in.close();
        out.close();
        datagrams.close();
        for (SocketChannel channel : half) {
            try {
                channel.close();
            } catch (IOException e) {
                // it is of no use any more
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.MacAddress;
import io.sojourn.rpc.Network;
import io.sojourn.rpc.Nic;
import io.sojourn.rpc.Subnet;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.rpc.Vm;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Checksum;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Tcp;
import io.sojourn.wire.Udp;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A guest asks the gateway, which asks a resolver on loopback: that gives back each question as an answer, with as much behind it as the question's first label says. */
class GuestNamesTest {
    private static final int GUEST_PORT = 40_000;
    private static final String GATEWAY = "10.10.1.1";
    private static final String GUEST = "10.10.1.10";

    private final PathStage site = new PathStage("a");
    private final BlockingQueue<Runnable> posted = new LinkedBlockingQueue<>();
    private final Timers timers = new Timers();
    private DatagramSocket datagrams;
    private ServerSocket streams;

    @BeforeEach
    void connect() throws IOException {
        PathStage.connect(site);
        streams = new ServerSocket(0, 5, InetAddress.getLoopbackAddress());
        datagrams = new DatagramSocket(new InetSocketAddress(InetAddress.getLoopbackAddress(), streams.getLocalPort()));
        Thread.ofVirtual().start(this::answerDatagrams);
        Thread.ofVirtual().start(this::answerStreams);
        site.table.apply(TableUpdate.newBuilder()
                .addNetworks(Network.newBuilder()
                        .setName(PathStage.NETWORK)
                        .setVni(1)
                        .setMtu(1400)
                        .addSubnets(Subnet.newBuilder()
                                .setPrefix("10.10.1.0/24")
                                .setGatewayAddress(GATEWAY)
                                .setHomeSite("a")))
                .addVms(Vm.newBuilder()
                        .setName("vm10")
                        .setGateway("a")
                        .setEpoch(1)
                        .addNics(Nic.newBuilder()
                                .setMac(new MacAddress(PathStage.mac(10)).toString())
                                .setNetwork(PathStage.NETWORK)
                                .addAddresses(GUEST)))
                .build());
        InetSocketAddress resolver = new InetSocketAddress(InetAddress.getLoopbackAddress(), streams.getLocalPort());
        site.inside.namedBy(new GuestNames(new Resolvers(List.of(resolver)), timers, site.counters, posted::add));
    }

    @AfterEach
    void close() throws IOException {
        datagrams.close();
        streams.close();
        site.close();
    }

    // --- the resolver

    private static byte[] answer(byte[] question) {
        int more = Integer.parseInt(new String(question, 13, question[12], StandardCharsets.US_ASCII));
        byte[] answer = Arrays.copyOf(question, question.length + more);
        answer[2] |= (byte) 0x80;
        Arrays.fill(answer, question.length, answer.length, (byte) 7);
        return answer;
    }

    private void answerDatagrams() {
        byte[] room = new byte[2_000];
        while (!datagrams.isClosed()) {
            try {
                DatagramPacket heard = new DatagramPacket(room, room.length);
                datagrams.receive(heard);
                byte[] question = Arrays.copyOf(room, heard.getLength());
                byte[] forged = answer(question);
                forged[0] ^= 1;
                datagrams.send(new DatagramPacket(forged, forged.length, heard.getSocketAddress()));
                byte[] answer = answer(question);
                datagrams.send(new DatagramPacket(answer, answer.length, heard.getSocketAddress()));
            } catch (IOException e) {
                // closed
            }
        }
    }

    private void answerStreams() {
        while (!streams.isClosed()) {
            try (Socket socket = streams.accept()) {
                DataInputStream in = new DataInputStream(socket.getInputStream());
                byte[] question = new byte[in.readUnsignedShort()];
                in.readFully(question);
                byte[] answer = answer(question);
                DataOutputStream out = new DataOutputStream(socket.getOutputStream());
                out.writeShort(answer.length);
                out.write(answer);
            } catch (IOException e) {
                // closed
            }
        }
    }

    // --- the guest

    /** Of type A; number 0x1234. @param more octets that the answer has behind the question */
    private static byte[] question(int more) {
        String label = Integer.toString(more);
        return HexFormat.of()
                .parseHex("1234" + "0100" + "0001" + "0000".repeat(3) + String.format("%02x", label.length())
                        + HexFormat.of().formatHex(label.getBytes(StandardCharsets.US_ASCII)) + "00" + "0001" + "0001");
    }

    private void says(int protocol, byte[] l4, String from) {
        int length = Ethernet.HEADER_BYTES + Ipv4.HEADER_BYTES + l4.length;
        long at = site.wan.frameAt();
        MemorySegment s = site.wan.frames();
        s.asSlice(at - LanPort.VNET_BYTES, LanPort.VNET_BYTES + length).fill((byte) 0);
        Ethernet.write(s, at, LanPort.ANYCAST_MAC, PathStage.mac(10), EtherType.IPV4);
        Ipv4.write(
                s,
                at + 14,
                0,
                length - 14,
                0,
                64,
                protocol,
                IpAddress.parse(from).low(),
                IpAddress.parse(GATEWAY).low());
        MemorySegment.copy(l4, 0, s, ValueLayout.JAVA_BYTE, at + 34, l4.length);
        site.inside.frame(requireNonNull(requireNonNull(site.table.network(1)).port), s, at, length);
    }

    private void asks(int more, String from) {
        byte[] question = question(more);
        byte[] datagram = new byte[Udp.HEADER_BYTES + question.length];
        MemorySegment udp = MemorySegment.ofArray(datagram);
        BigEndian.putU16(udp, 0, GUEST_PORT);
        BigEndian.putU16(udp, 2, Resolvers.PORT);
        BigEndian.putU16(udp, 4, datagram.length);
        System.arraycopy(question, 0, datagram, Udp.HEADER_BYTES, question.length);
        says(IpProtocol.UDP, datagram, from);
    }

    private void segment(int flags, int sequence, int acknowledgment, byte... payload) {
        byte[] segment = new byte[Tcp.HEADER_BYTES + payload.length];
        MemorySegment tcp = MemorySegment.ofArray(segment);
        BigEndian.putU16(tcp, 0, GUEST_PORT);
        BigEndian.putU16(tcp, 2, Resolvers.PORT);
        BigEndian.putU32(tcp, 4, sequence & 0xFFFF_FFFFL);
        BigEndian.putU32(tcp, 8, acknowledgment & 0xFFFF_FFFFL);
        BigEndian.putU8(tcp, 12, 0x50);
        BigEndian.putU8(tcp, 13, flags);
        BigEndian.putU16(tcp, 14, 0xFFFF);
        System.arraycopy(payload, 0, segment, Tcp.HEADER_BYTES, payload.length);
        says(IpProtocol.TCP, segment, GUEST);
    }

    /** What the gateway has written to the LAN, its checksum looked at, from the upper layer on. */
    private List<MemorySegment> heard(int protocol) {
        List<MemorySegment> heard = site.lan.written.stream()
                .map(PathStage::copy)
                .filter(s -> Ipv4.protocol(s, 14) == protocol)
                .toList();
        for (MemorySegment s : heard) {
            int bytes = (int) s.byteSize() - 34;
            long pseudo = Checksum.pseudoHeader4(Ipv4.source(s, 14), Ipv4.destination(s, 14), protocol, bytes);
            assertThat(Checksum.isIntact(pseudo + Checksum.sum(s, 34, bytes))).isTrue();
            assertThat(IpAddress.v4((int) Ipv4.source(s, 14))).hasToString(GATEWAY);
        }
        site.lan.written.clear();
        return heard.stream().map(s -> s.asSlice(34)).toList();
    }

    private void answerComes() throws InterruptedException {
        posted.take().run();
    }

    @Test
    void aQuestionIsPassedOnAndOnlyItsAnswerComesBack() throws InterruptedException {
        asks(100, GUEST);
        answerComes();
        MemorySegment udp = heard(IpProtocol.UDP).getFirst();
        assertThat(Udp.destinationPort(udp, 0)).isEqualTo(GUEST_PORT);
        byte[] answer = udp.asSlice(Udp.HEADER_BYTES).toArray(ValueLayout.JAVA_BYTE);
        byte[] expected = answer(question(100));
        assertThat(answer).isEqualTo(expected);
    }

    @Test
    void anAnswerThatIsTooLongIsAskedForByTcp() throws InterruptedException {
        asks(1_500, GUEST);
        answerComes();
        byte[] answer =
                heard(IpProtocol.UDP).getFirst().asSlice(Udp.HEADER_BYTES).toArray(ValueLayout.JAVA_BYTE);
        assertThat(answer).hasSameSizeAs(question(1_500));
        assertThat(answer[2] & 0x82).as("an answer, cut off").isEqualTo(0x82);
    }

    @Test
    void whoIsNoVmIsNotAnswered() {
        asks(10, "10.10.1.99");
        assertThat(site.counters.get(Counters.Kind.NAMES_ASKED)).isZero();
        assertThat(site.lan.written).isEmpty();
    }

    @Test
    void aResolverThatIsNotThereIsAFailure() throws InterruptedException {
        datagrams.close();
        asks(10, GUEST);
        answerComes();
        byte[] answer =
                heard(IpProtocol.UDP).getFirst().asSlice(Udp.HEADER_BYTES).toArray(ValueLayout.JAVA_BYTE);
        assertThat(answer[3] & 0xF).as("SERVFAIL").isEqualTo(2);
    }

    private int opened() {
        segment(Tcp.SYN, 1_000, 0);
        MemorySegment tcp = heard(IpProtocol.TCP).getFirst();
        assertThat(Tcp.flags(tcp, 0)).isEqualTo(Tcp.SYN | Tcp.ACK);
        assertThat(Tcp.acknowledgment(tcp, 0)).isEqualTo(1_001);
        int first = (int) Tcp.sequence(tcp, 0) + 1;
        segment(Tcp.ACK, 1_001, first);
        return first;
    }

    private static byte[] framed(byte[] message) {
        byte[] framed = new byte[2 + message.length];
        framed[0] = (byte) (message.length >>> 8);
        framed[1] = (byte) message.length;
        System.arraycopy(message, 0, framed, 2, message.length);
        return framed;
    }

    @Test
    void aLongAnswerComesByTcpInOrderAndTheStreamEnds() throws InterruptedException {
        int first = opened();
        byte[] asked = framed(question(3_000));
        segment(Tcp.ACK | Tcp.PSH, 1_001 + 5, first, Arrays.copyOfRange(asked, 5, asked.length));
        assertThat(heard(IpProtocol.TCP))
                .as("out of order: what is wanted")
                .allMatch(tcp -> Tcp.acknowledgment(tcp, 0) == 1_001);
        segment(Tcp.ACK | Tcp.PSH, 1_001, first, Arrays.copyOf(asked, 5));
        segment(Tcp.ACK | Tcp.PSH | Tcp.FIN, 1_001 + 5, first, Arrays.copyOfRange(asked, 5, asked.length));
        int behind = 1_001 + asked.length + 1;
        assertThat(heard(IpProtocol.TCP)).last().matches(tcp -> Tcp.acknowledgment(tcp, 0) == behind);
        answerComes();
        List<MemorySegment> segments = heard(IpProtocol.TCP);
        byte[] expected = framed(answer(question(3_000)));
        byte[] got = new byte[0];
        for (MemorySegment tcp : segments) {
            assertThat((int) Tcp.sequence(tcp, 0)).isEqualTo(first + got.length);
            byte[] payload = tcp.asSlice(Tcp.HEADER_BYTES).toArray(ValueLayout.JAVA_BYTE);
            got = Arrays.copyOf(got, got.length + payload.length);
            System.arraycopy(payload, 0, got, got.length - payload.length, payload.length);
        }
        assertThat(got).isEqualTo(expected);
        assertThat(Tcp.flags(segments.getLast(), 0) & Tcp.FIN).isNotZero();
        segment(Tcp.ACK, behind, first + got.length + 1);
        segment(Tcp.ACK, behind, first + got.length + 1);
        assertThat(heard(IpProtocol.TCP)).as("it is over").singleElement().matches(tcp -> Tcp.flags(tcp, 0) == Tcp.RST);
    }

    @Test
    void whatIsNotAcknowledgedIsSentAgain() throws InterruptedException {
        int first = opened();
        segment(Tcp.ACK | Tcp.PSH, 1_001, first, framed(question(2_000)));
        answerComes();
        byte[] before = octets(heard(IpProtocol.TCP));
        segment(Tcp.ACK, 1_001 + framed(question(2_000)).length, first + 100);
        heard(IpProtocol.TCP);
        timers.run(System.nanoTime() + 1_500_000_000L); // the second time is due two seconds after the first
        assertThat(octets(heard(IpProtocol.TCP))).isEqualTo(Arrays.copyOfRange(before, 100, before.length));
    }

    private static byte[] octets(List<MemorySegment> segments) {
        byte[] got = new byte[0];
        for (MemorySegment tcp : segments) {
            byte[] payload = tcp.asSlice(Tcp.HEADER_BYTES).toArray(ValueLayout.JAVA_BYTE);
            got = Arrays.copyOf(got, got.length + payload.length);
            System.arraycopy(payload, 0, got, got.length - payload.length, payload.length);
        }
        return got;
    }

    @Test
    void aStreamOfAnotherSiteIsRefused() {
        segment(Tcp.ACK | Tcp.PSH, 1_001, 77, framed(question(10)));
        MemorySegment tcp = heard(IpProtocol.TCP).getFirst();
        assertThat(Tcp.flags(tcp, 0)).isEqualTo(Tcp.RST);
        assertThat(Tcp.sequence(tcp, 0)).isEqualTo(77);
    }
}

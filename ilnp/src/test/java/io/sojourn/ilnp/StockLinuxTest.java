// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.ilnp.BorderRouter.Way;
import io.sojourn.ilnp.Correspondent.Mode;
import io.sojourn.linux.Netns;
import io.sojourn.linux.Poller;
import io.sojourn.linux.Tap;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.NodeIdentifier;
import io.sojourn.model.location.Locator64;
import io.sojourn.wire.IlnpHeaders;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.Tcp;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Two stock Linux stacks that know nothing of ILNP, with our borders between them: a TCP connection goes on while the guest's site changes. The guest itself stays where it is: what is shown is the
 * protocol at the border, not a move of a machine.
 *
 * <pre>
 *   namespace guest            this process                      namespace peer
 *   fd10::NID  tun g0 ── border A, later border B ─┬──────────── tun p0  2001:db8:c1::NID   plain
 *                                                  └─ border C ─ tun p0  fd20::NID          behind a border
 * </pre>
 */
@Tag("system")
@Timeout(60)
class StockLinuxTest {
    private static final int OCTETS = 2 << 20;
    private static final Locator64 GUEST_INSIDE = new Locator64(0xFD10_0000_0000_0000L);
    private static final Locator64 PEER_INSIDE = new Locator64(0xFD20_0000_0000_0000L);
    private static final Locator64 A = IlnpWorld.A1;
    private static final Locator64 B = IlnpWorld.B1;
    private static final Locator64 C = IlnpWorld.PEER_AT;
    private static final NodeIdentifier GUEST = IlnpWorld.GUEST;
    private static final NodeIdentifier PEER = IlnpWorld.PEER;

    private final String guestSpace = "t-ilnp-g-" + ProcessHandle.current().pid();
    private final String peerSpace = "t-ilnp-p-" + ProcessHandle.current().pid();
    private final SplittableRandom random = new SplittableRandom(1);
    private final SiteLocators siteA = site(A);
    private final SiteLocators siteB = site(B);
    private final SiteLocators siteC = site(C);
    private final BorderRouter borderA = border(siteA);
    private final BorderRouter borderB = border(siteB);
    private final BorderRouter borderC = border(siteC);
    private BorderRouter home = borderA;
    private boolean peerHasBorder;

    private final MemorySegment s = Arena.ofAuto().allocate(2048);
    private final IlnpHeaders headers = new IlnpHeaders();
    private final List<byte[]> capture = new ArrayList<>();
    private final long startedNs = System.nanoTime();
    private @Nullable Tap guestTun;
    private @Nullable Tap peerTun;
    private int relayed;
    private int direct;
    private int updates;
    private int onesByKernels;
    private @Nullable Locator64 lastSourceOnTheWay;

    private static SiteLocators site(Locator64 locator) {
        return new SiteLocators(300, List.of(new SiteLocators.Uplink(locator, 10)));
    }

    private BorderRouter border(SiteLocators site) {
        return new BorderRouter(site, IlccTiming.DEFAULT, () -> Nonce.ofShort(random.nextInt()));
    }

    private static InetAddress address(Locator64 locator, NodeIdentifier nid) throws IOException {
        return InetAddress.getByAddress(IpAddress.v6(locator.bits(), nid.bits()).toBytes());
    }

    @BeforeEach
    void begin() {
        borderA.attach(GUEST, GUEST_INSIDE, Transparency.VISIBLE);
        guestTun = tun(guestSpace, "g0", IpAddress.v6(GUEST_INSIDE.bits(), GUEST.bits()));
    }

    private Tap guest() {
        return Objects.requireNonNull(guestTun);
    }

    private Tap peer() {
        return Objects.requireNonNull(peerTun);
    }

    private void peer(Locator64 locator) {
        peerTun = tun(peerSpace, "p0", IpAddress.v6(locator.bits(), PEER.bits()));
    }

    private static Tap tun(String space, String name, IpAddress address) {
        run("ip netns add " + space);
        Tap tun = Netns.call(space, () -> Tap.openTun(name, Set.of()));
        run("ip -n " + space + " link set lo up");
        run("ip -n " + space + " link set " + name + " up mtu 1400");
        run("ip -n " + space + " address add " + address + "/64 dev " + name + " nodad");
        run("ip -n " + space + " -6 route add default dev " + name);
        return tun;
    }

    @AfterEach
    void end() {
        guest().close();
        peer().close();
        run("ip netns delete " + guestSpace);
        run("ip netns delete " + peerSpace);
    }

    private static String run(String command) {
        try {
            Process process = new ProcessBuilder(command.split(" "))
                    .redirectErrorStream(true)
                    .start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue()).as("%s: %s", command, output).isZero();
            return output;
        } catch (IOException | InterruptedException e) {
            throw new AssertionError(command, e);
        }
    }

    // --- the stories

    @Test
    void aPeerWithPlainIpv6KeepsItsConnectionAndSeesOneAddress() throws Exception {
        peer(C);
        transfer(C);
        assertThat(home.node(GUEST).orElseThrow().cache().correspondents())
                .singleElement()
                .satisfies(c -> assertThat(c.mode())
                        .as("Linux has answered the nonce with Parameter Problem")
                        .isEqualTo(Mode.PLAIN));
        assertThat(updates).isZero();
        assertThat(lastSourceOnTheWay).isEqualTo(A);
        assertThat(relayed).isPositive();
        judge();
    }

    @Test
    void aPeerBehindABorderIsToldAndTheWayBecomesDirect() throws Exception {
        peerHasBorder = true;
        borderC.attach(PEER, PEER_INSIDE, Transparency.VISIBLE);
        peer(PEER_INSIDE);
        transfer(C);
        assertThat(updates).isPositive();
        assertThat(lastSourceOnTheWay).isEqualTo(B);
        assertThat(borderC.node(PEER).orElseThrow().cache().correspondents())
                .singleElement()
                .satisfies(c -> {
                    assertThat(c.currentLocators()).first().isEqualTo(B);
                    assertThat(c.knownAs())
                            .as("what the peer's kernel calls the guest")
                            .isEqualTo(A);
                });
        assertThat(direct).isPositive();
        judge();
    }

    /** The guest sends, the peer sends back what it gets; in the middle the guest's site changes. */
    private void transfer(Locator64 peerSeenAt) throws Exception {
        ServerSocket listening = Netns.call(peerSpace, () -> new ServerSocket(7777));
        CompletableFuture<InetAddress> seenByPeer = new CompletableFuture<>();
        Thread echo = Thread.ofPlatform().daemon().start(() -> {
            try (Socket socket = listening.accept()) {
                seenByPeer.complete(socket.getInetAddress());
                socket.getInputStream().transferTo(socket.getOutputStream());
            } catch (IOException e) {
                seenByPeer.completeExceptionally(e);
            }
        });
        byte[] sent = new byte[OCTETS];
        new SplittableRandom(2).nextBytes(sent);
        MessageDigest received = MessageDigest.getInstance("SHA-256");
        int[] receivedOctets = new int[1];
        Socket socket = Netns.call(guestSpace, () -> {
            Socket bound = new Socket();
            bound.bind(new InetSocketAddress(address(GUEST_INSIDE, GUEST), 0)); // the descriptor is made now, and here
            return bound;
        });
        CompletableFuture<String> done = new CompletableFuture<>();
        Thread.ofPlatform().daemon().start(() -> {
            try (socket) {
                socket.connect(new InetSocketAddress(address(peerSeenAt, PEER), 7777), 20_000);
                Thread.ofPlatform().daemon().start(() -> {
                    try {
                        socket.getOutputStream().write(sent);
                        socket.shutdownOutput();
                    } catch (IOException e) {
                        done.completeExceptionally(e);
                    }
                });
                InputStream in = socket.getInputStream();
                byte[] some = new byte[65_536];
                for (int n = in.read(some); n > 0; n = in.read(some)) {
                    received.update(some, 0, n);
                    receivedOctets[0] += n;
                }
                done.complete(HexFormat.of().formatHex(received.digest()));
            } catch (IOException e) {
                done.completeExceptionally(e);
            }
        });
        pump(done, receivedOctets);
        assertThat(done.get(1, TimeUnit.SECONDS))
                .isEqualTo(HexFormat.of()
                        .formatHex(MessageDigest.getInstance("SHA-256").digest(sent)));
        assertThat(home).as("the site changed in the middle").isSameAs(borderB);
        assertThat(seenByPeer.get(1, TimeUnit.SECONDS)).isEqualTo(address(A, GUEST));
        echo.join(5_000);
        listening.close();
    }

    // --- what lies between

    private long now() {
        return (System.nanoTime() - startedNs) / 1_000_000;
    }

    private void pump(CompletableFuture<?> done, int[] receivedOctets) {
        long endMs = now() + 40_000;
        try (Poller poller = new Poller(guest().fd(), peer().fd())) {
            poller.interest(0, true, false);
            poller.interest(1, true, false);
            while (!done.isDone() && now() < endMs) {
                poller.poll(1_000_000);
                for (int n = guest().read(s, 64, 1900); n > 0; n = guest().read(s, 64, 1900)) {
                    countOnes();
                    fromGuest(n);
                }
                for (int n = peer().read(s, 64, 1900); n > 0; n = peer().read(s, 64, 1900)) {
                    countOnes();
                    fromPeer(n);
                }
                home.poll(now(), this::send);
                if (home == borderA && receivedOctets[0] > OCTETS / 3) {
                    byte[] state = borderA.export(borderA.node(GUEST).orElseThrow(), now());
                    assertThat(borderB.adopt(state, GUEST_INSIDE, Transparency.VISIBLE, Handover.SOFT, now()))
                            .isPresent();
                    borderA.detach(GUEST);
                    home = borderB;
                }
            }
        }
    }

    /**
     * Linux writes 0xFFFF for a TCP checksum of 0 where it has to compute it in software (skb_checksum_help): one packet
     * in 65,536. It is the same number to a ones' complement sum (RFC 1624 section 3), but tshark counts it as bad.
     */
    private void countOnes() {
        if (Ipv6.nextHeader(s, 64) == IpProtocol.TCP && Tcp.checksum(s, 64 + Ipv6.HEADER_BYTES) == 0xFFFF) {
            onesByKernels++;
        }
    }

    private boolean isGlobal(long locator) {
        return locator >>> 32 == 0x2001_0DB8L;
    }

    private void fromGuest(int length) {
        if (!isGlobal(Ipv6.destinationHigh(s, 64))) {
            return; // the kernel's own router solicitations and the like
        }
        Way way = home.outbound(s, 64, length, false, now());
        assertThat(way).as("%s", home.reason()).isIn(Way.DIRECT, Way.RELAY);
        relayed += way == Way.RELAY ? 1 : 0;
        direct += way == Way.DIRECT && home == borderB ? 1 : 0;
        lastSourceOnTheWay = new Locator64(Ipv6.sourceHigh(s, 64));
        nonceAhead(home);
        toPeer(octets(length));
    }

    private void fromPeer(int length) {
        if (!isGlobal(Ipv6.destinationHigh(s, 64))) {
            return;
        }
        if (peerHasBorder) {
            Way way = borderC.outbound(s, 64, length, false, now());
            assertThat(way).as("%s", borderC.reason()).isEqualTo(Way.DIRECT);
            nonceAhead(borderC);
        }
        toGuest(octets(length));
    }

    /** The nonce goes in a packet of its own, in front of the one that it is about. */
    private void nonceAhead(BorderRouter border) {
        Nonce nonce = border.nonce(now());
        if (nonce == null) {
            return;
        }
        byte[] packet = new byte[48];
        IlnpMessages.writeNonce(
                MemorySegment.ofArray(packet),
                0,
                Ipv6.sourceHigh(s, 64),
                Ipv6.sourceLow(s, 64),
                Ipv6.destinationHigh(s, 64),
                Ipv6.destinationLow(s, 64),
                nonce);
        byte[] kept = octets(1400);
        if (border == borderC) {
            toGuest(packet);
        } else {
            toPeer(packet);
        }
        MemorySegment.copy(kept, 0, s, ValueLayout.JAVA_BYTE, 64, kept.length);
    }

    private byte[] octets(int length) {
        return s.asSlice(64, length).toArray(ValueLayout.JAVA_BYTE);
    }

    private void toPeer(byte[] packet) {
        capture.add(packet);
        MemorySegment.copy(packet, 0, s, ValueLayout.JAVA_BYTE, 64, packet.length);
        if (peerHasBorder) {
            Way way = borderC.inbound(s, 64, packet.length, false, false, now(), this::send);
            if (way == Way.CONSUMED) {
                return;
            }
            assertThat(way).as("%s", borderC.reason()).isEqualTo(Way.DELIVER);
        }
        peer().write(s, 64, packet.length);
    }

    private void toGuest(byte[] packet) {
        capture.add(packet);
        MemorySegment.copy(packet, 0, s, ValueLayout.JAVA_BYTE, 64, packet.length);
        boolean throughOld = home == borderB && siteA.works(Ipv6.destinationHigh(s, 64));
        Way way = home.inbound(s, 64, packet.length, false, throughOld, now(), this::send);
        if (way != Way.CONSUMED) {
            assertThat(way).as("%s", home.reason()).isEqualTo(Way.DELIVER);
            guest().write(s, 64, packet.length);
        }
    }

    private void send(
            long sourceLocator,
            long sourceNid,
            long destinationLocator,
            long destinationNid,
            Nonce nonce,
            int operation,
            List<Advertised> listed) {
        byte[] packet = IlnpWorld.update(
                sourceLocator, sourceNid, destinationLocator, destinationNid, nonce, operation, listed);
        updates++;
        if (destinationNid == PEER.bits()) {
            toPeer(packet);
        } else {
            toGuest(packet);
        }
    }

    /** tshark finds no fault in anything that went over the underlay. */
    private void judge() throws Exception {
        Path pcap = Path.of("target", "stock-linux.pcap").toAbsolutePath();
        ByteBuffer out = ByteBuffer.allocate(
                        24 + capture.stream().mapToInt(p -> 16 + p.length).sum())
                .order(ByteOrder.LITTLE_ENDIAN);
        out.putInt(0xA1B2_C3D4)
                .putShort((short) 2)
                .putShort((short) 4)
                .putInt(0)
                .putInt(0)
                .putInt(65_535)
                .putInt(101);
        for (byte[] packet : capture) {
            out.putInt(0).putInt(0).putInt(packet.length).putInt(packet.length).put(packet);
        }
        Files.write(pcap, out.array());
        assertThat(capture.stream()
                        .anyMatch(p -> headers.read(MemorySegment.ofArray(p), 0, p.length)
                                .isDrop()))
                .isFalse();
        if (Files.isExecutable(Path.of("/usr/bin/tshark"))) {
            assertThat(found(
                            pcap,
                            "(tcp.checksum.status==0&&!tcp.checksum.ffff)||icmpv6.checksum.status==0||_ws.malformed"))
                    .isEmpty();
            assertThat(found(pcap, "tcp.checksum.ffff"))
                    .as("a kernel may write this for 0, a border does not")
                    .hasSizeLessThanOrEqualTo(onesByKernels);
            assertThat(found(pcap, "ipv6.addr==fd00::/8")).isEmpty();
        }
    }

    private static List<String> found(Path pcap, String filter) {
        return run("tshark -n -o tcp.check_checksum:TRUE -r " + pcap + " -Y " + filter)
                .lines()
                .filter(line -> !line.startsWith("Running as"))
                .toList();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.handoff.MigrationId;
import io.sojourn.handoff.Ordering;
import io.sojourn.handoff.Signal;
import io.sojourn.handoff.SignalCodec;
import io.sojourn.linux.PacketSocket;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.MacAddress;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.NetworkInterface;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Predicate;

/** Somebody on the WAN or on a LAN who wants a VM's packets: writes what a gateway or the VM might have written, or sends again what they did. */
final class Forger {
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final int LARGEST = 65_536;
    private static final long PACE_NS = TimeUnit.MILLISECONDS.toNanos(2);

    private Forger() {}

    /** A claim and an announcement of the VM by {@code thief}, as authentic as they get without the realm's key. */
    static List<byte[]> signals(String vm, String thief, String owner, long epoch) {
        byte[] key = new byte[SignalCodec.KEY_BYTES];
        RANDOM.nextBytes(key);
        SignalCodec codec = new SignalCodec(key);
        List<byte[]> datagrams = new ArrayList<>();
        for (Signal.Body body : List.of(
                new Signal.Claim(new Epoch(epoch), Ordering.STRICT),
                new Signal.Announce(new GatewayId(owner), new Epoch(epoch), Ordering.STRICT),
                new Signal.Moved(new GatewayId(thief), new Epoch(epoch + 1)))) {
            datagrams.add(codec.encode(
                    new Signal(
                            new MigrationId(UUID.randomUUID()),
                            new VmId(vm),
                            new Epoch(epoch + 1),
                            new GatewayId(thief),
                            body),
                    System.nanoTime()));
        }
        return datagrams;
    }

    /** An IPv4 packet with one UDP datagram (RFC 791, 768; no UDP checksum), from and to a gateway's port. */
    static byte[] packet(String from, String to, byte[] payload) {
        return packet(from, to, Configs.GATEWAY_PORT, payload);
    }

    /** The same from and to that port. */
    static byte[] packet(String from, String to, int port, byte[] payload) {
        ByteBuffer out = ByteBuffer.allocate(28 + payload.length);
        out.putShort((short) 0x4500).putShort((short) out.capacity()).putInt(0x4000);
        out.putShort((short) 0x4011).putShort((short) 0);
        out.put(octets(from)).put(octets(to));
        out.putShort((short) port).putShort((short) port);
        out.putShort((short) (8 + payload.length)).putShort((short) 0).put(payload);
        out.putShort(10, checksum(out, 20));
        return out.array();
    }

    private static short checksum(ByteBuffer header, int bytes) {
        int sum = 0;
        for (int i = 0; i < bytes; i += 2) {
            sum += header.getShort(i) & 0xFFFF;
        }
        sum = (sum >>> 16) + (sum & 0xFFFF);
        return (short) ~(sum + (sum >>> 16));
    }

    /** A broadcast ARP request in which whoever has the MAC says that it has the address, too (RFC 5227 section 3). */
    static byte[] gratuitousArp(String mac, String address) {
        byte[] hardware = hardware(mac);
        ByteBuffer out = ByteBuffer.allocate(60);
        out.putShort((short) -1).putInt(-1).put(hardware).putShort((short) 0x0806);
        out.putShort((short) 1)
                .putShort((short) 0x0800)
                .put((byte) 6)
                .put((byte) 4)
                .putShort((short) 1);
        out.put(hardware).put(octets(address)).putShort((short) 0).putInt(0).put(octets(address));
        return out.array();
    }

    private static byte[] hardware(String mac) {
        ByteBuffer bits = ByteBuffer.allocate(8).putLong(MacAddress.parse(mac).bits());
        byte[] hardware = new byte[6];
        bits.get(2, hardware);
        return hardware;
    }

    private static byte[] octets(String address) {
        return ByteBuffer.allocate(4)
                .putInt((int) IpAddress.parse(address).low())
                .array();
    }

    /** Sends frames out of an interface, as they are, not all at once. */
    static void send(Place place, String device, List<byte[]> frames) {
        place.call(() -> {
            try (PacketSocket socket = PacketSocket.open(index(device), 0, Set.of());
                    Arena arena = Arena.ofConfined()) {
                MemorySegment room = arena.allocate(LARGEST);
                for (byte[] frame : frames) {
                    MemorySegment.copy(frame, 0, room, ValueLayout.JAVA_BYTE, 0, frame.length);
                    socket.send(room, 0, frame.length);
                    LockSupport.parkNanos(PACE_NS);
                }
                return frames.size();
            }
        });
    }

    /** What leaves through an interface until somebody has heard enough. */
    static final class Ear implements AutoCloseable {
        private final List<byte[]> heard = new ArrayList<>();
        private final int most;
        private final int longest;
        private final Predicate<byte[]> wanted;
        private final Thread thread;
        private volatile boolean listening = true;

        /** @param longest nothing longer is of interest */
        Ear(Place place, String device, int most, int longest) {
            this(place, device, most, longest, packet -> true);
        }

        /** @param wanted nothing else is of interest either */
        Ear(Place place, String device, int most, int longest, Predicate<byte[]> wanted) {
            this.wanted = wanted;
            this.most = most;
            this.longest = longest;
            thread = place.start("ear", () -> listen(device));
        }

        private void listen(String device) {
            try (PacketSocket socket = PacketSocket.open(
                            index(device), PacketSocket.WHOLE_FRAMES, Set.of(PacketSocket.Flag.OUTGOING_ONLY));
                    Arena arena = Arena.ofConfined()) {
                MemorySegment room = arena.allocate(LARGEST);
                while (listening) {
                    int length = socket.receive(room, 0, LARGEST);
                    if (length == PacketSocket.AGAIN) {
                        LockSupport.parkNanos(PACE_NS);
                    } else if (length <= longest) {
                        hear(room.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE));
                    }
                }
            }
        }

        private void hear(byte[] packet) {
            if (!wanted.test(packet)) {
                return;
            }
            synchronized (heard) {
                if (heard.size() == most) {
                    heard.removeFirst();
                }
                heard.add(packet);
            }
        }

        List<byte[]> heard() {
            synchronized (heard) {
                return List.copyOf(heard);
            }
        }

        @Override
        public void close() {
            listening = false;
            try {
                thread.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static int index(String device) {
        try {
            return NetworkInterface.getByName(device).getIndex();
        } catch (java.net.SocketException e) {
            throw new LabException("no interface " + device + ": " + e.getMessage(), e);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import java.util.List;

/** Two places A (100.64.1.0/24, fd64:1::/64) and B (100.64.2.0/24, fd64:2::/64), and a clock that only the test moves. */
final class WanScene implements AutoCloseable {
    static final long A4 = 0x6440_0102L;
    static final long B4 = 0x6440_0202L;
    static final long A6 = 0xfd64_0001_0000_0000L;
    static final long B6 = 0xfd64_0002_0000_0000L;

    final MemoryDevice a = new MemoryDevice();
    final MemoryDevice b = new MemoryDevice();
    final Forwarder forwarder;
    final Link ab;
    long nowNs = 1_000_000_000L;

    WanScene(LinkProfile profile, long seed, long memoryBytes) {
        Place placeA = new Place("a", a, List.of(Prefix.parse("100.64.1.0/24"), Prefix.parse("fd64:1::/64")));
        Place placeB = new Place("b", b, List.of(Prefix.parse("100.64.2.0/24"), Prefix.parse("fd64:2::/64")));
        ab = new Link(placeA, placeB, profile, seed);
        Link ba = new Link(placeB, placeA, profile, seed);
        forwarder = new Forwarder(List.of(placeA, placeB), new Link[][] {{null, ab}, {ba, null}}, memoryBytes);
    }

    WanScene(LinkProfile profile) {
        this(profile, 1, 8 << 20);
    }

    /** Sends packets of {@code bytes} from A to B, one each {@code gapNs}, delivering on the way. */
    void sendIpv4(int count, int bytes, long gapNs) {
        for (int i = 0; i < count; i++) {
            a.toWan.add(Packets.ipv4(A4, B4, bytes, 0, 64, i));
            read();
            advance(gapNs);
        }
    }

    void read() {
        while (forwarder.receive(0, 64, () -> nowNs) > 0 || forwarder.receive(1, 64, () -> nowNs) > 0) {}
    }

    /** Moves the clock on, stopping at each due packet. */
    void advance(long ns) {
        long end = nowNs + ns;
        while (forwarder.nextDueNs() <= end) {
            nowNs = Math.max(nowNs, forwarder.nextDueNs());
            a.nowNs = nowNs;
            b.nowNs = nowNs;
            forwarder.deliver(() -> nowNs);
        }
        nowNs = end;
    }

    List<Integer> arrivedAtB() {
        return b.fromWan.stream().map(d -> Packets.sequence(d.packet())).toList();
    }

    @Override
    public void close() {
        forwarder.close();
    }
}

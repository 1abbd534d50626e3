// SPDX-License-Identifier: Apache-2.0
package io.sojourn.flow;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.model.identity.IpPrefix;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Tcp;
import java.lang.foreign.Arena;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class FlowTableTest {
    private static FlowTable table(int capacity) {
        return new FlowTable(
                Arena.ofAuto().allocate(FlowTable.bytes(capacity), 64), capacity, FlowTiming.DEFAULT, 0x5EED);
    }

    private static FlowKey key(int n) {
        return new FlowKey()
                .set(7, false, IpProtocol.TCP, 0, 0x0A00_0000L + n / 1000, 1024 + n % 1000, 0, 0xC000_0201L, 80);
    }

    private static int add(FlowTable table, int n, FlowState state, int nowS) {
        return table.add(key(n), n % 3, 1, FlowTable.HERE, true, state, nowS);
    }

    /** The obvious: a map. */
    private record Name(boolean outer, boolean v6, int protocol, long local, int localPort, long remote, int port) {}

    private static final class Slow {
        final Map<Name, Integer> flows = new HashMap<>();
        final Map<Integer, Set<Name>> names = new HashMap<>();
    }

    private static FlowKey any(SplittableRandom random) {
        boolean v6 = random.nextBoolean();
        return new FlowKey()
                .set(
                        1,
                        v6,
                        random.nextBoolean() ? IpProtocol.TCP : IpProtocol.UDP,
                        v6 ? 5 : 0,
                        random.nextInt(4),
                        random.nextInt(8),
                        v6 ? 6 : 0,
                        random.nextInt(4),
                        random.nextInt(4));
    }

    private static Name name(FlowKey k, boolean outer) {
        return new Name(outer, k.isV6, k.protocol, k.localLow, k.localPort, k.remoteLow, k.remotePort);
    }

    @Test
    void agreesWithAMapWhateverIsAddedTranslatedAndRemoved() {
        FlowTable table = table(300);
        Slow slow = new Slow();
        SplittableRandom random = new SplittableRandom(11);
        SnatPool pool = new SnatPool(List.of(IpPrefix.parse("192.0.2.0/30"), IpPrefix.parse("2001:db8::/126")));
        for (int i = 0; i < 200_000; i++) {
            FlowKey key = any(random);
            Integer known = slow.flows.get(name(key, false));
            assertThat(table.find(key)).isEqualTo(known == null ? FlowTable.NONE : known);
            if (known != null && random.nextInt(3) == 0) {
                Objects.requireNonNull(slow.names.remove(known)).forEach(slow.flows::remove);
                table.remove(known);
            } else if (known == null && table.size() < 250) {
                int flow = table.add(key, random.nextInt(5), 1, FlowTable.HERE, true, FlowState.ANSWERED, 0);
                Set<Name> names = new HashSet<>(Set.of(name(key, false)));
                if (random.nextBoolean() && pool.allocate(table, key)) {
                    table.translate(flow, pool.high(), pool.low(), pool.port());
                    FlowKey outer =
                            table.key(flow, new FlowKey()).local(FlowKey.OUTSIDE, pool.high(), pool.low(), pool.port());
                    assertThat(slow.flows).doesNotContainKey(name(outer, true));
                    names.add(name(outer, true));
                }
                names.forEach(n -> slow.flows.put(n, flow));
                slow.names.put(flow, names);
            }
            if (i % 1_000 == 0) {
                slow.flows.forEach((n, flow) -> {
                    FlowKey k = new FlowKey()
                            .set(
                                    n.outer ? FlowKey.OUTSIDE : 1,
                                    n.v6,
                                    n.protocol,
                                    n.outer ? table.outerHigh(flow) : n.v6 ? 5 : 0,
                                    n.local,
                                    n.localPort,
                                    n.v6 ? 6 : 0,
                                    n.remote,
                                    n.port);
                    assertThat(n.outer ? table.findOuter(k) : table.find(k)).isEqualTo(flow);
                });
                int listed = 0;
                for (int vm = 0; vm < 5; vm++) {
                    int of = 0;
                    for (int flow = table.firstOf(vm); flow != FlowTable.NONE; flow = table.nextOf(flow)) {
                        assertThat(slow.names).containsKey(flow);
                        of++;
                    }
                    assertThat(of).isEqualTo(table.countOf(vm));
                    listed += of;
                }
                assertThat(listed).isEqualTo(table.size()).isEqualTo(slow.names.size());
            }
        }
    }

    @Test
    void makesRoomFirstByWhatIsClosedThenByWhatNobodyAnsweredAndNeverByALiveFlow() {
        FlowTable table = table(100);
        for (int n = 0; n < 100; n++) {
            add(table, n, n < 40 ? FlowState.ANSWERED : n < 70 ? FlowState.NEW : FlowState.CLOSED, 0);
        }
        for (int n = 100; n < 130; n++) {
            assertThat(add(table, n, FlowState.ANSWERED, 20)).isNotEqualTo(FlowTable.NONE);
        }
        for (int n = 0; n < 130; n++) {
            assertThat(table.find(key(n)) == FlowTable.NONE).as("flow %s", n).isEqualTo(n >= 70 && n < 100);
        }
        for (int n = 130; n < 160; n++) {
            assertThat(add(table, n, FlowState.ANSWERED, 20)).isNotEqualTo(FlowTable.NONE);
        }
        assertThat(add(table, 200, FlowState.ANSWERED, 20)).isEqualTo(FlowTable.NONE);
        for (int n = 0; n < 160; n++) {
            assertThat(table.find(key(n)) == FlowTable.NONE).as("flow %s", n).isEqualTo(n >= 40 && n < 100);
        }
        int later = 20 + FlowTiming.DEFAULT.tcpS() + 1;
        assertThat(add(table, 201, FlowState.NEW, later)).isNotEqualTo(FlowTable.NONE);
    }

    @Test
    void ofUnansweredOnesThoseThatSpokeLatelyStayLonger() {
        FlowTable table = table(10);
        for (int n = 0; n < 10; n++) {
            add(table, n, FlowState.NEW, 0);
        }
        for (int n = 0; n < 9; n++) {
            table.saw(table.find(key(n)), true, Tcp.SYN, 100);
        }
        add(table, 50, FlowState.NEW, 101);
        assertThat(table.find(key(9))).isEqualTo(FlowTable.NONE);
    }

    @Test
    void sweepsWhatIsOverAndNothingElse() {
        FlowTable table = table(1000);
        for (int n = 0; n < 500; n++) {
            add(table, n, n % 2 == 0 ? FlowState.ANSWERED : FlowState.CLOSED, 0);
        }
        assertThat(table.sweep(1000, 200)).isZero();
        assertThat(table.sweep(500, 241)).isEqualTo(250);
        assertThat(table.sweep(500, FlowTiming.DEFAULT.tcpS())).isZero();
        assertThat(table.sweep(500, FlowTiming.DEFAULT.tcpS() + 1)).isEqualTo(250);
        assertThat(table.size()).isZero();
    }

    @Test
    void whatChangedLastIsFirstOfItsVm() {
        FlowTable table = table(100);
        for (int n = 0; n < 30; n++) {
            table.add(key(n), 1, 1, FlowTable.HERE, true, FlowState.NEW, 0);
        }
        int before = table.changes();
        int flow = table.find(key(4));
        table.saw(flow, false, Tcp.SYN | Tcp.ACK, 1);
        table.saw(table.find(key(5)), true, Tcp.SYN, 1); // again: nothing new
        assertThat(table.firstOf(1)).isEqualTo(flow);
        assertThat(table.isChanged(flow, before)).isTrue();
        assertThat(table.isChanged(table.nextOf(flow), before)).isFalse();
    }

    @Test
    void itsPortStaysWhereThatIsFreeAndTwoAreNeverTheSameOutside() {
        FlowTable table = table(3_000);
        SnatPool pool = new SnatPool(List.of(IpPrefix.parse("192.0.2.1/32")));
        Set<Integer> ports = new HashSet<>();
        for (int vm = 0; vm < 2_000; vm++) {
            FlowKey key = new FlowKey().set(1, false, IpProtocol.UDP, 0, 0x0A00_0001L + vm, 5000, 0, 0xC633_6401L, 53);
            assertThat(pool.allocate(table, key)).isTrue();
            assertThat(vm != 0 || pool.port() == 5000).isTrue();
            assertThat(ports.add(pool.port())).isTrue();
            int flow = table.add(key, vm, 1, FlowTable.HERE, true, FlowState.NEW, 0);
            table.translate(flow, pool.high(), pool.low(), pool.port());
            assertThat(table.find(key)).isEqualTo(flow);
        }
    }
}

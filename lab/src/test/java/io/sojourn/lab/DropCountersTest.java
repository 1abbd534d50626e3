// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class DropCountersTest {
    @Test
    void theKernelsTablesAreReadByTheirColumns() {
        Map<String, Long> counters = new TreeMap<>();
        DropCounters.udp(
                "hiroshima",
                List.of(
                        "Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors",
                        "Udp: 100 0 7 90 7 0 0 0 0",
                        "UdpLite: InDatagrams"),
                counters);
        DropCounters.interfaces(
                "hiroshima",
                List.of(
                        "Inter-|   Receive                                                |  Transmit",
                        " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls",
                        "  wan0: 10 20 30 40 0 0 0 0 50 60 70 80 0 0 0 0"),
                counters);
        assertThat(counters)
                .containsEntry("hiroshima Udp RcvbufErrors", 7L)
                .containsEntry("hiroshima wan0 rx-dropped", 40L)
                .containsEntry("hiroshima wan0 tx-dropped", 80L);
    }

    @Test
    void onlyWhatHasGrownIsTold() {
        assertThat(DropCounters.grown(Map.of("a", 1L, "b", 2L), Map.of("a", 1L, "b", 5L, "c", 4L)))
                .containsExactlyInAnyOrder("b +3", "c +4");
    }
}

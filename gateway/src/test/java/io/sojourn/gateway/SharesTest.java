// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.wire.DropReason;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SharesTest {
    private static final int BYTES = 100;
    /** What the forwarder of these tests carries in a window; from there on its taps are never empty. */
    private static final int CAPACITY = 2_000;

    private final Shares shares = new Shares();
    private long nowNs = System.nanoTime();

    /** A station that sends so much in each window, and how much of it went through in the last one. */
    private final class Station {
        final Shares.Share share = new Shares.Share();
        final int asks;
        int passed;

        Station(int asks) {
            this.asks = asks;
        }

        void speak() {
            passed = 0;
            for (int i = 0; i < asks; i++) {
                passed += shares.judge(share, true, 1, BYTES, false, nowNs).isDrop() ? 0 : 1;
            }
        }
    }

    private void windows(int count, List<Station> stations) {
        for (int n = 0; n < count; n++) {
            stations.forEach(Station::speak);
            nowNs += Shares.WINDOW_NS;
            shares.turn(stations.stream().mapToInt(s -> s.passed).sum() >= CAPACITY, nowNs);
        }
    }

    @Test
    void whileThereIsEnoughForAllNobodyIsHeldBack() {
        List<Station> stations = List.of(new Station(1_000), new Station(900), new Station(3));
        windows(1_000, stations);
        assertThat(stations).allSatisfy(s -> assertThat(s.passed).isEqualTo(s.asks));
        assertThat(shares.share()).isEqualTo(Long.MAX_VALUE);
    }

    @Test
    void whoFloodsIsHeldBackAndTheOthersGetAllTheyAskFor() {
        Station flood = new Station(5_000);
        List<Station> all = new ArrayList<>(List.of(flood));
        for (int i = 0; i < 99; i++) {
            all.add(new Station(i % 3));
        }
        for (int n = 0; n < 1_000; n++) {
            windows(1, all);
            assertThat(all.subList(1, all.size()))
                    .allSatisfy(s -> assertThat(s.passed).isEqualTo(s.asks));
        }
        assertThat(flood.passed).isBetween(CAPACITY * 2 / 3, CAPACITY * 11 / 10);
    }

    @Test
    void allThatWantMoreThanTheirShareGetTheSame() {
        List<Station> all = List.of(new Station(4_000), new Station(2_000), new Station(1_500), new Station(100));
        windows(200, all);
        assertThat(all.get(0).passed).isEqualTo(all.get(1).passed).isEqualTo(all.get(2).passed);
        assertThat(all.get(0).passed).isBetween(CAPACITY / 5, CAPACITY * 2 / 5);
        assertThat(all.get(3).passed).isEqualTo(100);
    }

    @Test
    void oneThatIsAloneHasEverything() {
        Station alone = new Station(5_000);
        windows(100, List.of(alone));
        assertThat(alone.passed).isEqualTo(5_000);
    }

    @Test
    void tcpThatIsNotDividedYetIsNoFlood() {
        Shares.Share stream = new Shares.Share();
        Shares.Share other = new Shares.Share();
        for (int n = 0; n < 100; n++) {
            for (int i = 0; i < 100; i++) {
                assertThat(shares.judge(stream, true, 46, 46 * 1_400, true, nowNs))
                        .isEqualTo(DropReason.NONE);
            }
            shares.judge(other, true, 1, BYTES, false, nowNs);
            nowNs += Shares.WINDOW_NS;
            shares.turn(true, nowNs);
        }
        assertThat(shares.share()).isEqualTo(Long.MAX_VALUE);
    }

    @Test
    void whenTheFloodIsOverThereAreNoSharesAnyMore() {
        Station small = new Station(10);
        windows(100, List.of(new Station(5_000), small));
        assertThat(shares.share()).isLessThan(CAPACITY);
        windows(10, List.of(small));
        assertThat(shares.share()).isEqualTo(Long.MAX_VALUE);
    }

    @Test
    void aVmSendsWhatAnOperatorAllowsItInPacketsAndInOctets() {
        shares.limits(new GatewayConfig.Limits(0, 1_000));
        Station vm = new Station(10);
        int passed = 0;
        for (int n = 0; n < 400; n++) { // 2 s
            windows(1, List.of(vm));
            passed += vm.passed;
        }
        assertThat(passed).isBetween(2_000, 2_000 + 256 + 10);

        shares.limits(new GatewayConfig.Limits(1_000_000, 0));
        Station other = new Station(100);
        passed = 0;
        for (int n = 0; n < 400; n++) {
            windows(1, List.of(other));
            passed += other.passed;
        }
        assertThat(passed * BYTES).isBetween(2_000_000, 2_000_000 + (256 << 10) + 100 * BYTES);
    }

    @Test
    void theLimitsAreForVmsOnly() {
        shares.limits(new GatewayConfig.Limits(0, 1));
        Shares.Share host = new Shares.Share();
        for (int i = 0; i < 10_000; i++) {
            assertThat(shares.judge(host, false, 1, BYTES, false, nowNs)).isEqualTo(DropReason.NONE);
        }
    }
}

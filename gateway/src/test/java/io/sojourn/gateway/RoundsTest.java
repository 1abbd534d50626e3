// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class RoundsTest {
    private static final long WAY = 0xFD66_0001_0000_0000L;
    private static final long OTHER = 0xFD66_0002_0000_0000L;

    private final VmEntry vm = new VmEntry(new VmId("web1"), List.of(), new GatewayId("b"), new Epoch(1));
    private final Rounds rounds = new Rounds();
    private final List<String> released = new ArrayList<>();

    private boolean putOff(boolean toVm) {
        return rounds.putOff(vm, toVm, () -> released.add(toVm ? "to" : "from"));
    }

    @Test
    void whatNobodyIsAwaitedForIsNotPutOff() {
        assertThat(putOff(true)).isFalse();
    }

    @Test
    void itIsReleasedWhenTheLastHasComeRound() {
        assertThat(rounds.await(vm, true, WAY, 0)).isTrue();
        rounds.await(vm, true, OTHER, 0);
        assertThat(putOff(true)).isTrue();
        assertThat(putOff(false)).as("the other direction awaits nothing").isFalse();
        rounds.came(vm, true, OTHER, 1);
        assertThat(released).isEmpty();
        rounds.came(vm, true, WAY, 2);
        assertThat(released).containsExactly("to");
    }

    @Test
    void whatCameBeforeItWasAwaitedCounts() {
        vm.onMove = true;
        rounds.came(vm, false, WAY, 1);
        assertThat(rounds.await(vm, false, WAY, 2)).isFalse();
        assertThat(putOff(false)).isFalse();
    }

    @Test
    void whatNeverComesHoldsNobodyUpForMoreThanASecond() {
        rounds.await(vm, true, WAY, 0);
        putOff(true);
        assertThat(rounds.tick(900_000_000L)).isTrue();
        assertThat(released).isEmpty();
        assertThat(rounds.tick(1_100_000_000L)).isFalse();
        assertThat(released).containsExactly("to");
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.Status;
import org.junit.jupiter.api.Test;

class ControllerLinkTest {
    private static long after(int attempts, Status status) {
        long ms = 1_000;
        for (int i = 0; i < attempts; i++) {
            ms = ControllerLink.nextRetryMs(ms, status);
        }
        return ms;
    }

    @Test
    void whoReachesNobodyTriesEveryTwoSeconds() {
        assertThat(after(1, Status.UNAVAILABLE)).isEqualTo(2_000);
        assertThat(after(20, Status.UNAVAILABLE)).isEqualTo(2_000);
    }

    @Test
    void whoIsRefusedTriesEveryFiveMinutesUntilSomethingElseHappens() {
        assertThat(after(3, Status.UNAUTHENTICATED)).isEqualTo(8_000);
        assertThat(after(20, Status.PERMISSION_DENIED)).isEqualTo(300_000);
        assertThat(ControllerLink.nextRetryMs(300_000, Status.UNAVAILABLE)).isEqualTo(2_000);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.wire.SojournDatagram;
import org.junit.jupiter.api.Test;

class InsideTest {
    /** A gateway whose handoff has something to say the moment it sees the VM. */
    private static final class Announcing extends PathStage {
        Announcing() {
            super("d");
        }

        @Override
        public void sighted(VmEntry vm, Sign sign, long now) {
            byte[] announcement = new byte[200];
            announcement[0] = SojournDatagram.MAGIC;
            announcement[1] = SojournDatagram.SIGNAL;
            for (int i = 0; i < 3; i++) {
                wan.sendBytes(table.peers().iterator().next(), announcement);
            }
            wan.flush();
            vm.watched = false;
        }
    }

    @Test
    void theFrameThatActivatesArrivesAsItWasSent() {
        try (PathStage d = new Announcing();
                PathStage c = new PathStage("c")) {
            PathStage.connect(d, c);
            PathStage.bind(1, "d", 1, d, c);
            PathStage.bind(2, "c", 1, d, c);
            d.vm(1).watched = true;

            d.fromLan(1, 2, 77);
            PathStage.settle(c);

            assertThat(c.signals).hasSize(3);
            assertThat(c.delivered(2)).containsExactly(77);
            assertThat(d.dropped()).isEmpty();
        }
    }
}

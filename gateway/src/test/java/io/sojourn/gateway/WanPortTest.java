// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.wire.FrameRun;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A way beside the overlay has something of its own to say while it is asked about a frame. */
class WanPortTest {
    private final PathStage a = new PathStage("a");
    private final PathStage b = new PathStage("b");
    private final MemorySegment other = Arena.ofAuto().allocate(256);

    @BeforeEach
    void connect() {
        PathStage.connect(a, b);
        PathStage.bind(1, "a", 1, a, b);
        PathStage.bind(2, "b", 1, a, b);
        PathStage.bind(3, "b", 1, a, b);
    }

    @AfterEach
    void close() {
        a.close();
        b.close();
    }

    /** Says it, and leaves what it is asked about to the overlay. */
    private abstract static class Talkative implements Bypass {
        final List<Integer> lengths = new ArrayList<>();
        private boolean talking;

        abstract void talk(Peer peer);

        @Override
        public boolean carries(Peer peer, VirtualNetwork network, MemorySegment s, long frameAt) {
            return false;
        }

        @Override
        public String explain(Peer peer, VirtualNetwork network, MemorySegment s, long frameAt, long epoch) {
            return "";
        }

        @Override
        public int mtuBytes(Peer peer) {
            return 1_500;
        }

        @Override
        public boolean send(Peer peer, FrameRun run, int vni, long epoch, boolean passedOn) {
            if (!talking) {
                talking = true;
                talk(peer);
                talking = false;
                lengths.add(run.frameLength());
            }
            return false;
        }
    }

    @Test
    void aMessageThatIsSentMeanwhileLeavesTheFrameAlone() {
        byte[] said = new byte[60];
        said[1] = 99; // a type of nobody's
        a.wan.bypassedBy(new Talkative() {
            @Override
            void talk(Peer peer) {
                a.wan.sendBytes(peer, said);
            }
        });
        for (int number = 1; number <= 2_000; number++) {
            a.fromLan(1, 2, number);
            PathStage.settle(a, b);
        }

        assertThat(b.delivered(2)).hasSize(2_000).startsWith(1, 2, 3).endsWith(2_000);
    }

    @Test
    void aFrameThatIsSentMeanwhileLeavesTheDescriptionOfTheOtherAlone() {
        Talkative way = new Talkative() {
            @Override
            void talk(Peer peer) {
                int length = PathStage.udp(other, 0, 1, 3, 77);
                PathStage.toMac(other, 0, 3);
                a.wan.sendCopy(peer, other, 0, length + 40, 1, 1); // padded
            }
        };
        a.wan.bypassedBy(way);
        a.toWan(b, 1, 2, 7, 1);
        PathStage.settle(a, b);

        assertThat(b.delivered(2)).containsExactly(7);
        assertThat(b.delivered(3)).containsExactly(77);
        assertThat(way.lengths).containsExactly(PathStage.udp(other, 0, 1, 2, 7));
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.model.identity.VmId;
import io.sojourn.wire.SojournDatagram;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class NodeStatesTest {
    private static final VmId VM = new VmId("vm10");

    private final List<String> taken = new ArrayList<>();
    private final Site a = new Site("a");
    private final Site b = new Site("b");
    private final Site c = new Site("c");

    private final class Site extends PathStage {
        final NodeStates states = new NodeStates(
                SojournDatagram.LABEL_STATE,
                table,
                wan,
                counters,
                (from, vm, nid, epoch, state, now) ->
                        taken.add(epoch + " of " + vm + " from " + from + ": " + state.length + " x " + state[0]));

        Site(String name) {
            super(name);
            states.key(new byte[32]);
        }

        @Override
        public void labelState(Peer from, byte[] datagram, long now) {
            states.heard(from, datagram, now);
        }

        void sends(Site to, VmId vm, long epoch, int octets, int value) {
            byte[] state = new byte[octets];
            Arrays.fill(state, (byte) value);
            states.send(peer(to), vm, 0, epoch, state, System.nanoTime());
            wan.flush();
        }
    }

    @BeforeEach
    void connect() {
        PathStage.connect(a, b, c);
    }

    @AfterEach
    void close() {
        List.of(a, b, c).forEach(PathStage::close);
    }

    private void settle() {
        PathStage.settle(a, b, c);
    }

    @Test
    void aStateInPartsComesWholeAndOnce() {
        b.sends(a, VM, 2, 2_500, 7);
        settle();
        assertThat(taken).containsExactly("2 of vm10 from b: 2500 x 7");
        assertThat(b.states.isWaiting()).isFalse();
    }

    @Test
    void theLaterStateOfAMoveIsTheOneThatCounts() {
        b.sends(a, VM, 2, 1, 1);
        b.sends(a, VM, 2, 1, 2);
        settle();
        assertThat(taken).last().isEqualTo("2 of vm10 from b: 1 x 2");
    }

    /** Each gateway counts from when it was started: a VM that comes back from one that was started earlier brings lower numbers. */
    @Test
    void theNextMoveCountsWhoeverSendsItsState() {
        c.sends(a, VM, 2, 1, 1);
        settle();
        b.sends(a, VM, 4, 1, 2);
        settle();
        c.sends(a, VM, 3, 1, 3);
        settle();
        assertThat(taken).containsExactly("2 of vm10 from c: 1 x 1", "4 of vm10 from b: 1 x 2");
    }

    @Test
    void howManyHaveComeBeforeDoesNotMatter() {
        for (int i = 0; i < 1_500; i++) {
            b.sends(a, new VmId("vm" + i), 2, 1, 1);
            settle();
        }
        assertThat(taken).hasSize(1_500);
        assertThat(a.dropped()).isEmpty();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.handoff.MigrationId;
import io.sojourn.handoff.Signal;
import io.sojourn.handoff.SignalCodec;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Gateways a, b, c; vm1 was at a and is at b under epoch 2. c has not heard of it. */
class SignalPortTest implements SignalPort.Listener {
    private static final MigrationId MOVE = new MigrationId(new UUID(0, 1));
    private static final byte[] KEY = new byte[SignalCodec.KEY_BYTES];

    private final PathStage a = new PathStage("a");
    private final PathStage b = new PathStage("b");
    private final PathStage c = new PathStage("c");
    private final ArrayDeque<Runnable> later = new ArrayDeque<>();
    private final SignalPort port = new SignalPort(a.table, a.wan, a.counters, later::add, this);
    private final List<Signal> heard = new ArrayList<>();
    private final List<Signal> own = new ArrayList<>();
    private boolean held;

    @BeforeEach
    void connect() {
        PathStage.connect(a, b, c);
        PathStage.bind(1, "b", 2, a, b, c);
        a.vm(1).tombstone = MOVE;
        port.key(KEY);
    }

    @AfterEach
    void close() {
        a.close();
        b.close();
        c.close();
    }

    private List<Signal> heardBy(PathStage stage) {
        PathStage.settle(stage);
        SignalCodec codec = new SignalCodec(KEY);
        List<Signal> signals = new ArrayList<>();
        for (byte[] datagram : stage.signals) {
            if (codec.decode(datagram) instanceof SignalCodec.Accepted(Signal signal, long number)) {
                signals.add(signal);
            }
        }
        stage.signals.clear();
        return signals;
    }

    @Test
    void aLateSenderIsToldWhereTheVmIs() {
        port.late(a.vm(1), a.peer(c), 1_000_000_000);

        assertThat(heardBy(c))
                .containsExactly(
                        new Signal(MOVE, new VmId("vm1"), new Epoch(2), a.id, new Signal.Moved(b.id, new Epoch(2))));
        assertThat(heardBy(b)).isEmpty();
    }

    @Test
    void heIsToldAgainOnlyAfterAWhile() {
        long nowNs = 1_000_000_000;
        port.late(a.vm(1), a.peer(c), nowNs);
        port.late(a.vm(1), a.peer(c), nowNs + SignalPort.MOVED_EVERY_NS - 1);
        assertThat(heardBy(c)).hasSize(1);

        port.late(a.vm(1), a.peer(c), nowNs + SignalPort.MOVED_EVERY_NS);
        assertThat(heardBy(c)).hasSize(1);
    }

    @Test
    void nothingIsSaidThatIsNotCertain() {
        VmEntry vm = a.vm(1);
        vm.tombstone = null;
        port.late(vm, a.peer(c), 1_000_000_000);
        assertThat(heardBy(c)).as("it was never here").isEmpty();

        vm.tombstone = MOVE;
        vm.onMove = true;
        port.late(vm, a.peer(c), 2_000_000_000);
        assertThat(heardBy(c)).as("it is on a move").isEmpty();

        vm.onMove = false;
        vm.routeEpoch = 3;
        port.late(vm, a.peer(c), 3_000_000_000L);
        assertThat(heardBy(c)).as("redirected, and not bound there yet").isEmpty();
    }

    @Test
    void whatIsToComeBehindHeldPacketsWaitsForThem() {
        Signal marker = new Signal(
                MOVE, new VmId("vm1"), new Epoch(2), a.id, new Signal.EndMarker(a.id, Signal.Direction.INBOUND));
        held = true;
        port.sendInOrder(a.id, marker);
        later.remove().run();
        assertThat(heard).isEmpty();

        held = false;
        port.goesOn(new Hold.Marker(marker, a.id));
        later.remove().run();
        assertThat(heard).containsExactly(marker);
        assertThat(own).isEmpty();
    }

    @Test
    void whatIsForOurselvesIsHeardAfterwardsAndNotSent() {
        Signal word = new Signal(MOVE, new VmId("vm1"), new Epoch(2), a.id, new Signal.AnnounceAck());
        port.send(a.id, word);
        assertThat(own).isEmpty();
        later.remove().run();

        assertThat(own).containsExactly(word);
        assertThat(a.counters.snapshot()).doesNotContainKey("signals-out");
    }

    @Override
    public void heard(Signal signal, GatewayId from, long nowNs) {
        heard.add(signal);
    }

    @Override
    public void own(Signal signal) {
        own.add(signal);
    }

    @Override
    public void refused(VmId vm, String how) {}

    @Override
    public boolean waits(Signal signal, GatewayId from) {
        return held;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.certificate.Certificate;
import io.sojourn.certificate.Mark;
import io.sojourn.certificate.SigningKey;
import io.sojourn.certificate.Statement;
import io.sojourn.certificate.TimelineStep;
import io.sojourn.certificate.Verification;
import io.sojourn.handoff.DestinationHandoff;
import io.sojourn.handoff.HandoffAction;
import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.HandoffPlan;
import io.sojourn.handoff.MigrationId;
import io.sojourn.handoff.Ordering;
import io.sojourn.handoff.Phase;
import io.sojourn.handoff.Signal;
import io.sojourn.handoff.SourceHandoff;
import io.sojourn.handoff.Timing;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.MacAddress;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.SiteId;
import io.sojourn.rpc.Gateway;
import io.sojourn.rpc.Network;
import io.sojourn.rpc.Nic;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.rpc.Vm;
import io.sojourn.wire.DropReason;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** Two gateways' accounts of one move, each fed with what its forwarder would see. */
class AccountsTest {
    private static final GatewayId A = new GatewayId("a");
    private static final GatewayId B = new GatewayId("b");
    private static final GatewayId C = new GatewayId("c");
    private static final long MAC = MacAddress.parse("52:54:00:00:01:0a").bits();
    private static final long OTHER_MAC = MAC + 1;
    private static final HandoffPlan PLAN = new HandoffPlan(
            new MigrationId(new UUID(1, 2)),
            new VmId("web1"),
            A,
            B,
            new Epoch(1),
            new Epoch(2),
            List.of(C),
            Ordering.STRICT,
            Timing.forRtt(1_000_000));

    private static final class Site {
        final List<Accounts.Closed> closed = new ArrayList<>();
        final Timers timers = new Timers();
        final Counters counters = new Counters();
        final ForwardingTable table;
        final Accounts accounts;
        final Handoff handoff;
        final Account account;

        Site(GatewayId self, boolean source) {
            table = new ForwardingTable(self, new SiteId("site-" + self), new Nothing());
            table.apply(TableUpdate.newBuilder()
                    .setVersion(1)
                    .setWhole(true)
                    .addNetworks(Network.newBuilder().setName("blue").setVni(7).setMechanism("overlay"))
                    .addGateways(gateway("a", 1))
                    .addGateways(gateway("b", 2))
                    .addGateways(gateway("c", 3))
                    .addVms(Vm.newBuilder()
                            .setName("web1")
                            .setGateway("a")
                            .setEpoch(1)
                            .addNics(Nic.newBuilder()
                                    .setMac("52:54:00:00:01:0a")
                                    .setNetwork("blue")
                                    .addAddresses("10.10.1.10")))
                    .build());
            accounts = new Accounts(table, timers, counters, closed::add);
            VmEntry vm = Objects.requireNonNull(table.vm(PLAN.vm()));
            handoff = source
                    ? Handoff.atSource(SourceHandoff.arm(PLAN, 0).state(), vm, GuestSide.NONE)
                    : Handoff.atDestination(DestinationHandoff.arm(PLAN, 0).state(), vm, GuestSide.NONE);
            account = accounts.begin(handoff);
        }

        private static Gateway gateway(String name, int host) {
            return Gateway.newBuilder()
                    .setName(name)
                    .setSite(name)
                    .setLocator("192.0.2." + host + ":7400")
                    .build();
        }

        Peer peer(GatewayId id) {
            return Objects.requireNonNull(table.peer(id));
        }

        void ended(Phase phase) {
            account.doing(new HandoffAction.Report(phase, "end", ""));
            accounts.finished(handoff, 0);
        }
    }

    private static final class Nothing implements ForwardingTable.Changes {
        @Override
        public void tableSays(VmEntry vm, GatewayId gateway, Epoch epoch) {}

        @Override
        public void networkAdded(VirtualNetwork network) {}

        @Override
        public void networkRemoved(VirtualNetwork network) {}

        @Override
        public void vmRemoved(VmEntry vm) {}
    }

    private final Site a = new Site(A, true);
    private final Site b = new Site(B, false);

    private static Signal marker(GatewayId origin, Signal.Direction direction) {
        return new Signal(PLAN.migration(), PLAN.vm(), PLAN.epoch(), A, new Signal.EndMarker(origin, direction));
    }

    /** {@code lost} of the frames and then the marker, from a to b. */
    private void carry(int frames, int lost, Signal marker) {
        a.accounts.toWan(a.peer(B), 2, MAC, frames, false);
        b.accounts.fromWan(b.peer(A), 2, MAC, frames - lost);
        a.account.doing(new HandoffAction.SendInOrder(B, marker));
        b.account.happened(new HandoffEvent.SignalReceived(marker, A));
    }

    private Verification verification() {
        SigningKey key = SigningKey.generate();
        Statement source = a.accounts
                .close(PLAN.migration(), false)
                .orElseThrow()
                .statement()
                .orElseThrow();
        Statement destination = b.accounts
                .close(PLAN.migration(), false)
                .orElseThrow()
                .statement()
                .orElseThrow();
        return Verification.of(
                new Certificate(
                        PLAN.migration().toString(), Optional.of(key.sign(source)), Optional.of(key.sign(destination))),
                Map.of());
    }

    @Test
    void whatWasSentMeetsWhatWasReceived() {
        carry(12, 0, marker(A, Signal.Direction.OUTBOUND));
        carry(45, 0, marker(C, Signal.Direction.INBOUND));
        a.accounts.toWan(a.peer(B), 2, MAC, 100, false); // ordinary traffic, once a sends straight to b
        a.ended(Phase.RELEASED);
        b.ended(Phase.RELEASED);

        assertThat(verification().problems()).isEmpty();
    }

    @Test
    void whatWentBesideTheSignalsIsSaidToHaveDoneSo() {
        carry(12, 0, marker(A, Signal.Direction.OUTBOUND));
        a.accounts.toWan(a.peer(B), 2, MAC, 45, true);
        Signal marker = marker(C, Signal.Direction.INBOUND);
        a.account.doing(new HandoffAction.SendInOrder(B, marker));
        a.accounts.toWan(a.peer(B), 2, MAC, 3, true);
        a.account.doing(new HandoffAction.SendInOrder(B, marker)); // again
        b.accounts.fromWan(b.peer(A), 2, MAC, 46); // one of them before the signal was read
        b.account.happened(new HandoffEvent.SignalReceived(marker, A));
        b.accounts.fromWan(b.peer(A), 2, MAC, 2);
        a.ended(Phase.RELEASED);
        b.ended(Phase.RELEASED);

        assertThat(verification().losses()).isEmpty();
    }

    @Test
    void whatIsLostBetweenTheTwoShows() {
        carry(12, 0, marker(A, Signal.Direction.OUTBOUND));
        carry(45, 2, marker(C, Signal.Direction.INBOUND));
        a.ended(Phase.RELEASED);
        b.ended(Phase.RELEASED);

        assertThat(verification().losses()).singleElement().asString().contains("57 frames sent, 55 received");
    }

    @Test
    void onlyTheMovesOwnFramesBetweenTheTwoAreCounted() {
        a.accounts.toWan(a.peer(B), 2, OTHER_MAC, 1, false);
        a.accounts.toWan(a.peer(B), 1, MAC, 1, false);
        a.accounts.toWan(a.peer(C), 2, MAC, 1, false);
        b.accounts.fromWan(b.peer(C), 2, MAC, 1);
        b.accounts.fromWan(b.peer(A), 0, MAC, 1);
        b.accounts.fromWan(b.peer(A), 1, MAC, 1);
        Statement source = statement(a);
        Statement destination = statement(b);

        assertThat(source.sent()).isZero();
        assertThat(source.frames()).doesNotContainKey(Statement.NATIVELY);
        assertThat(destination.received()).isZero();
    }

    private static Statement statement(Site site) {
        return site.accounts
                .close(PLAN.migration(), false)
                .orElseThrow()
                .statement()
                .orElseThrow();
    }

    @Test
    void aHalfHasItsStepsItsMarksAndWhatWasDroppedMeanwhile() {
        a.peer(B).rttNs = 20_000_000;
        a.peer(B).clockOffsetUs = -5;
        a.handoff.guestEventUs = 77;
        a.account.doing(new HandoffAction.Report(Phase.PAUSED, "pause", ""));
        a.counters.drop(DropReason.LOOP);
        carry(3, 0, marker(A, Signal.Direction.OUTBOUND));
        a.ended(Phase.RELEASED);
        Statement half = statement(a);

        assertThat(half.at("pause")).contains(77L);
        assertThat(half.marks()).containsExactly(new Mark(true, "end-marker-outbound", "a", 3));
        assertThat(half.drops()).containsExactly(Map.entry("loop", 1L));
        assertThat(half.clock().orElseThrow().offsetUs()).isEqualTo(-5);
        assertThat(half.clock().orElseThrow().uncertaintyUs()).isBetween(10_000L, 10_200L);
        assertThat(half.outcome()).isEqualTo(Statement.Outcome.MOVED);
        assertThat(half.timeline()).extracting(TimelineStep::event).contains("pause", "end");
        assertThat(half.subject().networks()).containsExactly("blue");
    }

    @Test
    void anAccountIsClosedOnceAndByItselfIfNobodyAsks() {
        a.ended(Phase.ABORTED);
        assertThat(a.accounts.anyOpen()).isTrue();
        a.timers.run(1_000_000_000L);

        assertThat(a.closed).hasSize(1);
        assertThat(a.closed.getFirst().statement().orElseThrow().outcome()).isEqualTo(Statement.Outcome.ROLLED_BACK);
        assertThat(a.accounts.close(PLAN.migration(), false)).isEmpty();
        assertThat(a.accounts.anyOpen()).isFalse();
    }

    @Test
    void aHandoffThatIsUnderWayKeepsItsAccount() {
        assertThat(a.accounts.close(PLAN.migration(), true)).isEmpty();
        assertThat(a.accounts.anyOpen()).isTrue();
    }

    @Test
    void anotherHandoffOfTheVmLeavesTheCountsOfTheFirst() {
        a.handoff.vm.counts.redirected = 5;
        a.accounts.begin(a.handoff);
        a.handoff.vm.counts.reset();

        assertThat(statement(a).frames()).containsEntry("redirected", 5L);
    }
}

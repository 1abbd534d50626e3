// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.mechanism.Page;
import io.sojourn.model.identity.MacAddress;
import io.sojourn.rpc.Gateway;
import io.sojourn.rpc.Mat;
import io.sojourn.rpc.MatMapping;
import io.sojourn.rpc.MatMobile;
import io.sojourn.rpc.MatRegistered;
import io.sojourn.rpc.Network;
import io.sojourn.rpc.Nic;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.rpc.UplinkPage;
import io.sojourn.rpc.Vm;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A gateway a, peers b and c; what it says to the mapping server is a list. */
class MappingsTest {
    private static final String HOME = "192.0.2.2";

    private final PathStage a = new PathStage("a");
    private final PathStage b = new PathStage("b");
    private final PathStage c = new PathStage("c");
    private final List<Mat> said = new ArrayList<>();
    private final PageTable pages =
            new PageTable(List.of(Page.parse("100.81.0.0/16", ""), Page.parse("100.91.0.0/16", "")));
    private final MappingUpdates updates = new MappingUpdates(a.table, a.wan, a.counters);
    private final Mappings mappings = new Mappings(a.table, pages, updates, a.counters);
    private long nowNs = 1_000_000_000_000L;

    @BeforeEach
    void connect() {
        PathStage.connect(a, b, c);
        mappings.ims(said::add);
        pages.mappedBy(mappings);
        updates.key(new byte[32]);
        TableUpdate.Builder update = TableUpdate.newBuilder()
                .addNetworks(Network.newBuilder()
                        .setName(PathStage.NETWORK)
                        .setVni(1)
                        .setMechanism("mat"));
        int number = 1;
        for (PathStage stage : List.of(a, b, c)) {
            var address = stage.wan.localAddress();
            update.addGateways(Gateway.newBuilder()
                    .setName(stage.id.name())
                    .setSite(stage.id.name())
                    .setLocator(
                            new io.sojourn.model.location.Locator(address.getAddress(), address.getPort()).toString())
                    .setPage4("100.8" + number + ".0.0/16")
                    .addOtherPages(UplinkPage.newBuilder().setV4("100.9" + number++ + ".0.0/16")));
        }
        for (int vm = 1; vm <= 2; vm++) {
            update.addVms(Vm.newBuilder()
                    .setName("vm" + vm)
                    .setGateway(vm == 1 ? "a" : "b")
                    .setEpoch(1)
                    .addNics(Nic.newBuilder()
                            .setMac(new MacAddress(PathStage.mac(vm)).toString())
                            .setNetwork(PathStage.NETWORK)
                            .addAddresses("192.0.2." + vm)
                            .addPageNumbers(39 + vm)));
        }
        a.table.apply(update.build());
        pages.rebuild(a.table);
        mappings.tableChanged();
    }

    @AfterEach
    void close() {
        a.close();
        b.close();
        c.close();
    }

    private Mappings.Mapping mapping() {
        PageTable.Member member =
                requireNonNull(pages.member(requireNonNull(a.table.network(1)), false, 0, 0xC000_0202L));
        return requireNonNull(member.mapping());
    }

    private static MatMapping told(long sequence, int preference, String gateway, String mobile) {
        return MatMapping.newBuilder()
                .setNetwork(PathStage.NETWORK)
                .setHome(HOME)
                .setSequence(sequence)
                .setLifetimeS(60)
                .addMobile(MatMobile.newBuilder()
                        .setGateway(gateway)
                        .setAddress(mobile)
                        .setPreference(preference))
                .build();
    }

    private void answer(MatMapping mapping) {
        mappings.heard(Mat.newBuilder().setAnswer(mapping).build(), nowNs);
    }

    private void pass(long seconds) {
        nowNs += TimeUnit.SECONDS.toNanos(seconds);
        mappings.tick(nowNs);
    }

    @Test
    void aMappingIsAskedForOnceWhenAPacketWantsIt() {
        assertThat(mapping().leadsTo(a.peer(b))).isFalse();
        assertThat(mapping().leadsTo(a.peer(b))).isFalse();
        assertThat(said)
                .singleElement()
                .satisfies(m -> assertThat(m.getQuery().getHome()).isEqualTo(HOME));

        answer(told(1, 100, "b", "100.82.5.34"));
        assertThat(mapping().leadsTo(a.peer(b))).isTrue();
        assertThat(mapping().leadsTo(a.peer(c))).isFalse();
    }

    @Test
    void bothPlacesLeadThereDuringAMoveAndOneAfter() {
        answer(told(1, 100, "b", "100.82.5.34"));
        assertThat(mappings.learn(told(2, 0, "c", "100.83.5.36"), nowNs)).isTrue();
        assertThat(mapping().leadsTo(a.peer(b)) && mapping().leadsTo(a.peer(c))).isTrue();

        mappings.learn(told(2, 100, "c", "100.83.5.36"), nowNs);
        assertThat(mapping().leadsTo(a.peer(b))).isFalse();
        answer(told(1, 100, "b", "100.82.5.34"));
        assertThat(mapping().leadsTo(a.peer(c)))
                .as("an old answer changes nothing")
                .isTrue();
    }

    @Test
    void aMobileAddressInAnotherPageIsRefused() {
        assertThat(mappings.learn(told(1, 100, "b", "100.83.5.34"), nowNs)).isFalse();
        assertThat(mapping().leadsTo(a.peer(b))).isFalse();
    }

    @Test
    void whatIsUsedIsRenewedAndWhatHasEndedIsForgotten() {
        answer(told(1, 100, "b", "100.82.5.34"));
        assertThat(mapping().leadsTo(a.peer(b))).isTrue();
        said.clear();
        pass(45);
        assertThat(said).anyMatch(m -> m.hasQuery() && m.getQuery().getHome().equals(HOME));
        pass(16);
        assertThat(mapping().leadsTo(a.peer(b))).isFalse();
    }

    @Test
    void oursIsRegisteredAndWhoAskedIsToldStraightUntilTheySaySo() {
        pass(1);
        Mat register = said.stream().filter(Mat::hasRegister).findFirst().orElseThrow();
        assertThat(register.getRegister().getHome()).isEqualTo("192.0.2.1");
        assertThat(register.getRegister().getMobile(0).getAddress()).isEqualTo("100.81.5.2");

        mappings.heard(
                Mat.newBuilder()
                        .setRegistered(MatRegistered.newBuilder()
                                .setNetwork(PathStage.NETWORK)
                                .setHome("192.0.2.1")
                                .setSequence(1)
                                .setLifetimeS(60)
                                .addCorrespondents("b"))
                        .build(),
                nowNs);
        assertThat(a.counters.get(Counters.Kind.MAPPINGS_UPDATED)).isEqualTo(1);
        said.clear();
        pass(10);
        assertThat(said).isEmpty();
        pass(11);
        assertThat(said).hasSize(1);
    }

    private static MatMapping byBothUplinks(long revision, int first, int second) {
        return told(1, first, "b", "100.82.5.34").toBuilder()
                .setRevision(revision)
                .addMobile(MatMobile.newBuilder()
                        .setGateway("b")
                        .setAddress("100.92.5.34")
                        .setPreference(second))
                .build();
    }

    @Test
    void ofSeveralUplinksThePreferredIsUsedAndANewerRevisionWins() {
        answer(byBothUplinks(7, 100, 50));
        assertThat(mapping().page(a.peer(b))).isEqualTo(a.peer(b).page);
        mappings.learn(byBothUplinks(8, 50, 100), nowNs);
        assertThat(mapping().page(a.peer(b))).isEqualTo(a.peer(b).otherPages.getFirst());
        mappings.learn(byBothUplinks(7, 100, 50), nowNs);
        assertThat(mapping().page(a.peer(b)))
                .as("what is old changes nothing")
                .isEqualTo(a.peer(b).otherPages.getFirst());
    }

    @Test
    void whoeverAskedIsToldAtOnceWhenAnUplinkGoes() {
        pass(1);
        mappings.heard(
                Mat.newBuilder()
                        .setRegistered(MatRegistered.newBuilder()
                                .setNetwork(PathStage.NETWORK)
                                .setHome("192.0.2.1")
                                .setSequence(1)
                                .addCorrespondents("b"))
                        .build(),
                nowNs);
        assertThat(said.getFirst().getRegister().getMobileList())
                .extracting(MatMobile::getAddress, MatMobile::getPreference)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("100.81.5.2", 100),
                        org.assertj.core.groups.Tuple.tuple("100.91.5.2", 50));
        said.clear();

        mappings.uplinks(new boolean[] {false, true}, nowNs);
        assertThat(said.getFirst().getRegister().getMobileList())
                .extracting(MatMobile::getAddress, MatMobile::getPreference)
                .containsExactly(org.assertj.core.groups.Tuple.tuple("100.91.5.2", 100));
        assertThat(a.counters.get(Counters.Kind.MAPPINGS_UPDATED)).isEqualTo(2);
        assertThat(pages.own().v4().orElseThrow().toString()).isEqualTo("100.91.0.0/16");

        mappings.uplinks(new boolean[] {false, false}, nowNs);
        assertThat(pages.own().v4().orElseThrow().toString())
                .as("nothing is better than the last that was up")
                .isEqualTo("100.91.0.0/16");
        mappings.uplinks(new boolean[] {true, true}, nowNs);
        assertThat(pages.own().v4().orElseThrow().toString()).isEqualTo("100.81.0.0/16");
    }

    @Test
    void anUpdateThatIsNotAuthenticOrCutChangesNothing() {
        MappingUpdates there = new MappingUpdates(b.table, b.wan, b.counters);
        List<byte[]> sent = new ArrayList<>();
        there.key(new byte[32]);
        byte[] good = there.datagram(1, 7, told(2, 100, "b", "100.82.5.34").toByteArray());
        sent.add(java.util.Arrays.copyOf(good, good.length - 1));
        byte[] bent = good.clone();
        bent[25] ^= 1;
        sent.add(bent);
        sent.add(new byte[3]);
        for (byte[] datagram : sent) {
            updates.heard(a.peer(b), datagram, mappings::learn, nowNs);
        }
        updates.heard(a.peer(c), good, mappings::learn, nowNs); // in b's name
        assertThat(mapping().leadsTo(a.peer(b))).isFalse();
        assertThat(a.dropped()).containsOnlyKeys("drop-unauthenticated", "drop-malformed-control");

        updates.heard(a.peer(b), good, mappings::learn, nowNs);
        assertThat(mapping().leadsTo(a.peer(b))).isTrue();
    }
}

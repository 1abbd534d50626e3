// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.registry.Kind;
import io.sojourn.registry.MemoryStore;
import io.sojourn.registry.Write;
import io.sojourn.rpc.Mat;
import io.sojourn.rpc.MatMapping;
import io.sojourn.rpc.MatMobile;
import io.sojourn.rpc.MatQuery;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class MappingServerTest {
    private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");
    private static final String HOME = "10.10.1.10";

    /** Moves on when a test says so. */
    private static final class Later extends Clock {
        private Instant now = START;

        @Override
        public java.time.ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(java.time.ZoneId zone) {
            return this;
        }

        @Override
        public Instant instant() {
            return now;
        }
    }

    private final Later clock = new Later();
    private final MemoryStore store = new MemoryStore(clock);
    private final MappingServer ims = new MappingServer(new Realm(store), new Time(clock));

    @BeforeEach
    void start() {
        for (int i = 1; i <= 3; i++) {
            String name = List.of("a", "b", "c").get(i - 1);
            store.commit(List.of(Write.put(Kind.GATEWAY, name, """
                    {"name":"%s","site":"%s","locator":"192.0.2.1:7400","software":"","networks":[],"page4":"100.8%d.0.0/16"}""".formatted(name, name, i))));
        }
        store.commit(List.of(Write.put(Kind.NETWORK, "blue", """
                {"name":"blue","subnets":[{"prefix":"10.10.3.0/24","homeSite":"c"}]}""")));
        store.commit(List.of(Write.put(Kind.VM, "web1", """
                {"name":"web1","nics":[{"mac":"52:54:00:00:01:0a","network":"blue","addresses":["10.10.1.10"]}]}""")));
        bind("a", 1);
    }

    @AfterEach
    void close() {
        store.close();
    }

    private void bind(String gateway, long epoch) {
        while (store.reserveEpoch(new VmId("web1")).number() < epoch) {
            // the registry counts them itself
        }
        store.commit(List.of(
                new Write.Bind(new Binding(new VmId("web1"), new GatewayId(gateway), new Epoch(epoch)), "test")));
    }

    private Mat register(String gateway, String home, long sequence, int preference, String mobile) {
        return ims.heard(
                        gateway,
                        Mat.newBuilder()
                                .setRegister(MatMapping.newBuilder()
                                        .setNetwork("blue")
                                        .setHome(home)
                                        .setSequence(sequence)
                                        .setLifetimeS(60)
                                        .addMobile(MatMobile.newBuilder()
                                                .setGateway(gateway)
                                                .setAddress(mobile)
                                                .setPreference(preference)))
                                .build())
                .getFirst()
                .message();
    }

    private Mat query(String gateway, String home) {
        return ims.heard(
                        gateway,
                        Mat.newBuilder()
                                .setQuery(
                                        MatQuery.newBuilder().setNetwork("blue").setHome(home))
                                .build())
                .getFirst()
                .message();
    }

    @Test
    void whoAsksIsToldAndTheMoverIsToldWhoAsked() {
        assertThat(query("c", HOME).getRefuse().getReason()).isEqualTo("nobody has registered it");
        register("a", HOME, 1, 100, "100.81.5.2");
        Mat answer = query("c", HOME);

        assertThat(answer.getAnswer().getMobile(0).getAddress()).isEqualTo("100.81.5.2");
        assertThat(answer.getAnswer().getLifetimeS()).isEqualTo(60);
        assertThat(register("a", HOME, 1, 100, "100.81.5.2").getRegistered().getCorrespondentsList())
                .containsExactly("c");
    }

    @Test
    void whoAsksFirstIsMadeKnownToTheMoverAtOnce() {
        register("a", HOME, 1, 100, "100.81.5.2");
        Mat question = Mat.newBuilder()
                .setQuery(MatQuery.newBuilder().setNetwork("blue").setHome(HOME))
                .build();
        assertThat(ims.heard("c", question).get(1).message().getRegistered().getCorrespondentsList())
                .containsExactly("c");
        assertThat(ims.heard("c", question)).as("once is enough").hasSize(1);
    }

    @Test
    void bothSitesAreValidWhileTheVmIsOnItsWayAndOneAfter() {
        register("a", HOME, 1, 100, "100.81.5.2");
        bind("b", 2);
        register("b", HOME, 2, 0, "100.82.5.4");
        assertThat(query("c", HOME).getAnswer().getMobileList())
                .extracting(MatMobile::getGateway, MatMobile::getPreference)
                .containsExactly(
                        org.assertj.core.groups.Tuple.tuple("a", 100), org.assertj.core.groups.Tuple.tuple("b", 0));

        register("b", HOME, 2, 100, "100.82.5.4");
        assertThat(query("c", HOME).getAnswer().getMobileList())
                .extracting(MatMobile::getGateway)
                .containsExactly("b");
    }

    @Test
    void whatIsNotItsToRegisterIsRefused() {
        assertThat(register("b", HOME, 2, 100, "100.82.5.4").getRefuse().getReason())
                .contains("not bound to gateway b");
        assertThat(register("a", HOME, 1, 100, "100.82.5.4").getRefuse().getReason())
                .contains("not in the page");
        assertThat(register("a", HOME, 1, 100, "nonsense").hasRefuse()).isTrue();
        assertThat(register("a", "10.10.1.11", 1, 100, "100.81.5.2").getRefuse().getReason())
                .isEqualTo("no VM has that address");
        assertThat(register("a", "10.10.3.0/24", 0, 100, "100.81.5.2")
                        .getRefuse()
                        .getReason())
                .contains("not at home");
        assertThat(register("c", "10.10.3.0/24", 0, 100, "100.83.5.2").hasRegistered())
                .isTrue();
    }

    private Mat registerAll(long revision, String... mobiles) {
        MatMapping.Builder mapping = MatMapping.newBuilder()
                .setNetwork("blue")
                .setHome(HOME)
                .setSequence(1)
                .setRevision(revision)
                .setLifetimeS(60);
        for (String mobile : mobiles) {
            mapping.addMobile(MatMobile.newBuilder()
                    .setGateway("a")
                    .setAddress(mobile)
                    .setPreference(100 - 50 * mapping.getMobileCount()));
        }
        return ims.heard("a", Mat.newBuilder().setRegister(mapping).build())
                .getFirst()
                .message();
    }

    @Test
    void severalUplinksAreRegisteredTogetherAndANewerRevisionWins() {
        store.commit(List.of(Write.put(Kind.GATEWAY, "a", """
                {"name":"a","site":"a","locator":"192.0.2.1:7400","software":"","networks":[],"page4":"100.81.0.0/16",
                 "otherPages":[{"v4":"100.91.0.0/16","v6":""}]}""")));
        registerAll(5, "100.81.5.2", "100.91.5.2");
        assertThat(query("c", HOME).getAnswer().getMobileList())
                .extracting(MatMobile::getAddress)
                .containsExactly("100.81.5.2", "100.91.5.2");
        registerAll(6, "100.91.5.2");
        assertThat(registerAll(5, "100.81.5.2", "100.91.5.2").getRefuse().getReason())
                .contains("older");
        assertThat(query("c", HOME).getAnswer().getMobileList())
                .extracting(MatMobile::getAddress)
                .containsExactly("100.91.5.2");
        assertThat(registerAll(7, "100.91.5.2", "100.92.5.2").getRefuse().getReason())
                .contains("not in the page");
    }

    @Test
    void anOldSequenceNeverWins() {
        bind("a", 3);
        register("a", HOME, 3, 100, "100.81.5.6");
        assertThat(register("a", HOME, 2, 100, "100.81.5.4").getRefuse().getReason())
                .contains("older");
        assertThat(query("c", HOME).getAnswer().getSequence()).isEqualTo(3);
    }

    @Test
    void aMappingEndsWithItsLifetime() {
        register("a", HOME, 1, 100, "100.81.5.2");
        clock.now = START.plus(Duration.ofSeconds(61));
        assertThat(query("c", HOME).hasRefuse()).isTrue();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.sojourn.registry.Kind;
import io.sojourn.registry.MemoryStore;
import io.sojourn.registry.Write;
import io.sojourn.rpc.Gateway;
import io.sojourn.rpc.PresharedKey;
import io.sojourn.rpc.TableUpdate;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class PresharedKeysTest {
    private static final Duration DAY = Duration.ofDays(1);
    private static final Instant START = Instant.parse("2026-01-01T00:00:00Z");

    private final MemoryStore store = new MemoryStore(Clock.fixed(START, ZoneOffset.UTC));
    private final Realm realm = new Realm(store);
    private final ForwardingTable table = new ForwardingTable(realm);

    @BeforeEach
    void start() {
        for (String name : List.of("a", "b", "c")) {
            store.commit(List.of(Write.put(Kind.GATEWAY, name, """
                    {"name":"%s","site":"x","locator":"192.0.2.1:7400","software":"","networks":[]}""".formatted(name))));
        }
        table.start();
    }

    @AfterEach
    void close() {
        table.close();
        store.close();
    }

    private void at(Duration since, Duration life) {
        Clock clock = Clock.fixed(START.plus(since), ZoneOffset.UTC);
        new PresharedKeys(realm, new Time(clock)).renewIfDue(life);
        await().until(() -> table.version() == store.revision());
    }

    /** What {@code to} is told to use with {@code other}. */
    private List<PresharedKey> told(String to, String other) {
        TableUpdate update = table.since(-1, to).orElseThrow();
        return update.getGatewaysList().stream()
                .filter(gateway -> gateway.getName().equals(other))
                .map(Gateway::getPresharedList)
                .findFirst()
                .orElseThrow();
    }

    @Test
    void eachPairHasAKeyOfItsOwnThatBothAreTold() {
        at(Duration.ZERO, DAY);
        assertThat(told("a", "b")).hasSize(1).isEqualTo(told("b", "a"));
        assertThat(told("a", "b")).isNotEqualTo(told("a", "c")).isNotEqualTo(told("b", "c"));
        assertThat(told("a", "a")).isEmpty();
        assertThat(told("a", "b").getFirst().getKey().size()).isEqualTo(32);
    }

    @Test
    void theNextGenerationComesWhenItIsDueAndTheOneBeforeStays() {
        at(Duration.ZERO, DAY);
        PresharedKey first = told("a", "b").getFirst();
        at(DAY.minusSeconds(1), DAY);
        assertThat(told("a", "b")).containsExactly(first);
        long version = table.version();
        at(DAY, DAY);
        assertThat(told("a", "b")).hasSize(2).endsWith(first);
        assertThat(told("a", "b").getFirst().getGeneration()).isEqualTo(2);
        assertThat(table.since(version, "a").orElseThrow().getGatewaysList())
                .as("as a difference, too")
                .anySatisfy(gateway -> assertThat(gateway.getPresharedCount()).isEqualTo(2));
        at(DAY.multipliedBy(2), DAY);
        assertThat(told("a", "b")).hasSize(2).doesNotContain(first);
    }

    @Test
    void anOperatorWhoWantsNoneHasNone() {
        at(Duration.ZERO, DAY);
        at(Duration.ofHours(1), Duration.ZERO);
        assertThat(told("a", "b")).isEmpty();
    }
}

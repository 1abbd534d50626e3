// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.handoff.MigrationId;
import io.sojourn.handoff.Ordering;
import io.sojourn.handoff.Signal;
import io.sojourn.handoff.SignalCodec;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.Locator;
import io.sojourn.model.location.SiteId;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SignalScreenTest {
    private static final GatewayId A = new GatewayId("a");
    private static final GatewayId B = new GatewayId("b");
    private static final GatewayId C = new GatewayId("c");

    private final SignalCodec realm = new SignalCodec(new byte[SignalCodec.KEY_BYTES]);
    private final Counters counters = new Counters();
    private final List<String> audit = new ArrayList<>();
    private final SignalScreen screen = new SignalScreen(
            new SignalCodec(new byte[SignalCodec.KEY_BYTES]), counters, (vm, how) -> audit.add(vm + ": " + how));
    private long nowNs;

    private static Peer peer(GatewayId id, boolean plain) {
        Peer peer = new Peer(id, new SiteId("s"), Locator.parse("192.0.2.1:7400"));
        peer.plain = plain;
        return peer;
    }

    private static Signal signal(GatewayId sender, Signal.Body body) {
        return new Signal(new MigrationId(new UUID(1, 2)), new VmId("web1"), new Epoch(7), sender, body);
    }

    private static Signal claim(GatewayId sender) {
        return signal(sender, new Signal.Claim(new Epoch(6), Ordering.STRICT));
    }

    private boolean admitted(Peer from, byte[] datagram) {
        return screen.admit(from, datagram, nowNs).isPresent();
    }

    @Test
    void aGatewaySpeaksForItself() {
        assertThat(screen.admit(peer(B, false), realm.encode(claim(B), 1), 0)).contains(claim(B));
        assertThat(audit).isEmpty();
    }

    @Test
    void withoutTheRealmsKeyNothingIsHeard() {
        byte[] forgersKey = new byte[SignalCodec.KEY_BYTES];
        forgersKey[31] = 1;
        byte[] tampered = realm.encode(claim(B), 2);
        tampered[27]++; // the epoch
        for (byte[] datagram :
                List.of(new SignalCodec(forgersKey).encode(claim(B), 1), tampered, new byte[0], new byte[2_000])) {
            assertThat(admitted(peer(B, true), datagram)).isFalse();
        }
        assertThat(counters.get(Kind.SIGNALS_REJECTED)).isEqualTo(4);
    }

    @Test
    void nobodyClaimsOrAnnouncesInTheNameOfAnother() {
        for (Signal.Body body : List.of(
                new Signal.Claim(new Epoch(6), Ordering.STRICT),
                new Signal.Announce(A, new Epoch(6), Ordering.STRICT),
                new Signal.Moved(B, new Epoch(7)),
                new Signal.Abort("because"),
                new Signal.ReturnEnd(3))) {
            assertThat(admitted(peer(C, false), realm.encode(signal(B, body), 1)))
                    .isFalse();
        }
        assertThat(counters.get(Kind.SIGNALS_IMPERSONATED)).isEqualTo(5);
        assertThat(audit).containsExactly("web1: refused a signal (Claim under e7) in the name of b, from gateway c");
    }

    @Test
    void theSourcePassesOnEndMarkersOfItsCorrespondents() {
        Signal marker = signal(C, new Signal.EndMarker(C, Signal.Direction.INBOUND));
        assertThat(admitted(peer(A, true), realm.encode(marker, 1))).isTrue();
    }

    @Test
    void inTheOpenADatagramIsHeardOnceInWhateverOrder() {
        Peer plain = peer(B, true);
        byte[] first = realm.encode(claim(B), 1_000);
        byte[] second = realm.encode(claim(B), 1_001);
        assertThat(admitted(plain, second)).isTrue();
        assertThat(admitted(plain, first)).isTrue();
        for (int i = 0; i < 3; i++) {
            assertThat(admitted(plain, first)).isFalse();
            assertThat(admitted(plain, second)).isFalse();
        }
        assertThat(counters.get(Kind.SIGNALS_REPLAYED)).isEqualTo(6);
        assertThat(admitted(peer(C, true), realm.encode(claim(C), 1_000)))
                .as("another's numbers are its own")
                .isTrue();
    }

    @Test
    void aForgerFillsNoLog() {
        for (int i = 0; i < 1_000; i++) {
            admitted(peer(C, false), realm.encode(claim(B), i));
        }
        assertThat(audit).hasSize(1);
        nowNs += TimeUnit.SECONDS.toNanos(10);
        admitted(peer(C, false), realm.encode(claim(B), 1));
        assertThat(audit).hasSize(2);
    }

    @Test
    void numbersGoOnWhereTheClockWasSetBack(@TempDir Path dir) throws Exception {
        long first = SignalNumbers.first(dir);
        assertThat(SignalNumbers.first(dir)).isGreaterThan(first);
        Files.writeString(dir.resolve("signal.number"), "9000000000000000000\n");
        assertThat(SignalNumbers.first(dir)).isEqualTo(9_000_000_000_000_000_000L);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.gateway.GatewayConfig.Offload;
import io.sojourn.mechanism.Overlay;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.Locator;
import io.sojourn.model.location.SiteId;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class OffloadsTest {
    private static final long S = TimeUnit.SECONDS.toNanos(1);

    private final Counters counters = new Counters();
    private final WanPort wan =
            WanPort.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), new Overlay(), counters);
    private final Offloads offloads = new Offloads(wan, counters);
    private final Peer peer = new Peer(new GatewayId("b"), new SiteId("b"), Locator.parse("127.0.0.1:7400"));

    @AfterEach
    void close() {
        wan.close();
    }

    @Test
    void aPeerThatReportsDamageGetsDatagramsSinglyAndAfterTenSecondsJoinedAgain() {
        offloads.damageHeard(peer, S);
        assertThat(peer.singlyUntilNs).isEqualTo(11 * S);
        offloads.tick(List.of(peer), 10 * S);
        assertThat(peer.singlyUntilNs).isNotZero();
        offloads.tick(List.of(peer), 11 * S);
        assertThat(peer.singlyUntilNs).isZero();
        assertThat(counters.get(Kind.OFFLOAD_DEMOTED)).isEqualTo(1);
        assertThat(counters.get(Kind.OFFLOAD_RESTORED)).isEqualTo(1);
    }

    @Test
    void whatIsReportedMeanwhileChangesNothingAndTheNextTimeLastsTwiceAsLong() {
        offloads.damageHeard(peer, S);
        offloads.damageHeard(peer, 2 * S);
        assertThat(peer.singlyUntilNs).isEqualTo(11 * S);
        offloads.tick(List.of(peer), 11 * S);
        offloads.damageHeard(peer, 12 * S);
        assertThat(peer.singlyUntilNs).isEqualTo(32 * S);
    }

    @Test
    void anOperatorsWordIsStrongerThanAPeers() {
        offloads.use(new GatewayConfig.Offloads(Offload.ON, Offload.AUTO, Offload.AUTO));
        offloads.damageHeard(peer, S);
        assertThat(peer.singlyUntilNs).isZero();
        assertThat(counters.get(Kind.DAMAGE_HEARD)).isEqualTo(1);
    }

    @Test
    void aPlainPeerIsNotHeardBecauseItCouldBeAnybody() {
        peer.plain = true;
        offloads.damageHeard(peer, S);
        assertThat(peer.singlyUntilNs).isZero();
        assertThat(counters.get(Kind.DAMAGE_HEARD)).isZero();
    }

    @Test
    void oneReportGoesOutForSeveralDamagedDatagramsInAWindowAndNoneForASingleOne() {
        peer.plain = true; // so that what is sent needs no session
        offloads.damageSeen(peer, S);
        offloads.damageSeen(peer, S + 1);
        assertThat(counters.get(Kind.DAMAGE_REPORTED)).isZero();
        offloads.damageSeen(peer, S + 2);
        offloads.damageSeen(peer, S + 3);
        assertThat(counters.get(Kind.DAMAGE_REPORTED)).isEqualTo(1);
        offloads.damageSeen(peer, 2 * S);
        assertThat(counters.get(Kind.DAMAGE_REPORTED)).isEqualTo(1);
    }

    @Test
    void theSelfTestPassesOnThisKernelAndLeavesAnOperatorsWordsAlone() {
        GatewayConfig.Offloads off = new GatewayConfig.Offloads(Offload.OFF, Offload.ON, Offload.OFF);
        assertThat(OffloadSelfTest.run(off)).isEqualTo(off);
        assertThat(OffloadSelfTest.run(GatewayConfig.Offloads.AUTO)).isEqualTo(GatewayConfig.Offloads.AUTO);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.List;

/** The programme. */
final class Scenarios {
    static final Tour DEMO = new Tour();
    static final Loop LOOP = new Loop();

    static final List<Scenario> ALL = List.of(
            DEMO,
            LOOP,
            new PingPong(),
            new Gang(),
            new BothMove(),
            new KillMatrix(),
            new Partition(),
            new BehindOurBack(),
            new ForgedClaims(),
            new CaptureAtFlip(),
            new Rekey(),
            new Roam(),
            new PathMtu(),
            new Isolation(),
            new Firewall(),
            new Nat(),
            new HostileWan(),
            new MechanismChange(),
            new KernelPeer(),
            new SegmentGroup(),
            new LegacyPeer(),
            new RuleSwitch(),
            IlnpPeer.plain(),
            IlnpPeer.host(),
            IlnpPeer.deaf(),
            NoisyNeighbour.limited(),
            NoisyNeighbour.unlimited(),
            new CorruptOffload());

    private Scenarios() {}
}

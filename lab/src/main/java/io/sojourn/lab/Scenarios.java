// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.List;

/** The programme. */
final class Scenarios {
    static final Tour DEMO = new Tour();
    static final Tour DEMO_LOCAL = new LocalTour();
    /** What stands may be tried with every mechanism. */
    static final Scenario STANDING = new Tour() {
        @Override
        List<String> alsoBy() {
            return List.of(Lab.PAGING, Lab.SEGMENT, Lab.MAT);
        }
    };

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
            new TwoUplinks(),
            new Outsiders(),
            new PolicyFirst(),
            new MobileNetwork(),
            new MatOverhead(),
            new RuleSwitch(),
            IlnpPeer.plain(),
            IlnpPeer.host(),
            IlnpPeer.deaf(),
            LabelPeer.plain(),
            LabelPeer.host(),
            LabelPeer.stripped(),
            new LabelSuspend(),
            BothMove.byLabel(),
            new LabelHijack(),
            IlnpPeer.restarted(),
            new IlnpForgery(),
            new IlnpLoadBalancing(),
            new IlnpBothMove(),
            new IlnpOverhead(),
            new IlnpUplinkFailure(),
            new IlnpTrafficEngineering(),
            new IlnpFlood(),
            NoisyNeighbour.limited(),
            NoisyNeighbour.unlimited(),
            new CorruptOffload());

    private Scenarios() {}
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The first of the site's uplinks fails in mid-stream: its border tells everybody's correspondents on their behalf (RFC 6748 section 3), and the names of its VMs lead by the second from then on. When it
 * comes back it is used again, and nothing is lost then.
 */
final class IlnpUplinkFailure extends IlnpUplinks {
    /** Beyond the longest round trip: what the gateway needs to see it, and the probes' interval. */
    private static final double GAP_MOST_MS = 250 + 250;

    private static final int NONCES_LEAST = 100;

    IlnpUplinkFailure() {
        super("ilnp-uplink-failure", "one of two uplinks of the VM's site fails in mid-stream, and comes back");
    }

    @Override
    Map<String, Object> controllerExtras() {
        return Dig.CONTROLLER;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        count(options);
        return (stage, findings) -> {
            Lab lab = stage.lab();
            Traffic traffic = stage.mover().traffic();
            awaitAllBy(stage, true, findings);
            names(stage, List.of(first(), second()), findings);
            judge(stage, "by the first uplink", false, findings);

            traffic.moveStarts();
            cut(lab);
            stage.calmDown(WATCHED);
            Traffic.Window window = judge(stage, "cut; by the second", true, findings);
            for (Traffic.Path path : window.paths()) {
                if (path.family() == 6 && path.figures().gapMs() > GAP_MOST_MS) {
                    findings.problems.add(String.format(
                            Locale.ROOT,
                            "%s heard nothing for %.0f ms when the uplink failed",
                            path.correspondent(),
                            path.figures().gapMs()));
                }
            }
            recovered(stage, findings);
            names(stage, List.of(second()), findings);
            stage.calmDown(WATCHED);
            judge(stage, "by the second uplink", false, findings);

            traffic.moveStarts();
            restore(lab);
            awaitAllBy(stage, true, findings);
            stage.calmDown(WATCHED);
            judge(stage, "back; by the first again", false, findings);
            names(stage, List.of(first(), second()), findings);
            return false;
        };
    }

    /** A hard handover: nonces go with all packets for a minute (RFC 6744 section 4). */
    @Override
    void judgeWire(IlnpWire wire, Stage stage, Findings findings) {
        long nonces = wire.nonces(SECOND.name(), second());
        stage.say(nonces + " nonces came by the second uplink");
        if (nonces < NONCES_LEAST) {
            findings.problems.add("after the first uplink had failed, " + nonces + " nonces came by the second");
        }
    }

    private static void names(Stage stage, List<String> locators, Findings findings) {
        Dig.judge(
                stage,
                Dig.vm(stage),
                "TYPE106",
                locators.stream().map(Dig::locator).toList(),
                findings);
    }
}

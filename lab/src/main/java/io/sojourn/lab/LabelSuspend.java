// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.hypervisor.QemuGuest;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A VM stands still for minutes, its connections are suspended, and go on within moments when it does; then it moves. */
final class LabelSuspend extends Scenario {
    private static final int SECONDS = 120;
    private static final int STREAMS = 20;
    private static final int ECHO_PORT = 7;
    private static final Duration GOES_ON = Duration.ofSeconds(5);
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    LabelSuspend() {
        super(
                "label-suspend",
                "a VM stands still for minutes (--seconds), and its connections go on at once when it does",
                1,
                1);
    }

    @Override
    String mechanism(ScenarioOptions options) {
        return Lab.LABEL;
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        int seconds = options.seconds() == 0 ? SECONDS : options.seconds();
        List<String> destinations = Tour.destinations(topology, count(options));
        return (stage, findings) -> {
            GuestPlan plan = stage.mover().plan();
            List<InetSocketAddress> vm = List.of(
                    new InetSocketAddress(plan.address4(), ECHO_PORT),
                    new InetSocketAddress(plan.address6(), ECHO_PORT));
            List<TcpStreams> all = new ArrayList<>();
            try {
                for (Place place : stage.lab().correspondents().subList(1, 3)) {
                    TcpStreams streams = new TcpStreams(place, vm, STREAMS, options.seed());
                    all.add(streams);
                    streams.awaitConnected(Duration.ofSeconds(20));
                }
                stage.calmDown(Duration.ofSeconds(2));
                long messages = stage.lab().counted("label-messages-in");
                stop(stage.lab(), plan, seconds);
                goesOn(stage, seconds, all, findings);
                messages = stage.lab().counted("label-messages-in") - messages;
                stage.say("control messages heard: " + messages + ", segments held: "
                        + stage.lab().counted("held"));
                if (messages == 0) {
                    findings.problems.add("the VM stood still, and no boundary was told");
                }
                stage.mover().traffic().begin();
                stage.calmDown(Duration.ofSeconds(1));
                stage.tour(destinations, findings);
                goesOn(stage, 0, all, findings);
            } finally {
                all.forEach(TcpStreams::close);
            }
            return false;
        };
    }

    /** As an operator stops a VM by its monitor. */
    private static void stop(Lab lab, GuestPlan plan, int seconds) {
        Path monitor = lab.run().folder().resolve(plan.name() + ".qmp" + BehindOurBack.HAND_SUFFIX);
        try (QemuGuest guest = QemuGuest.attach(monitor, PATIENCE, event -> {})) {
            guest.qmp().execute("stop");
            java.util.concurrent.locks.LockSupport.parkNanos(
                    Duration.ofSeconds(seconds).toNanos());
            guest.qmp().execute("cont");
        }
    }

    /** Every stream that speaks has its echo again. */
    private static void goesOn(Stage stage, int seconds, List<TcpStreams> all, Findings findings) {
        long fromNs = System.nanoTime();
        all.forEach(TcpStreams::wakeSilent);
        stage.calmDown(GOES_ON);
        long broken = 0;
        long still = 0;
        long mismatched = 0;
        for (TcpStreams streams : all) {
            for (EchoStream stream : streams.streams()) {
                broken += stream.isOpen() ? 0 : 1;
                still += stream.caughtUpSince(fromNs) ? 0 : 1;
                mismatched += stream.mismatched();
            }
        }
        stage.say(String.format(
                Locale.ROOT,
                "%s: %d streams, %d broken, %d octets mismatched, %d without an echo within %d s",
                seconds > 0 ? "after standing still for " + seconds + " s" : "after the move",
                2 * STREAMS,
                broken,
                mismatched,
                still,
                GOES_ON.toSeconds()));
        if (broken + still + mismatched > 0) {
            findings.problems.add(
                    broken + " streams broken, " + still + " stand still, " + mismatched + " octets mismatched");
        }
    }
}

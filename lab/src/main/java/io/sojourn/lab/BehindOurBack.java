// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.hypervisor.LaunchTemplate;
import io.sojourn.hypervisor.QemuGuest;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/**
 * An operator who does not know of Sojourn: starts a QEMU with {@code -incoming tcp:} at the other site, and has the one that runs
 * migrate to it, by QMP, across the WAN. Then it waits until the registry has followed, and tells the controller which QEMU
 * it is now, as whoever wants Sojourn to move it again would.
 */
final class BehindOurBack extends Scenario {
    /** The second QMP socket of a lab guest, which no gateway holds. */
    static final String HAND_SUFFIX = ".hand";

    private static final int PORT = 4444;
    private static final double ALLOWED_MS = 100;
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final long BOUND_NS = TimeUnit.SECONDS.toNanos(120);
    private static final long POLL_NS = TimeUnit.MILLISECONDS.toNanos(100);

    BehindOurBack() {
        super("behind-our-back", "an operator moves the VM by plain QMP, with no word to Sojourn", 2, 100);
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = Tour.destinations(topology, count(options));
        return (stage, findings) -> {
            Mover mover = stage.mover();
            Operator operator = new Operator(stage.lab(), mover.plan(), mover.acceleration());
            for (String destination : destinations) {
                stage.note(
                        mover.move(destination, from -> operator.move(from, destination)),
                        destinations.size(),
                        findings);
                if (!mover.at().equals(destination)) {
                    findings.problems.add("the move to " + destination + " was not followed");
                    break;
                }
            }
            return false;
        };
    }

    /** Who knows of QEMU, and of nothing else. */
    private static final class Operator {
        private final Lab lab;
        private final GuestPlan plan;
        private final String acceleration;
        private Path qmp;
        private int moves;

        Operator(Lab lab, GuestPlan plan, String acceleration) {
            this.lab = lab;
            this.plan = plan;
            this.acceleration = acceleration;
            this.qmp = lab.run().folder().resolve(plan.name() + ".qmp");
        }

        /** The move as {@link Mover} judges one; its timeline is what the gateways said of it. */
        JsonNode move(String from, String to) {
            moves++;
            Instant start = Instant.now();
            Path incoming = lab.run().folder().resolve(plan.name() + ".hand" + moves + ".qmp");
            String address = lab.topology().site(to).wan4() + ":" + PORT;
            listen(to, incoming, address);
            try (QemuGuest source = QemuGuest.attach(Path.of(qmp + HAND_SUFFIX), PATIENCE, event -> {})) {
                source.qmp().execute("migrate", Map.of("uri", "tcp:" + address));
                boolean followed = awaitBound(to);
                ObjectNode move = JsonNodeFactory.instance.objectNode();
                move.put("detected", true).put("state", followed ? "DONE" : "NOT_FOLLOWED");
                if (!followed) {
                    move.put("error", "the registry did not follow within 120 s");
                    return move;
                }
                move.put("totalMs", Duration.between(start, Instant.now()).toMillis());
                lab.rest().patch("/v1/vms/" + plan.name(), Map.of("hypervisor", "qemu+unix://" + incoming));
                qmp = incoming;
                move.set("timeline", timeline(start, from));
                return move;
            }
        }

        private void listen(String to, Path incoming, String address) {
            Place host = lab.place(to);
            String tap = "hand" + moves;
            host.ip(List.of(
                    "tuntap add dev " + tap + " mode tap",
                    "link set " + tap + " txqueuelen 10000 master " + Lab.BRIDGE,
                    "link set " + tap + " up"));
            Map<String, String> variables = new HashMap<>(plan.parameters(lab.image(), lab.qemu(), lab.isRenumbered()));
            variables.putAll(Map.of(
                    "vm",
                    plan.name(),
                    "qmp",
                    incoming.toString(),
                    "accel",
                    acceleration,
                    "mac.0",
                    plan.mac(),
                    "tap.0",
                    tap));
            LaunchTemplate template = GuestPlan.template(lab.qemu(), acceleration, GuestMemory.at(lab.run(), to));
            List<String> command = new ArrayList<>(template.fill(plan.name(), variables));
            for (Path socket : List.of(incoming, Path.of(incoming + HAND_SUFFIX))) {
                command.addAll(List.of("-qmp", "unix:" + socket + ",server=on,wait=off"));
            }
            command.addAll(List.of("-incoming", "tcp:" + address));
            Child.startGuest(lab.run(), host, plan.name() + "-hand" + moves, command);
            long deadline = System.nanoTime() + PATIENCE.toNanos();
            while (!Files.exists(Path.of(incoming + HAND_SUFFIX))) {
                if (System.nanoTime() > deadline) {
                    throw new LabException("the incoming QEMU at " + to + " did not start; see its log in "
                            + lab.run().folder());
                }
                LockSupport.parkNanos(POLL_NS);
            }
            // Its QMP sockets are there before it listens for the guest, and it answers after that: asked too early,
            // the guest's QEMU is refused.
            try (QemuGuest arriving = QemuGuest.attach(Path.of(incoming + HAND_SUFFIX), PATIENCE, event -> {})) {
                arriving.status();
            }
        }

        private boolean awaitBound(String to) {
            long deadline = System.nanoTime() + BOUND_NS;
            while (System.nanoTime() < deadline) {
                if (lab.rest()
                        .get("/v1/vms/" + plan.name())
                        .path("gateway")
                        .asString("")
                        .equals(to)) {
                    LockSupport.parkNanos(TimeUnit.SECONDS.toNanos(1)); // the others' reports are still on their way
                    return true;
                }
                LockSupport.parkNanos(POLL_NS);
            }
            return false;
        }

        private ArrayNode timeline(Instant since, String from) {
            ArrayNode timeline = JsonNodeFactory.instance.arrayNode();
            for (JsonNode notice :
                    lab.rest().get("/v1/vms/" + plan.name() + "/history").path("notices")) {
                Instant at = Instant.parse(notice.path("at").asString());
                if (at.isBefore(since)) {
                    continue;
                }
                String text = notice.path("text").asString("");
                String event = text.startsWith("claimed")
                        ? "activate"
                        : text.startsWith("claim agreed") ? "drain" : text.startsWith("follows") ? "flip" : "notice";
                timeline.add(JsonNodeFactory.instance
                        .objectNode()
                        .put("atUs", TimeUnit.SECONDS.toMicros(at.getEpochSecond()) + at.getNano() / 1_000)
                        .put("event", event)
                        .put("gateway", notice.path("gateway").asString(from))
                        .put("detail", text));
            }
            return timeline;
        }
    }

    /** From RESUMED until the gateway that the VM has left sends all that comes for it after it; negative: it never did. */
    private static double flowsAfterMs(JsonNode migration, Optional<RunStates.Pause> pause) {
        for (JsonNode entry : migration.path("timeline")) {
            if (entry.path("event").asString("").equals("drain") && pause.isPresent()) {
                return (entry.path("atUs").asLong() - pause.get().resumedUs()) / 1_000.0;
            }
        }
        return -1;
    }

    static boolean inTime(JsonNode migration, Optional<RunStates.Pause> pause, double oneWayMs) {
        double after = flowsAfterMs(migration, pause);
        return after >= 0 && after <= ALLOWED_MS + oneWayMs;
    }

    /** A move without HOLD loses what comes while nobody knows where the VM is: said, not judged. */
    static void judge(
            JsonNode migration,
            Optional<RunStates.Pause> pause,
            double oneWayMs,
            Traffic.Window window,
            List<String> problems) {
        double after = flowsAfterMs(migration, pause);
        problems.add(String.format(
                java.util.Locale.ROOT,
                "moved behind our back: traffic follows %.1f ms after RESUMED (allowed %.0f + %.0f one way); %d packets lost before",
                after,
                ALLOWED_MS,
                oneWayMs,
                window.lost()));
    }
}

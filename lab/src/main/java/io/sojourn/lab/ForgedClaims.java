// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * Somebody on the WAN and on a LAN tries to have a VM's packets, while a VM runs and is moved: forged, replayed, tampered and unauthorised
 * claims. Nothing may move, nobody may notice, and each must be found in a counter, and in the VM's history if it names a VM.
 */
final class ForgedClaims extends Scenario {
    private static final int REPEATS = 40;
    private static final int REPLAYED = 400;
    /** A signal, sealed, with its headers; guests' packets of that length are as good. */
    private static final int SIGNAL_MOST_BYTES = 300;
    /** In a sealed IPv4 packet, the octet that is worth 2^24 of the counter that begins at 32. */
    private static final int SEAL_NUMBER_AT = 36;

    private static final long HEARTBEAT_BOUND_NS = TimeUnit.SECONDS.toNanos(20);
    private static final long POLL_NS = TimeUnit.MILLISECONDS.toNanos(200);
    private static final String OUTSIDER = "192.0.2.66";

    ForgedClaims() {
        super("forged-claims", "forged, replayed and unauthorised claims of a VM that runs elsewhere", 2, 2);
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = Tour.destinations(topology, 2);
        return (stage, findings) -> {
            Lab lab = stage.lab();
            String home = stage.mover().at();
            List<byte[]> recorded;
            try (Forger.Ear ear = new Forger.Ear(lab.place(home), Lab.WAN_DEVICE, REPLAYED, SIGNAL_MOST_BYTES)) {
                if (!stage.step(destinations.getFirst(), 2, findings)) {
                    return false;
                }
                recorded = ear.heard();
            }
            new Attack(stage, home, destinations.getLast(), recorded).run(findings);
            stage.step(destinations.getLast(), 2, findings);
            return false;
        };
    }

    /** One wave of each kind, and what came of it. */
    private static final class Attack {
        private final Stage stage;
        private final Lab lab;
        private final GuestPlan vm;
        private final String owner;
        private final String past;
        private final String thief;
        private final List<byte[]> recorded;

        /** @param past where the VM was before; @param thief where it is claimed to be */
        Attack(Stage stage, String past, String thief, List<byte[]> recorded) {
            this.stage = stage;
            this.lab = stage.lab();
            this.vm = stage.mover().plan();
            this.owner = stage.mover().at();
            this.past = past;
            this.thief = thief;
            this.recorded = recorded;
        }

        void run(Findings findings) {
            JsonNode before = vm();
            long epoch = before.path("epoch").asLong(0);
            stage.mover().traffic().moveStarts();
            List<byte[]> forged = Forger.signals(vm.name(), thief, owner, epoch);
            String to = wan(owner);

            wave(
                    findings,
                    "forged by an outsider",
                    owner,
                    List.of("drop-unknown-peer", "drop-unsealed"),
                    Topology.CONTROLLER,
                    Lab.WAN_DEVICE,
                    packets(OUTSIDER, to, forged));
            wave(
                    findings,
                    "forged in a gateway's name",
                    owner,
                    List.of("drop-unsealed"),
                    thief,
                    Lab.WAN_DEVICE,
                    packets(wan(thief), to, forged));
            wave(
                    findings,
                    "recorded and sent again",
                    "",
                    List.of("drop-replayed", "drop-unknown-session"),
                    past,
                    Lab.WAN_DEVICE,
                    recorded);
            wave(
                    findings,
                    "recorded, tampered with and sent",
                    "",
                    List.of("drop-unauthenticated", "drop-unknown-session"),
                    past,
                    Lab.WAN_DEVICE,
                    tampered());
            wave(
                    findings,
                    "a frame in the VM's name on another LAN",
                    owner,
                    List.of("claims-refused"),
                    thief + "-c",
                    "eth0",
                    List.of(Forger.gratuitousArp(vm.mac(), vm.address4())));
            wave(
                    findings,
                    "the VM's MAC with an address that is not its",
                    thief,
                    List.of("sightings-unauthorised"),
                    thief + "-c",
                    "eth0",
                    List.of(Forger.gratuitousArp(
                            vm.mac(), lab.topology().site(thief).lan4(77))));

            stage.calmDown(Duration.ofSeconds(3));
            Traffic.Window window = stage.mover().traffic().end();
            if (window.lost() + window.duplicated() + window.reordered() + window.tcpBroken() + window.bytesMismatched()
                    > 0) {
                findings.problems.add("the attack was noticed: " + window.faults());
            }
            JsonNode after = vm();
            if (after.path("epoch").asLong(0) != epoch
                    || !after.path("gateway").asString("").equals(owner)) {
                findings.problems.add("the attack moved the VM: bound at "
                        + after.path("gateway").asString("") + " under epoch " + after.path("epoch"));
            }
            stage.say("bound at " + owner + " under epoch " + epoch + " as before; lost " + window.lost()
                    + ", sessions broken " + window.tcpBroken());
            history(findings, "refused a claim of " + thief);
            history(findings, "unauthorised");
        }

        private void wave(
                Findings findings,
                String what,
                String where,
                List<String> counters,
                String from,
                String device,
                List<byte[]> frames) {
            Map<String, Long> before = counted(where, counters);
            Forger.send(lab.place(from), device, frames);
            Map<String, Long> grown = new LinkedHashMap<>();
            long deadline = System.nanoTime() + HEARTBEAT_BOUND_NS;
            // Each gateway says with its own heartbeat what it has counted.
            while (grown.values().stream().mapToLong(Long::longValue).sum() < frames.size()
                    && System.nanoTime() < deadline) {
                LockSupport.parkNanos(POLL_NS);
                counted(where, counters).forEach((name, n) -> {
                    if (n > before.getOrDefault(name, 0L)) {
                        grown.put(name, n - before.getOrDefault(name, 0L));
                    }
                });
            }
            stage.say(what + ": " + frames.size() + " sent; counted " + grown);
            if (grown.isEmpty() || frames.isEmpty()) {
                findings.problems.add(what + ": " + frames.size() + " sent, and none of " + counters + " has grown");
            }
        }

        /** @param gateway empty: at any but the one that only listens */
        private Map<String, Long> counted(String gateway, List<String> names) {
            Map<String, Long> out = new LinkedHashMap<>();
            for (JsonNode item : lab.rest().get("/v1/gateways").path("items")) {
                if (gateway.isEmpty() || item.path("name").asString("").equals(gateway)) {
                    for (String name : names) {
                        out.merge(name, item.path("counters").path(name).asLong(0), Long::sum);
                    }
                }
            }
            return out;
        }

        private void history(Findings findings, String words) {
            for (JsonNode notice :
                    lab.rest().get("/v1/vms/" + vm.name() + "/history").path("notices")) {
                if (notice.path("text").asString("").contains(words)) {
                    stage.say("in the VM's history: " + notice.path("gateway").asString("") + ": "
                            + notice.path("text").asString(""));
                    return;
                }
            }
            findings.problems.add("nothing in the VM's history says '" + words + "'");
        }

        private JsonNode vm() {
            return lab.rest().get("/v1/vms/" + vm.name());
        }

        private String wan(String site) {
            return lab.topology().site(site).wan4();
        }

        private static List<byte[]> packets(String from, String to, List<byte[]> payloads) {
            List<byte[]> packets = new ArrayList<>();
            for (int i = 0; i < REPEATS; i++) {
                payloads.forEach(payload -> packets.add(Forger.packet(from, to, payload)));
            }
            return packets;
        }

        /** Another number, that was not seen before, and one bit of what is sealed; UDP's checksum is left out. */
        private List<byte[]> tampered() {
            List<byte[]> out = new ArrayList<>();
            for (byte[] packet : recorded) {
                byte[] changed = packet.clone();
                changed[SEAL_NUMBER_AT] ^= 1;
                changed[changed.length - 20] ^= 1;
                changed[26] = 0;
                changed[27] = 0;
                out.add(changed);
            }
            return out;
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.ilnp.Advertised;
import io.sojourn.ilnp.IlnpMessages;
import io.sojourn.ilnp.Nonce;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.location.Locator64;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.LocatorUpdate;
import io.sojourn.wire.NonceOption;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * Somebody on the WAN, who may speak with the VM himself, wants a correspondent's packets: Locator Updates without a nonce, with guessed ones, in a stranger's name, malformed, and such as were recorded on the
 * path. Nothing may take another way, nobody may notice, each must be found in a counter, and the log must not be flooded (RFC 6743 section 5, RFC 6744 section 5).
 */
final class IlnpForgery extends Scenario {
    private static final String ATTACKER = "mallory";
    private static final int NUMBER = 8;
    private static final double RTT_MS = 40;
    private static final int TIMES = 200;
    private static final int LONGEST_BYTES = 200;
    private static final int NONCE_HEADER_BYTES = 8;
    /** Of locators, in messages that have one. */
    private static final int COUNT_CUT_OFF = 9;

    private static final int TWO_NONCES_BYTES = 16;
    private static final long HEARTBEAT_BOUND_NS = TimeUnit.SECONDS.toNanos(20);
    private static final long POLL_NS = TimeUnit.MILLISECONDS.toNanos(200);
    private static final String VICTIM = "gainesville";

    IlnpForgery() {
        super("ilnp-forgery", "forged, guessed and recorded Locator Updates in a correspondent's name", 2, 2);
    }

    @Override
    String mechanism(ScenarioOptions options) {
        return Lab.ILNP;
    }

    @Override
    Map<String, Integer> outsiders() {
        return Map.of(ATTACKER, NUMBER);
    }

    @Override
    List<String> speakingByIlnp() {
        return List.of("fd64:" + NUMBER + "::/64", Topology.locators(NUMBER));
    }

    @Override
    Topology topology() {
        return Topology.threeContinents().withOutsider(ATTACKER, RTT_MS);
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = Tour.destinations(topology, 2);
        String away = destinations.getFirst();
        return (stage, findings) -> {
            Lab lab = stage.lab();
            List<byte[]> answers;
            List<byte[]> updates;
            try (Forger.Ear victim = ear(lab.place(VICTIM), LocatorUpdate.ACKNOWLEDGEMENT);
                    Forger.Ear border = ear(lab.place(away), LocatorUpdate.ADVERTISEMENT)) {
                if (!stage.step(away, 2, findings)) {
                    return false;
                }
                stage.calmDown(Duration.ofSeconds(1));
                answers = victim.heard();
                updates = border.heard();
            }
            new Attack(stage, away).run(answers, findings);
            // The VM comes to its victim, whose border was told before that it was elsewhere.
            stage.step(VICTIM, 2, findings);
            stage.mover().traffic().moveStarts();
            Forger.send(lab.place(ATTACKER), Lab.WAN_DEVICE, updates);
            stage.calmDown(Duration.ofSeconds(2));
            quiet(stage, updates.size() + " recorded Locator Updates sent again after the next move", findings);
            return false;
        };
    }

    @Override
    String malformedByUs() {
        return "icmpv6.ilnp.nb_locs==" + COUNT_CUT_OFF;
    }

    private static Forger.Ear ear(Place place, int operation) {
        return new Forger.Ear(place, Lab.WAN_DEVICE, TIMES, LONGEST_BYTES, packet -> isUpdate(packet, operation));
    }

    private static boolean isUpdate(byte[] packet, int operation) {
        int message = Ipv6.HEADER_BYTES + NONCE_HEADER_BYTES;
        return packet.length > message + LocatorUpdate.HEADER_BYTES
                && packet[0] >>> 4 == 6
                && packet[6] == IpProtocol.DESTINATION_OPTIONS
                && packet[Ipv6.HEADER_BYTES] == IpProtocol.ICMPV6
                && (packet[message] & 0xFF) == LocatorUpdate.V6.type()
                && packet[message + LocatorUpdate.OPERATION_OFFSET] == operation;
    }

    /** Nothing lost, doubled, late or broken in the window that ends now. */
    private static void quiet(Stage stage, String what, Findings findings) {
        Traffic.Window window = stage.mover().traffic().end();
        stage.say(what + ": " + window.counts());
        if (window.lost() + window.duplicated() + window.reordered() + window.tcpBroken() + window.bytesMismatched()
                > 0) {
            findings.problems.add(what + ": this was noticed");
            findings.problems.addAll(window.faults());
        }
    }

    private static final class Attack {
        private final Stage stage;
        private final Lab lab;
        private final String border;
        private final long vm;
        private final long vmAt;
        private final long host;
        private final long hostAt;
        private final long thiefAt = high(Topology.locator(NUMBER, 0));
        private final SplittableRandom guesses = new SplittableRandom(1);

        Attack(Stage stage, String border) {
            this.stage = stage;
            this.lab = stage.lab();
            this.border = border;
            this.vm = IpAddress.parse(stage.mover().plan().address6()).low();
            this.vmAt = high(lab.topology().site(border).locator(0));
            this.host = IpAddress.parse(lab.topology().site(VICTIM).lan6(20)).low();
            this.hostAt = high(lab.topology().site(VICTIM).locator(0));
        }

        private static long high(String prefix) {
            return IpPrefix.parse(prefix).address().high();
        }

        void run(List<byte[]> answers, Findings findings) {
            long beganNs = System.nanoTime();
            stage.mover().traffic().moveStarts();
            wave(findings, "no nonce", "drop-no-nonce", repeated(this::withoutNonce));
            wave(findings, "a guessed nonce", "drop-wrong-nonce", repeated(() -> update(hostAt, host, guess())));
            wave(
                    findings,
                    "a stranger's name",
                    "drop-unknown-correspondent",
                    repeated(() -> update(thiefAt, 0x77, guess())));
            wave(findings, "two nonces", "drop-bad-nonce-option", repeated(this::twoNonces));
            wave(findings, "more locators than there are", "drop-bad-locator-update", repeated(this::cutOff));
            wave(findings, "a recorded acknowledgement", "drop-stale-acknowledgement", answers);
            stage.calmDown(Duration.ofSeconds(2));
            quiet(stage, "while all that came", findings);
            judgeLog((System.nanoTime() - beganNs) / 1e9, findings);
        }

        private interface Maker {
            byte[] make();
        }

        private static List<byte[]> repeated(Maker maker) {
            List<byte[]> packets = new ArrayList<>();
            for (int i = 0; i < TIMES; i++) {
                packets.add(maker.make());
            }
            return packets;
        }

        private Nonce guess() {
            return Nonce.ofShort(guesses.nextInt());
        }

        /** The thief's locator, as preferred as can be. */
        private List<Advertised> listed() {
            return List.of(new Advertised(new Locator64(thiefAt), 0, 300));
        }

        private byte[] update(long fromLocator, long fromNid, Nonce nonce) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment s = arena.allocate(LONGEST_BYTES);
                int bytes = IlnpMessages.writeUpdate(
                        s, 0, fromLocator, fromNid, vmAt, vm, nonce, LocatorUpdate.ADVERTISEMENT, listed());
                return s.asSlice(0, bytes).toArray(ValueLayout.JAVA_BYTE);
            }
        }

        /** @param header of that many octets is left free between */
        private byte[] update(int nextHeader, int header, int count) {
            try (Arena arena = Arena.ofConfined()) {
                MemorySegment s = arena.allocate(LONGEST_BYTES);
                int bytes = LocatorUpdate.V6.bytes(1);
                Ipv6.write(s, 0, 0, header + bytes, nextHeader, 64, hostAt, host, vmAt, vm);
                long message = Ipv6.HEADER_BYTES + header;
                LocatorUpdate.V6.writeHeader(s, message, LocatorUpdate.ADVERTISEMENT, count);
                LocatorUpdate.V6.writeLocator(s, message, 0, thiefAt, 0, 300);
                LocatorUpdate.V6.putChecksum(s, 0, message, bytes);
                return s.asSlice(0, message + bytes).toArray(ValueLayout.JAVA_BYTE);
            }
        }

        private byte[] withoutNonce() {
            return update(IpProtocol.ICMPV6, 0, 1);
        }

        private byte[] twoNonces() {
            byte[] packet = update(IpProtocol.DESTINATION_OPTIONS, TWO_NONCES_BYTES, 1);
            int at = Ipv6.HEADER_BYTES;
            packet[at] = IpProtocol.ICMPV6;
            packet[at + 1] = 1;
            for (int option : new int[] {at + 2, at + 8}) {
                packet[option] = (byte) NonceOption.TYPE;
                packet[option + 1] = NonceOption.SHORT_BYTES;
                packet[option + 2] = (byte) guesses.nextInt();
            }
            packet[at + 14] = 1; // PadN, no octet behind it
            return packet;
        }

        private byte[] cutOff() {
            byte[] packet = update(IpProtocol.DESTINATION_OPTIONS, NONCE_HEADER_BYTES, COUNT_CUT_OFF);
            MemorySegment s = MemorySegment.ofArray(packet);
            NonceOption.write(s, Ipv6.HEADER_BYTES, IpProtocol.ICMPV6, NonceOption.SHORT_BYTES, 0, guesses.nextInt());
            return packet;
        }

        private void wave(Findings findings, String what, String counter, List<byte[]> packets) {
            long before = counted(counter);
            Forger.send(lab.place(ATTACKER), Lab.WAN_DEVICE, packets);
            long deadlineNs = System.nanoTime() + HEARTBEAT_BOUND_NS;
            while (counted(counter) - before < packets.size() && System.nanoTime() < deadlineNs) {
                LockSupport.parkNanos(POLL_NS);
            }
            long counted = counted(counter) - before;
            stage.say(what + ": " + packets.size() + " sent; " + counter + " +" + counted);
            if (packets.isEmpty() || counted < packets.size()) {
                findings.problems.add(
                        what + ": " + packets.size() + " sent, and " + counter + " has grown by " + counted);
            }
        }

        private long counted(String counter) {
            for (JsonNode item : lab.rest().get("/v1/gateways").path("items")) {
                if (item.path("name").asString("").equals(border)) {
                    return item.path("counters").path(counter).asLong(0);
                }
            }
            return 0;
        }

        /** At most one line a second. */
        private void judgeLog(double seconds, Findings findings) {
            try {
                long lines = Files.readAllLines(lab.log(Lab.gatewayProcess(border))).stream()
                        .filter(line -> line.contains("Locator Update refused"))
                        .count();
                stage.say("the gateway's log has " + lines + " lines about it");
                if (lines == 0 || lines > seconds + 2) {
                    findings.problems.add("the log has " + lines + " lines about forged updates in " + seconds + " s");
                }
            } catch (IOException e) {
                throw new LabException("cannot read the gateway's log: " + e.getMessage(), e);
            }
        }
    }
}

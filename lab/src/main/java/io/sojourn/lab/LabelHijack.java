// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.label.ControlMessage;
import io.sojourn.label.FlowSecret;
import io.sojourn.label.Place;
import io.sojourn.model.identity.IpAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Somebody who hears everything on the WAN wants a VM's connections. He knows each label, sends again what was said about it, and says in its name that its end is with him; nobody believes him, and
 * nothing is sent to him.
 */
final class LabelHijack extends Scenario {
    private static final String THIEF = "thief";
    private static final int NUMBER = 8;
    private static final int IPV4_UDP_BYTES = 28;
    private static final int MOST_HEARD = 60_000;
    private static final Duration HEARTBEAT = Duration.ofSeconds(3);

    LabelHijack() {
        super("label-hijack", "a RESUME with a wrong code, or a replayed one, moves nothing", 3, 3);
    }

    @Override
    String mechanism(ScenarioOptions options) {
        return Lab.LABEL;
    }

    @Override
    Topology topology() {
        return Topology.threeContinents().withOutsider(THIEF, 40);
    }

    @Override
    Map<String, Integer> outsiders() {
        return Map.of(THIEF, NUMBER);
    }

    /** He may speak with VMs: it is not by his address that he is refused. */
    @Override
    List<String> speakingByIlnp() {
        return List.of(Topology.wanPrefix4(NUMBER), Topology.wanPrefix6(NUMBER));
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = Tour.destinations(topology, count(options));
        return (stage, findings) -> {
            Lab lab = stage.lab();
            List<byte[]> recorded;
            try (Forger.Ear ear = new Forger.Ear(
                    lab.place(destinations.getFirst()),
                    Lab.WAN_DEVICE,
                    MOST_HEARD,
                    IPV4_UDP_BYTES + ControlMessage.BYTES)) {
                stage.tour(destinations.subList(0, 1), findings);
                recorded = ear.heard().stream().filter(LabelHijack::isMessage).toList();
            }
            stage.say("heard on the WAN: " + recorded.size() + " control messages");
            if (recorded.isEmpty()) {
                findings.problems.add("nothing was heard to attack with");
            }
            stage.tour(destinations.subList(1, Math.min(2, destinations.size())), findings);
            stage.mover().traffic().begin();
            NetFilter.countTcp(lab.place(THIEF));
            attack(stage, "recorded and sent again", recorded, "drop-replayed", findings);
            attack(stage, "forged", forged(recorded), "drop-unauthenticated", findings);
            attack(stage, "recorded, said by another", asThief(recorded), "", findings);
            stage.calmDown(Duration.ofSeconds(2));
            long tcp = NetFilter.countedTcp(lab.place(THIEF));
            stage.say("segments of TCP that came to the thief: " + tcp);
            if (tcp > 0) {
                findings.problems.add(tcp + " segments of TCP came to the thief");
            }
            stage.tour(destinations.subList(Math.min(2, destinations.size()), destinations.size()), findings);
            return false;
        };
    }

    private static boolean isMessage(byte[] packet) {
        return packet.length == IPV4_UDP_BYTES + ControlMessage.BYTES
                && packet[0] == 0x45
                && ControlMessage.isOne(message(packet));
    }

    private static byte[] message(byte[] packet) {
        return Arrays.copyOfRange(packet, IPV4_UDP_BYTES, packet.length);
    }

    private static String address(byte[] packet, int at) {
        return IpAddress.of(Arrays.copyOfRange(packet, at, at + 4)).toString();
    }

    private static String thief() {
        return Topology.wanAddress4(NUMBER);
    }

    /** A RESUME for each connection, to the thief, as authentic as it gets without its key. */
    private static List<byte[]> forged(List<byte[]> recorded) {
        SecureRandom random = new SecureRandom();
        List<byte[]> out = new ArrayList<>();
        for (byte[] packet : recorded) {
            byte[] said = message(packet);
            byte[] key = new byte[32];
            random.nextBytes(key);
            long label = ControlMessage.label(said);
            byte[] resume = new ControlMessage(
                            ControlMessage.Kind.RESUME,
                            ControlMessage.fromInitiator(said),
                            label,
                            1L << 40,
                            0,
                            0,
                            Optional.of(new Place(IpAddress.parse(thief()), 7)))
                    .write(new FlowSecret(label, key));
            out.add(Forger.packet(thief(), address(packet, 16), ControlMessage.PORT, resume));
        }
        return out;
    }

    /** What was said, as if by the thief. */
    private static List<byte[]> asThief(List<byte[]> recorded) {
        return recorded.stream()
                .map(packet -> Forger.packet(thief(), address(packet, 16), ControlMessage.PORT, message(packet)))
                .toList();
    }

    private static void attack(Stage stage, String what, List<byte[]> packets, String counter, Findings findings) {
        Lab lab = stage.lab();
        long before = counter.isEmpty() ? 0 : lab.counted(counter);
        Forger.send(lab.place(THIEF), Lab.WAN_DEVICE, packets);
        stage.calmDown(HEARTBEAT);
        long grown = counter.isEmpty() ? 0 : lab.counted(counter) - before;
        stage.say(what + ": " + packets.size() + " sent" + (counter.isEmpty() ? "" : ", " + counter + " +" + grown));
        if (!counter.isEmpty() && grown == 0) {
            findings.problems.add(what + ": none was counted as " + counter);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.LockSupport;
import tools.jackson.databind.JsonNode;

/**
 * A hundred and one VMs at three sites: one moves, one floods, and the others must not notice either. The one that moves is a real guest,
 * the others are a {@link Crowd}.
 *
 * <p>The flood is more than a link carries. Without its limits, which is the other half of the experiment, the others must lose: else the limits are not what saves
 * them. Nobody moves then.
 */
final class NoisyNeighbour extends Scenario {
    private static final int OTHERS = 99;
    /** What the flood asks for; its gateway allows it a tenth. */
    private static final int FLOOD_PPS = 50_000;

    private static final int FLOOD_BYTES = 1_200;
    private static final int FLOOD_PORT = 9;
    private static final int ALLOWED_MBIT = 50;
    private static final int ALLOWED_KPPS = 5;
    /** Of each link: little more than half of the flood. */
    private static final int LINK_MBIT = 300;

    private static final Duration WARM = Duration.ofSeconds(3);
    private static final Duration UNLIMITED = Duration.ofSeconds(10);

    private final boolean limited;
    private List<Crowd.Member> members = List.of();

    private NoisyNeighbour(String id, String description, int moves, boolean limited) {
        super(id, description, moves, 10);
        this.limited = limited;
    }

    static NoisyNeighbour limited() {
        return new NoisyNeighbour(
                "noisy-neighbour", "one VM moves and another floods: 99 others lose nothing", 2, true);
    }

    static NoisyNeighbour unlimited() {
        return new NoisyNeighbour(
                "noisy-unlimited", "the same flood without a limit, and no move: others must lose", 1, false);
    }

    @Override
    Topology topology() {
        return super.topology().withRate(LINK_MBIT);
    }

    @Override
    void furnish(Lab lab) {
        members = Crowd.furnish(lab, OTHERS + 1);
    }

    @Override
    Map<String, Object> gatewayExtras(Topology.Site site) {
        return limited ? Map.of("vm-mbit", ALLOWED_MBIT, "vm-kpps", ALLOWED_KPPS) : Map.of();
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = Tour.destinations(topology, count(options));
        return (stage, findings) -> {
            Crowd.Member noisy = members.getFirst(); // at the site that the moving VM leaves first
            Crowd.register(stage.lab(), noisy);
            try (Crowd crowd = new Crowd(stage.lab(), members.subList(1, members.size()))) {
                stage.calmDown(WARM); // neighbours are found, routes are known
                int from = crowd.rounds();
                LongAdder sent = new LongAdder();
                AtomicBoolean floods = new AtomicBoolean(true);
                long startNs = System.nanoTime();
                Thread flood = noisy.place().start("flood", () -> flood(topology, noisy, floods, sent));
                if (limited) {
                    stage.tour(destinations, findings);
                } else {
                    stage.calmDown(UNLIMITED);
                }
                floods.set(false);
                join(flood);
                double seconds = (System.nanoTime() - startNs) / 1e9;
                int to = crowd.rounds();
                Map<String, Integer> lost = crowd.lost(from, to);
                stage.calmDown(Duration.ofSeconds(2)); // heartbeats bring the counters
                judge(stage, noisy, sent.sum(), seconds, findings);
                stage.say(OTHERS + " others sent " + (to - from) * OTHERS + " datagrams meanwhile and got "
                        + ((to - from) * OTHERS
                                - lost.values().stream()
                                        .mapToInt(Integer::intValue)
                                        .sum()) + " answers");
                if (limited && !lost.isEmpty()) {
                    findings.problems.add(lost.size() + " of " + OTHERS + " others lost datagrams: " + lost);
                } else if (!limited && lost.isEmpty()) {
                    findings.problems.add("without limits nobody lost anything: noisy-neighbour shows nothing");
                }
            }
            return false;
        };
    }

    private void judge(Stage stage, Crowd.Member noisy, long sent, double seconds, Findings findings) {
        long dropped = 0;
        for (JsonNode gateway : stage.lab().rest().get("/v1/gateways").path("items")) {
            if (gateway.path("name").asString("").equals(noisy.site().name())) {
                dropped = gateway.path("counters").path("drop-rate-limited").asLong(0)
                        + gateway.path("counters").path("drop-fair-share").asLong(0);
            }
        }
        stage.say(String.format(
                Locale.ROOT,
                "the noisy one sent %,d datagrams in %.0f s, %.0f Mbit/s; its gateway dropped %,d of them",
                sent,
                seconds,
                sent * (FLOOD_BYTES + 28L) * 8 / seconds / 1e6,
                dropped));
        if (sent / seconds < FLOOD_PPS / 5.0) {
            findings.problems.add("the flood came to only " + Math.round(sent / seconds) + " datagrams a second");
        }
        if (limited && dropped < sent / 2) {
            findings.problems.add(
                    "of " + sent + " datagrams only " + dropped + " were over the limit: nothing was shown");
        }
    }

    /** To the plain host of the next site, as fast as it is told. */
    private static void flood(Topology topology, Crowd.Member noisy, AtomicBoolean goesOn, LongAdder sent) {
        Topology.Site next = topology.sites().get(1);
        ByteBuffer datagram = ByteBuffer.allocateDirect(FLOOD_BYTES);
        try (DatagramChannel channel = DatagramChannel.open(StandardProtocolFamily.INET)) {
            channel.bind(new InetSocketAddress(noisy.address(), 0));
            InetSocketAddress to = new InetSocketAddress(next.lan4(20), FLOOD_PORT);
            long startNs = System.nanoTime();
            long n = 0;
            while (goesOn.get()) {
                long due = (System.nanoTime() - startNs) * FLOOD_PPS / 1_000_000_000L;
                if (n >= due) {
                    LockSupport.parkNanos(200_000);
                    continue;
                }
                datagram.clear();
                channel.send(datagram, to);
                n++;
                sent.increment();
            }
        } catch (IOException e) {
            // what was sent until then is counted, and judged
        }
    }

    private static void join(Thread thread) {
        try {
            thread.join(5_000);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

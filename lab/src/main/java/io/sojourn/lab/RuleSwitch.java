// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.linux.Threads;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.wan.WanControl;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.DatagramChannel;
import java.nio.channels.FileChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;

/**
 * How long it takes until the rule by which a correspondent's edge sends is another one, many times over: a VM's binding goes to and fro between two sites by the manager's
 * command, and nothing is copied. As in a move, time runs from the moment at which the new place has the VM, which here is when the command comes to it, until the correspondent's
 * edge sends by the new rule; the announcement goes straight from one to the other.
 *
 * <p>Both are seen from outside, by the WAN emulator's clock: the command as the first octets that the controller sends to the new place, before anything there has looked at them, and that
 * are as many as those of most commands, as it also sends the time and acknowledges reports; the new rule in the first packet by it that enters the WAN. The correspondent sends one every quarter of a millisecond, so the figure is up to that much too long.
 *
 * <pre>
 *   manager ── controller ──TLS──▶ new place ──announcement──▶ correspondent's edge ──▶ packets by the new rule
 *                                 ▲ begins here                                        ▲ ends here
 * </pre>
 */
final class RuleSwitch extends Scenario {
    private static final String VM = "rule1";
    private static final double NEAR_MS = 20;
    private static final double FAR_MS = 110;
    private static final int TCP = 6;
    private static final int HOST = 77;
    private static final int PAYLOAD_BYTES = 333;
    private static final int IP_BYTES = 20 + 8 + PAYLOAD_BYTES;
    private static final long INTERVAL_NS = 250_000;
    /** Until the farthest gateway has heard, and a little. */
    private static final Duration BETWEEN = Duration.ofMillis(30);

    /** What is timed is not the guest. */
    private static final Traffic.Load QUIET = new Traffic.Load(10, 5, 3, Duration.ofSeconds(2));

    private static final double ALLOWED_MEAN_MS = 2;
    private static final double ALLOWED_P99_MS = 10;
    /** Numbers in a command take more octets as they grow. */
    private static final int OCTETS_DIFFER = 6;

    private static final int FILE_HEADER_BYTES = 24;
    private static final int RECORD_HEADER_BYTES = 16;

    RuleSwitch() {
        super("rule-switch", "one VM's rule at a correspondent's edge, switched many times and timed", 1_000, 10_000);
    }

    /** Two places that are near each other, so that a command is soon there, and a correspondent that is as far from both as Gainesville from St Andrews. */
    @Override
    Topology topology() {
        return Topology.of(
                List.of("st-andrews", "hiroshima", "gainesville"),
                new double[][] {{0, NEAR_MS, FAR_MS}, {NEAR_MS, 0, FAR_MS}, {FAR_MS, FAR_MS, 0}});
    }

    @Override
    Traffic.Load load() {
        return QUIET;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        int times = count(options);
        return (stage, findings) -> {
            Lab lab = stage.lab();
            Topology.Site a = topology.sites().get(0);
            Topology.Site b = topology.sites().get(1);
            Topology.Site edge = topology.sites().getLast();
            register(lab, a);
            Path pcap = lab.run().folder().resolve("rule-switch.pcap");
            long[] commandedNs = new long[times];
            Place client = lab.correspondents().getLast();
            try (WanControl wan = lab.wan();
                    DatagramChannel mouth = client.call(DatagramChannel::open);
                    SocketChannel rest = lab.place(Topology.CONTROLLER)
                            .call(() -> SocketChannel.open(new InetSocketAddress("127.0.0.1", Configs.REST_PORT)))) {
                client.start("rule-switch", () -> speak(mouth, new InetSocketAddress(a.lan4(HOST), 9)));
                stage.calmDown(Duration.ofSeconds(1));
                wan.capture(edge.name(), pcap, Configs.GATEWAY_PORT);
                for (Topology.Site place : List.of(a, b)) {
                    wan.capture(place.name(), arrivals(lab, place), Configs.GATEWAY_PORT);
                }
                for (int i = 0; i < times; i++) {
                    Topology.Site to = i % 2 == 0 ? b : a;
                    commandedNs[i] = nowNs();
                    command(rest, to);
                    // The answer comes when the new place has it; then the announcement is on its way.
                    double stillMs = Math.max(
                            0,
                            topology.oneWayMs(to.name(), edge.name())
                                    - topology.oneWayMs(Topology.CONTROLLER, to.name()));
                    LockSupport.parkNanos(BETWEEN.toNanos() + Math.round(stillMs * 1e6));
                }
                stage.calmDown(Duration.ofSeconds(1));
                List.of(a, b, edge).forEach(place -> wan.endCapture(place.name()));
            } catch (IOException e) {
                throw new LabException("the rule's switching broke off: " + e.getMessage(), e);
            }
            List<Said> heard = new ArrayList<>();
            for (Topology.Site place : List.of(a, b)) {
                heard.add(fromController(arrivals(lab, place)));
            }
            long[] beganNs = new long[times];
            long[] soonestNs = new long[times];
            double[] floorMs = new double[times];
            for (int i = 0; i < times; i++) {
                Topology.Site to = i % 2 == 0 ? b : a;
                floorMs[i] = topology.oneWayMs(to.name(), edge.name());
                soonestNs[i] = commandedNs[i] + Math.round(topology.oneWayMs(Topology.CONTROLLER, to.name()) * 1e6);
            }
            int usual = usualOctets(heard, soonestNs);
            for (int i = 0; i < times; i++) {
                long untilNs = i + 1 < times ? soonestNs[i + 1] : Long.MAX_VALUE;
                beganNs[i] = heard.get(i % 2 == 0 ? 1 : 0).firstBetween(soonestNs[i], untilNs, usual);
            }
            judge(stage, seen(pcap, a, b, beganNs), floorMs, findings);
            return false;
        };
    }

    private static Path arrivals(Lab lab, Topology.Site place) {
        return lab.run().folder().resolve("rule-switch-" + place.name() + ".pcap");
    }

    private static void register(Lab lab, Topology.Site home) {
        lab.rest()
                .post(
                        "/v1/vms",
                        Map.of(
                                "name",
                                VM,
                                "nics",
                                List.of(Map.of(
                                        "mac",
                                        "52:54:00:77:00:01",
                                        "network",
                                        Lab.NETWORK,
                                        "addresses",
                                        List.of(home.lan4(HOST)))),
                                "site",
                                home.name()));
    }

    private static long nowNs() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000_000L + now.getNano();
    }

    private static void speak(DatagramChannel mouth, InetSocketAddress to) {
        Threads.preciseTimers();
        Threads.setRealtime(Threads.Rank.WORLD);
        ByteBuffer payload = ByteBuffer.allocateDirect(PAYLOAD_BYTES);
        long dueNs = System.nanoTime();
        try {
            while (mouth.isOpen()) {
                mouth.send(payload.clear(), to);
                dueNs += INTERVAL_NS;
                long waitNs = dueNs - System.nanoTime();
                if (waitNs > 0) {
                    LockSupport.parkNanos(waitNs);
                } else {
                    dueNs = System.nanoTime();
                }
            }
        } catch (IOException over) {
            // the channel was closed, as all has been seen
        }
    }

    /** One request on a connection that stays. */
    private static void command(SocketChannel rest, Topology.Site to) throws IOException {
        String body = "{\"site\":\"" + to.name() + "\"}";
        String request = "PATCH /v1/vms/" + VM
                + " HTTP/1.1\r\nHost: controller\r\nContent-Type: application/json\r\nContent-Length: " + body.length()
                + "\r\n\r\n" + body;
        rest.write(ByteBuffer.wrap(request.getBytes(StandardCharsets.US_ASCII)));
        StringBuilder answer = new StringBuilder();
        ByteBuffer part = ByteBuffer.allocate(16 << 10);
        while (!isWhole(answer)) {
            part.clear();
            if (rest.read(part) < 0) {
                throw new IOException("the controller hung up after: " + answer);
            }
            answer.append(StandardCharsets.UTF_8.decode(part.flip()));
        }
        if (!answer.toString().startsWith("HTTP/1.1 200")) {
            throw new IOException("the controller refuses: " + answer);
        }
    }

    private static boolean isWhole(StringBuilder answer) {
        int end = answer.indexOf("\r\n\r\n");
        if (end < 0) {
            return false;
        }
        String head = answer.substring(0, end).toLowerCase(Locale.ROOT);
        int at = head.indexOf("content-length:");
        if (at < 0) {
            return answer.toString().endsWith("0\r\n\r\n"); // chunked
        }
        int length = Integer.parseInt(
                head.substring(at + 15).lines().findFirst().orElse("0").strip());
        return answer.substring(end + 4).getBytes(StandardCharsets.UTF_8).length >= length;
    }

    /** What came from the controller: when, and how many octets. */
    private record Said(long[] atNs, int[] octets) {
        private int indexAfter(long ns) {
            int at = Arrays.binarySearch(atNs, ns);
            return at < 0 ? -at - 1 : at;
        }

        /** Of what came no sooner, the octets of the first; 0 if nothing did. */
        int firstOctets(long ns) {
            int i = indexAfter(ns);
            return i < octets.length ? octets[i] : 0;
        }

        /** When so many came, or nearly; if they did not, as they came together with something else, then the first. */
        long firstBetween(long fromNs, long untilNs, int usualOctets) {
            int first = indexAfter(fromNs);
            for (int i = first; i < atNs.length && atNs[i] < untilNs; i++) {
                if (Math.abs(octets[i] - usualOctets) <= OCTETS_DIFFER) {
                    return atNs[i];
                }
            }
            return first < atNs.length ? atNs[first] : Long.MAX_VALUE;
        }
    }

    /** The median: nearly all are commands. */
    private static int usualOctets(List<Said> heard, long[] soonestNs) {
        int[] first = new int[soonestNs.length];
        for (int i = 0; i < first.length; i++) {
            first[i] = heard.get(i % 2 == 0 ? 1 : 0).firstOctets(soonestNs[i]);
        }
        Arrays.sort(first);
        return first[first.length / 2];
    }

    /** TCP segments with something in them. */
    private static Said fromController(Path pcap) {
        IpPrefix controller = IpPrefix.parse(Topology.wanAddress4(Topology.CONTROLLER_NUMBER) + "/32");
        List<Long> times = new ArrayList<>();
        List<Integer> octets = new ArrayList<>();
        try (FileChannel channel = FileChannel.open(pcap)) {
            ByteBuffer file = channel.map(FileChannel.MapMode.READ_ONLY, 0, Files.size(pcap))
                    .order(ByteOrder.LITTLE_ENDIAN);
            for (int at = FILE_HEADER_BYTES; at + RECORD_HEADER_BYTES <= file.limit(); ) {
                long ns = file.getInt(at) * 1_000_000_000L + file.getInt(at + 4);
                int captured = file.getInt(at + 8);
                int length = file.getInt(at + 12);
                at += RECORD_HEADER_BYTES;
                if (captured >= 40 && file.get(at) == 0x45 && file.get(at + 9) == TCP) {
                    byte[] source = new byte[4];
                    file.get(at + 12, source);
                    int headers = 20 + 4 * (file.get(at + 20 + 12) >>> 4 & 0xf);
                    if (length > headers && controller.contains(IpAddress.of(source))) {
                        times.add(ns);
                        octets.add(length - headers);
                    }
                }
                at += captured;
            }
        } catch (IOException e) {
            throw new LabException("cannot read " + pcap + ": " + e.getMessage(), e);
        }
        return new Said(
                times.stream().mapToLong(Long::longValue).toArray(),
                octets.stream().mapToInt(Integer::intValue).toArray());
    }

    /** How long each took, in ms; NaN for one that was never seen. */
    private static double[] seen(Path pcap, Topology.Site a, Topology.Site b, long[] beganNs) {
        List<List<IpPrefix>> sites = new ArrayList<>();
        for (Topology.Site site : List.of(a, b)) {
            sites.add(List.of(IpPrefix.parse(site.page4()), IpPrefix.parse(site.wan4() + "/32")));
        }
        double[] tookMs = new double[beganNs.length];
        Arrays.fill(tookMs, Double.NaN);
        try (FileChannel channel = FileChannel.open(pcap)) {
            ByteBuffer file = channel.map(FileChannel.MapMode.READ_ONLY, 0, Files.size(pcap))
                    .order(ByteOrder.LITTLE_ENDIAN);
            int next = 0;
            for (int at = FILE_HEADER_BYTES; at + RECORD_HEADER_BYTES <= file.limit() && next < tookMs.length; ) {
                long ns = file.getInt(at) * 1_000_000_000L + file.getInt(at + 4);
                int captured = file.getInt(at + 8);
                int length = file.getInt(at + 12);
                at += RECORD_HEADER_BYTES;
                while (next + 1 < tookMs.length && ns >= beganNs[next + 1]) {
                    next++; // the one before was not seen in time, or has been
                }
                if (captured >= 20 && isProbe(length) && ns >= beganNs[next] && Double.isNaN(tookMs[next])) {
                    byte[] destination = new byte[4];
                    file.get(at + 16, destination);
                    if (isAt(sites.get(next % 2 == 0 ? 1 : 0), IpAddress.of(destination))) {
                        tookMs[next] = (ns - beganNs[next]) / 1e6;
                    }
                }
                at += captured;
            }
        } catch (IOException e) {
            throw new LabException("cannot read " + pcap + ": " + e.getMessage(), e);
        }
        return tookMs;
    }

    /** Native, in VXLAN, or sealed in VXLAN. */
    private static boolean isProbe(int length) {
        return length == IP_BYTES || length == IP_BYTES + 50 || length == IP_BYTES + 78;
    }

    private static boolean isAt(List<IpPrefix> prefixes, IpAddress address) {
        return prefixes.stream().anyMatch(prefix -> prefix.contains(address));
    }

    private static void judge(Stage stage, double[] tookMs, double[] floorMs, Findings findings) {
        List<Double> took = new ArrayList<>();
        List<Double> over = new ArrayList<>();
        double floor = 0;
        for (int i = 0; i < tookMs.length; i++) {
            if (!Double.isNaN(tookMs[i])) {
                took.add(tookMs[i]);
                over.add(tookMs[i] - floorMs[i]);
                floor += floorMs[i];
            }
        }
        if (took.size() < tookMs.length) {
            findings.problems.add(
                    tookMs.length - took.size() + " of " + tookMs.length + " switches were not seen on the WAN");
        }
        if (took.isEmpty()) {
            return;
        }
        Collections.sort(took);
        Collections.sort(over);
        floor /= took.size();
        double mean = mean(took);
        findings.switches = new Report.Switches(
                stage.lab().mechanism(),
                took.size(),
                Report.round(floor),
                Report.round(mean),
                Report.round(took.get(took.size() / 2)),
                Report.round(p99(took)),
                Report.round(took.getLast()),
                Report.round(mean(over)),
                Report.round(p99(over)));
        stage.say(String.format(
                Locale.ROOT,
                "%d switches by %s: from the new place's word to the first packet by the new rule %.1f ms in the mean, p99 %.1f, longest %.1f; above the one-way delay (mean %.1f): mean %.1f, median %.1f, p99 %.1f, longest %.1f",
                took.size(),
                stage.lab().mechanism(),
                mean,
                p99(took),
                took.getLast(),
                floor,
                mean(over),
                over.get(over.size() / 2),
                p99(over),
                over.getLast()));
        if (mean(over) > ALLOWED_MEAN_MS || p99(over) > ALLOWED_P99_MS) {
            findings.problems.add(String.format(
                    Locale.ROOT,
                    "a switch takes %.1f ms above the one-way delay in the mean and %.1f ms at p99; allowed are %.0f and %.0f ms",
                    mean(over),
                    p99(over),
                    ALLOWED_MEAN_MS,
                    ALLOWED_P99_MS));
        }
    }

    private static double mean(List<Double> values) {
        return values.stream().mapToDouble(Double::doubleValue).average().orElse(Double.NaN);
    }

    private static double p99(List<Double> sorted) {
        return sorted.get((int) Math.ceil(0.99 * sorted.size()) - 1);
    }
}

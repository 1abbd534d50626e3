// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A host out on the WAN without a gateway keeps TCP connections to a VM that goes by labels, while the VM moves.
 *
 * <pre>
 *   peer 100.64.8.2, or with labels 100.64.8.99 ── WAN ── st-andrews, home of the VM ══ where the VM is
 * </pre>
 */
final class LabelPeer extends Scenario {
    private static final String PEER = "peer";
    private static final int NUMBER = 8;
    private static final double RTT_MS = 40;
    private static final int STREAMS = 10;
    private static final int ECHO_PORT = 7;
    private static final Duration WATCHED = Duration.ofSeconds(3);
    private static final String INSIDE4 = "10.99.0.99";
    private static final String INSIDE6 = "fd6f::99";

    /** What the peer is like. */
    enum Kind {
        /** Stock Linux. */
        PLAIN,
        /** Stock Linux with {@code sojourn label-host}. */
        LABEL,
        /** The same, and somebody on every way takes the option out. */
        STRIPPED
    }

    private final Kind kind;

    private LabelPeer(Kind kind, String id, String description) {
        super(id, description, 3, 3);
        this.kind = kind;
    }

    static LabelPeer plain() {
        return new LabelPeer(
                Kind.PLAIN,
                "label-plain-peer",
                "a stock host without labels or gateway keeps its plain TCP while the VM moves");
    }

    static LabelPeer host() {
        return new LabelPeer(
                Kind.LABEL,
                "label-host",
                "a stock host with 'sojourn label-host' is told of moves, and takes the direct way");
    }

    static LabelPeer stripped() {
        return new LabelPeer(
                Kind.STRIPPED,
                "label-stripped-options",
                "somebody on the way takes the option out: connections are plain TCP, and none breaks");
    }

    @Override
    String mechanism(ScenarioOptions options) {
        return Lab.LABEL;
    }

    @Override
    boolean stripsLabels() {
        return kind == Kind.STRIPPED;
    }

    @Override
    Topology topology() {
        return Topology.threeContinents().withOutsider(PEER, RTT_MS);
    }

    @Override
    Map<String, Integer> outsiders() {
        return Map.of(PEER, NUMBER);
    }

    @Override
    List<String> speakingByIlnp() {
        return List.of(Topology.wanPrefix4(NUMBER), Topology.wanPrefix6(NUMBER));
    }

    @Override
    void furnish(Lab lab) {
        if (kind == Kind.STRIPPED) {
            lab.topology().sites().forEach(site -> NetFilter.stripLabels(lab.place(site.name())));
            NetFilter.stripLabels(lab.place(PEER));
        }
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.LIGHT;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = Tour.destinations(topology, count(options));
        return (stage, findings) -> {
            if (kind != Kind.PLAIN) {
                takeLabels(stage.lab());
            }
            Place place = stage.lab().place(PEER);
            GuestPlan plan = stage.mover().plan();
            List<InetSocketAddress> vm = List.of(
                    new InetSocketAddress(plan.address4(), ECHO_PORT),
                    new InetSocketAddress(plan.address6(), ECHO_PORT));
            try (TcpStreams streams = new TcpStreams(place, vm, STREAMS, options.seed())) {
                streams.awaitConnected(Duration.ofSeconds(20));
                for (String destination : destinations) {
                    long before = stage.lab().counted("relayed");
                    stage.tour(List.of(destination), findings);
                    judge(stage, destination, streams, findings);
                    before = stage.lab().counted("relayed") - before;
                    stage.say("  packets passed on from site to site meanwhile: " + before);
                }
            }
            return false;
        };
    }

    /** As an operator would; see {@code sojourn label-host --help}. */
    private static void takeLabels(Lab lab) {
        Place place = lab.place(PEER);
        place.sysctl("net/ipv4/ip_forward=1", "net/ipv6/conf/all/forwarding=1");
        String outside4 = "100.64." + NUMBER + ".99";
        String outside6 = "fd64:" + NUMBER + "::99";
        lab.startBeside(
                place,
                "label-host",
                "label-host",
                "--address",
                INSIDE4 + "=" + outside4,
                "--address",
                INSIDE6 + "=" + outside6);
        place.ip(List.of(
                "addr add " + INSIDE4 + "/32 dev label0",
                "addr add " + INSIDE6 + "/128 dev label0 nodad",
                "route add 10.10.0.0/16 dev label0 src " + INSIDE4,
                "route add fd10:10::/32 dev label0 src " + INSIDE6,
                "route add " + outside4 + "/32 dev label0",
                "route add " + outside6 + "/128 dev label0",
                "route add default dev " + Lab.WAN_DEVICE + " table 77",
                "route add ::/0 dev " + Lab.WAN_DEVICE + " table 77"));
        place.run("ip", "rule", "add", "iif", "label0", "lookup", "77");
        place.run("ip", "-6", "rule", "add", "iif", "label0", "lookup", "77");
    }

    private void judge(Stage stage, String site, TcpStreams streams, Findings findings) {
        long fromNs = System.nanoTime();
        streams.wakeSilent();
        stage.calmDown(WATCHED);
        long broken =
                streams.streams().stream().filter(stream -> !stream.isOpen()).count();
        long mismatched =
                streams.streams().stream().mapToLong(EchoStream::mismatched).sum();
        long still = streams.streams().stream()
                .filter(stream -> !stream.caughtUpSince(fromNs))
                .count();
        stage.say(String.format(
                Locale.ROOT,
                "  peer, VM at %s: %d of %d streams broken, %d octets mismatched, %d without an echo for 3 s",
                site,
                broken,
                STREAMS,
                mismatched,
                still));
        if (broken + mismatched + still > 0) {
            findings.problems.add("the peer noticed the move to " + site + ": " + broken + " streams broken, "
                    + mismatched + " octets mismatched, " + still + " stand still");
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

/**
 * The emulator as a process of its own between three real namespaces.
 *
 * <pre>
 *   [a 100.64.1.2]--wan0--+
 *   [b 100.64.2.2]--wan0--+-- emulator
 *   [c 100.64.3.2]--wan0--+
 * </pre>
 */
@Tag("system")
class WanSystemTest {
    private static final List<String> PLACES = List.of("a", "b", "c");
    private static final String PREFIX = "t-linux-" + ProcessHandle.current().pid() + "-";

    @TempDir
    static Path directory = Path.of("");

    private static Process emulator;
    private static WanControl control;

    @BeforeAll
    static void start() throws IOException {
        StringBuilder places = new StringBuilder();
        for (int i = 1; i <= PLACES.size(); i++) {
            String name = PLACES.get(i - 1);
            String netns = PREFIX + name;
            run("ip netns add " + netns);
            run("ip -n " + netns + " link set lo up");
            run("ip -n " + netns + " tuntap add dev wan0 mode tun");
            run("ip -n " + netns + " address add 100.64." + i + ".2/24 dev wan0");
            run("ip -n " + netns + " address add fd64:" + i + "::2/64 dev wan0 nodad");
            run("ip -n " + netns + " link set wan0 up");
            run("ip -n " + netns + " route add default dev wan0");
            run("ip -n " + netns + " -6 route add default dev wan0");
            places.append(i == 1 ? "" : ",").append("""
                            {"name":"%s","netns":"%s","device":"wan0","prefixes":["100.64.%d.0/24","fd64:%d::/64"]}
                            """.formatted(name, netns, i, i));
        }
        Path config = Files.writeString(directory.resolve("wan.json"), """
                {"seed":11,"control":"%s/wan.sock","places":[%s],
                 "links":[{"from":"c","to":"a","delay_ms":1,"loss":0.2}],"default_link":{"delay_ms":20}}
                """.formatted(directory, places));
        emulator = new ProcessBuilder(
                        ProcessHandle.current().info().command().orElseThrow(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        System.getProperty("java.class.path"),
                        WanProcess.class.getName(),
                        config.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        BufferedReader out = emulator.inputReader();
        assertThat(out.lines().anyMatch("ready"::equals)).isTrue();
        control = WanControl.connect(directory.resolve("wan.sock"));
    }

    @AfterAll
    static void stop() throws InterruptedException {
        try {
            control.stop();
            assertThat(emulator.waitFor(5, TimeUnit.SECONDS)).isTrue();
            assertThat(emulator.exitValue()).isZero();
            assertThat(directory.resolve("wan.sock")).doesNotExist();
        } finally {
            emulator.destroyForcibly();
            PLACES.forEach(place -> run("ip netns delete " + PREFIX + place));
        }
    }

    @BeforeEach
    void defaults() {
        for (String[] pair : new String[][] {{"a", "b"}, {"b", "a"}}) {
            control.link(pair[0], pair[1], Map.of("delay_ms", 20, "rate_mbit", 0, "mtu", 1500));
        }
    }

    @Test
    void aRoundTripIsTwiceTheDelayInBothFamilies() {
        for (String address : List.of("100.64.2.2", "fd64:2::2")) {
            inside("a", "ping -n -q -c 20 -i 0.05 " + address);
            // ping itself must not wait for a processor either, or it would measure the machine's other work.
            String output = inside("a", "chrt -f 1 ping -n -c 40 -i 0.05 " + address);
            double[] rttMs = Pattern.compile("time=([0-9.]+) ms")
                    .matcher(output)
                    .results()
                    .mapToDouble(result -> Double.parseDouble(result.group(1)))
                    .sorted()
                    .toArray();
            assertThat(rttMs).as(output).hasSize(40);
            System.out.println(address + " min/median/max RTT ms " + rttMs[0] + "/" + rttMs[20] + "/" + rttMs[39]);
            // The shortest of forty: what a processor that is slow or away adds to the others says nothing of the
            // emulator.
            assertThat(rttMs[0]).isBetween(40.0, 41.0);
        }
        System.out.println("stats: late over 200 us " + control.stats().path("late_over_200us") + ", worst "
                + control.stats().path("worst_late_us") + " us");
    }

    @Test
    void losesWhatTheSeedSays() {
        String output = inside("a", "ping -n -q -c 300 -i 0.005 -W 1 100.64.3.2", 0, 1);
        // The same decisions again, from the seed in the configuration.
        MemoryDevice nowhere = new MemoryDevice();
        Link twin = new Link(
                new Place("c", nowhere, List.of()),
                new Place("a", nowhere, List.of()),
                new LinkProfile(1, 0, 0.2, 0, 0, 0, 0, 100, 1500, false),
                11);
        for (int i = 0; i < 300; i++) {
            twin.admit(0, 84);
        }
        WanControl.LinkStats stats = control.stats("c", "a");
        assertThat(stats.packets()).isEqualTo(300);
        assertThat(stats.lost()).isEqualTo(twin.counters.lost).isBetween(40L, 80L);
        assertThat(output).contains(300 - stats.lost() + " received");
    }

    @Test
    void aPartitionCutsAndHeals() {
        control.partition("b", true);
        assertThat(inside("a", "ping -n -q -c 5 -i 0.05 -W 1 100.64.2.2", 1)).contains(" 0 received");
        assertThat(control.stats("a", "b").droppedDown()).isPositive();
        control.partition("b", false);
        assertThat(inside("a", "ping -n -q -c 5 -i 0.05 -W 1 100.64.2.2")).contains(" 5 received");
    }

    @Test
    void aNarrowLinkTellsTheSender() {
        control.link("a", "b", Map.of("mtu", 1400));
        assertThat(inside("a", "ping -n -c 2 -i 0.1 -W 1 -M do -s 1472 100.64.2.2", 1))
                .contains("1400");
        assertThat(inside("a", "ping -n -c 2 -i 0.1 -W 1 -M do -s 1452 fd64:2::2", 1))
                .contains("1400");
        assertThat(inside("a", "ping -n -c 2 -i 0.1 -W 1 -M dont -s 3000 100.64.2.2"))
                .contains(" 2 received");
    }

    @Test
    void carriesATcpStreamNearlyAtItsRate() throws IOException, InterruptedException {
        for (String[] pair : new String[][] {{"a", "b"}, {"b", "a"}}) {
            control.link(pair[0], pair[1], Map.of("delay_ms", 0, "rate_mbit", 1000));
        }
        Path log = directory.resolve("iperf3.log");
        Process server = new ProcessBuilder(words("ip netns exec " + PREFIX + "b iperf3 -s -1 --forceflush"))
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        try {
            await().atMost(Duration.ofSeconds(10))
                    .until(() -> Files.readString(log).contains("listening"));
            String json = inside("a", "iperf3 -J -t 5 -c 100.64.2.2");
            double gbit = JsonMapper.shared()
                            .readTree(json)
                            .at("/end/sum_received/bits_per_second")
                            .asDouble()
                    / 1e9;
            System.out.printf("TCP through a 1 Gbit/s link: %.3f Gbit/s; %s%n", gbit, control.stats("a", "b"));
            assertThat(gbit).isGreaterThan(0.2).isLessThan(1.0);
        } finally {
            server.destroy();
            server.waitFor();
        }
    }

    @Test
    void capturesAPlaceForOtherTools() throws IOException {
        Path file = directory.resolve("a.pcap");
        control.capture("a", file);
        inside("a", "ping -n -q -c 3 -i 0.05 100.64.2.2");
        assertThat(control.endCapture("a")).isEqualTo(6);
        assertThat(Files.size(file)).isEqualTo(24 + 6 * (16 + 84));
        assertThatThrownBy(() -> control.capture("nowhere", file)).hasMessageContaining("no place \"nowhere\"");
        if (Files.isExecutable(Path.of("/usr/bin/tshark"))) {
            assertThat(run("tshark -r " + file + " -Y icmp.type==0 -T fields -e ip.ttl"))
                    .contains("63\n63\n63");
        }
    }

    private static String inside(String place, String command, int... exitValues) {
        return run("ip netns exec " + PREFIX + place + " " + command, exitValues);
    }

    private static List<String> words(String command) {
        return List.of(command.split(" "));
    }

    private static String run(String command, int... exitValues) {
        try {
            Process process =
                    new ProcessBuilder(words(command)).redirectErrorStream(true).start();
            String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
            assertThat(exitValues.length == 0 ? new int[] {0} : exitValues)
                    .as("%s: %s", command, output)
                    .contains(process.exitValue());
            return output;
        } catch (IOException failure) {
            throw new AssertionError(failure);
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }
}

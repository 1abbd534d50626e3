// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;
import static org.awaitility.Awaitility.await;

import io.sojourn.dns.ZoneSettings;
import io.sojourn.model.identity.IpAddress;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.Type;

/** A controller that answers names, asked over loopback. */
@Timeout(60)
class NamesTest {
    private static final Path DIG = Path.of("/usr/bin/dig");
    private static final String NETWORK =
            "{\"name\":\"blue\",\"subnets\":[{\"prefix\":\"10.10.1.0/24\"},{\"prefix\":\"fd10:1:0:1::/64\"}]}";
    private static final String VM =
            World.VM.replace("[\"10.10.1.10\"]", "[\"10.10.1.10\",\"fd10:1:0:1:5054:ff:fe00:10a\"]");
    private static final String NID = "10 5054:00ff:fe00:010a";

    @TempDir
    Path dir;

    private World world;
    private int port;

    @BeforeEach
    void begin() throws Exception {
        world = new World(dir);
        world.threeSites();
        port = world.serveNames(new DnsConfig(
                ZoneSettings.of("vms.example.net", "", List.of(IpAddress.parse("192.0.2.53")), 5, 3600),
                Optional.of(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)),
                "controller-1",
                Optional.empty()));
    }

    @AfterEach
    void end() throws Exception {
        world.close();
    }

    private Message ask(String name, int type) throws Exception {
        SimpleResolver resolver = new SimpleResolver(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
        return resolver.send(
                Message.newQuery(Record.newRecord(Name.fromString(name + ".vms.example.net."), type, DClass.IN)));
    }

    private List<String> answers(String name, int type) throws Exception {
        return ask(name, type).getSection(Section.ANSWER).stream()
                .map(Record::rdataToString)
                .toList();
    }

    @Test
    void aVmHasANameFromWhenItIsRegisteredUntilItIsNot() throws Exception {
        assertThat(ask("web1", Type.A).getRcode()).isEqualTo(Rcode.NXDOMAIN);
        world.post("/v1/networks", NETWORK, 201);
        world.post("/v1/vms", VM, 201);
        awaitRcode(Rcode.NOERROR);
        assertThat(answers("web1", Type.A)).containsExactly("10.10.1.10");
        assertThat(answers("web1", Type.AAAA)).containsExactly("fd10:1:0:1:5054:ff:fe00:10a");
        assertThat(answers("web1", Type.NID)).containsExactly(NID);
        assertThat(answers("web1", Type.L64)).containsExactly("10 fd10:0001:0000:0001");
        assertThat(answers("web1", Type.L32)).containsExactly("10 10.10.1.0");
        assertThat(answers("web1", Type.LP))
                .containsExactlyInAnyOrder(
                        "20 subnet-1.blue.networks.vms.example.net.", "20 subnet-2.blue.networks.vms.example.net.");
        assertThat(answers("subnet-2.blue.networks", Type.L64)).containsExactly("10 fd10:0001:0000:0001");
        world.expect("DELETE", "/v1/vms/web1", "", 204);
        awaitRcode(Rcode.NXDOMAIN);
    }

    /** The registry tells of a commit a moment after it has answered for it. */
    private void awaitRcode(int rcode) {
        await().atMost(Duration.ofSeconds(10))
                .untilAsserted(() -> assertThat(ask("web1", Type.A).getRcode()).isEqualTo(rcode));
    }

    /** Somebody else's resolver as judge. */
    @Test
    @Tag("system")
    void digReadsWhatWeAnswer() throws Exception {
        assumeThat(DIG).isExecutable();
        world.post("/v1/networks", NETWORK, 201);
        world.post("/v1/vms", VM, 201);
        awaitRcode(Rcode.NOERROR);
        for (String transport : List.of("+notcp", "+tcp")) {
            assertThat(dig(transport, "+short", "TYPE104")).as(transport).contains("10 5054:ff:fe00:10a");
            assertThat(dig(transport, "+short", "TYPE105")).contains("10 10.10.1.0");
            assertThat(dig(transport, "+short", "TYPE106")).contains("10 fd10:1:0:1");
            assertThat(dig(transport, "+short", "TYPE107")).contains("20 subnet-2.blue.networks.vms.example.net.");
            assertThat(dig(transport, "+short", "AAAA")).contains("fd10:1:0:1:5054:ff:fe00:10a");
            assertThat(dig(transport, "+short", "A")).contains("10.10.1.10");
            String whole = dig(transport, "+nsid", "NID");
            assertThat(whole)
                    .contains("status: NOERROR", " aa", "controller-1", "ADDITIONAL: 7")
                    .doesNotContain("WARNING", "malformed", "mismatch");
            assertThat(dig(transport, "+nsid", "NAPTR")).contains("status: NOERROR", "ANSWER: 0", "AUTHORITY: 1");
        }
        assertThat(digFor("web9.vms.example.net", "A")).contains("status: NXDOMAIN", "AUTHORITY: 1");
        assertThat(digFor("example.org", "A")).contains("status: REFUSED");
    }

    private String dig(String... words) throws Exception {
        return digFor("web1.vms.example.net", words);
    }

    private String digFor(String name, String... words) throws Exception {
        List<String> command = new ArrayList<>(
                List.of(DIG.toString(), "@127.0.0.1", "-p", Integer.toString(port), "+norecurse", "-q", name));
        for (String word : words) {
            command.addAll(word.startsWith("+") ? List.of(word) : List.of("-t", word));
        }
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(20, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(output).isZero();
        return output;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class GatewayConfigReaderTest {
    private static final String GOOD = """
            gateway: st-andrews
            site: st-andrews
            controller: 192.0.2.9:7401
            enrolment-token: sj1.AAAAAAAA.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
            listen: 192.0.2.1:7400
            state-dir: state
            networks:
              - {name: blue, bridge: br-blue}
            templates:
              default:
                command: [qemu-system-x86_64, -m, "${memory-mb}"]
            bandwidth-mbit: 800
            """;

    @TempDir
    Path folder;

    private GatewayConfig read(String yaml) throws IOException {
        return GatewayConfigReader.read(Files.writeString(folder.resolve("gateway.yaml"), yaml));
    }

    @Test
    void aWholeConfigurationIsRead() throws IOException {
        GatewayConfig config = read(GOOD);
        assertThat(config.gateway().name()).isEqualTo("st-andrews");
        assertThat(config.attachments()).containsExactly(new GatewayConfig.Attachment("blue", "br-blue", 0));
        assertThat(config.templates())
                .hasEntrySatisfying(
                        "default", template -> assertThat(template.command()).contains("${memory-mb}"));
        assertThat(config.advertise()).isEqualTo(config.listen());
        assertThat(config.bandwidthBytesPerS()).isEqualTo(100_000_000);
        assertThat(config.acceleration()).isEqualTo("auto");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "gateway: st-andrews|gateway: St Andrews|gateway gateway name 'St Andrews'",
                "listen: 192.0.2.1:7400|listen: here|listen 'here' is not a locator such as 192.0.2.1:7400",
                "enrolment-token: sj1|enrolment-token: sj2|enrolment-token is not an enrolment token",
                "site: st-andrews|token: secret|token is no longer a key",
                "site: st-andrews|sit: x|sit is not a key of a gateway",
                "bridge: br-blue|bridges: x|networks[0].bridge is missing",
                "bandwidth-mbit: 800|bandwidth-mbit: fast|bandwidth-mbit is not a number",
                "state-dir: state|state-dir: [a]|state-dir must be a single value",
            })
    void aMistakeIsNamedWithFileAndKey(String good, String bad, String message) {
        assertThatThrownBy(() -> read(GOOD.replace(good, bad == null ? "" : bad)))
                .isInstanceOf(GatewayException.class)
                .hasMessageContaining("gateway.yaml")
                .hasMessageContaining(message);
    }

    @Test
    void anEgressHasPrefixesOfBothFamiliesAndABound() throws IOException {
        assertThat(read(GOOD).egress().isNone()).isTrue();
        String egress = """
                egress: {snat: [100.70.1.0/28, "fd70:1::/112"], floating: [203.0.113.0/24], flows: 1000000}
                """;
        GatewayConfig.Egress read = read(GOOD + egress).egress();
        assertThat(read.snat()).hasSize(2);
        assertThat(read.floating()).hasSize(1);
        assertThat(read.flows()).isEqualTo(1_000_000);
        assertThatThrownBy(() -> read(GOOD + egress.replace("1000000", "10")))
                .hasMessageContaining("egress.flows must be");
        assertThatThrownBy(() -> read(GOOD + egress.replace("/28", "/2"))).hasMessageContaining("egress.snat has");
    }

    @Test
    void eachUplinkHasAPageOfItsOwn() throws IOException {
        GatewayConfig config = read(GOOD + """
                uplinks:
                  - {device: wan0, page: [100.81.0.0/16, "fd50:1::/48"]}
                  - {device: wan1, page: [100.91.0.0/16]}
                """);
        assertThat(config.uplinks()).extracting(GatewayConfig.Uplink::device).containsExactly("wan0", "wan1");
        assertThat(config.page()).isEqualTo(config.uplinks().getFirst().page());
        assertThat(config.pages()).hasSize(2);
        assertThatThrownBy(() -> read(GOOD + "uplinks: [{device: wan0}]\n")).hasMessageContaining("uplinks[0].page");
        assertThatThrownBy(
                        () -> read(GOOD + "page: [100.81.0.0/16]\nuplinks: [{device: wan0, page: [100.82.0.0/16]}]\n"))
                .hasMessageContaining("said twice");
    }

    @Test
    void offloadsAreAutoUnlessTheFileSaysMore() throws IOException {
        assertThat(read(GOOD).transport().offloads()).isEqualTo(GatewayConfig.Offloads.AUTO);
        assertThat(read(GOOD + "\noffload: {segmentation: off, tap: on}\n")
                        .transport()
                        .offloads())
                .isEqualTo(new GatewayConfig.Offloads(
                        GatewayConfig.Offload.OFF, GatewayConfig.Offload.AUTO, GatewayConfig.Offload.ON));
        assertThatThrownBy(() -> read(GOOD + "\noffload: {segmentation: maybe}\n"))
                .hasMessageContaining("offload.segmentation must be auto, on or off");
        assertThatThrownBy(() -> read(GOOD + "\noffload: {gso: off}\n"))
                .hasMessageContaining("offload.gso is not an offload");
    }

    @Test
    void resolversAreAddressesWithAPortIfItIsNotThatOfNames() throws IOException {
        assertThat(read(GOOD
                                + "\nresolvers: [192.0.2.53, \"2001:db8::53\", \"[2001:db8::54]:5353\", \"192.0.2.54:54\"]\n")
                        .resolvers())
                .extracting(Object::toString)
                .containsExactly(
                        "192.0.2.53:53", "[2001:db8:0:0:0:0:0:53]:53", "[2001:db8:0:0:0:0:0:54]:5353", "192.0.2.54:54");
        assertThatThrownBy(() -> read(GOOD + "\nresolvers: [ns.example.org]\n"))
                .hasMessageContaining("resolvers[0] is 'ns.example.org'");
    }

    @Test
    void brokenYamlAndAMissingFileAreOneLineEach() {
        assertThatThrownBy(() -> read("a: [b")).hasMessageContaining("is not YAML");
        assertThatThrownBy(() -> GatewayConfigReader.read(folder.resolve("none.yaml")))
                .hasMessageContaining("no configuration file");
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ControllerConfigTest {
    @TempDir
    Path dir;

    private ControllerConfig load(String yaml) throws IOException {
        return ControllerConfig.load(Files.writeString(dir.resolve("controller.yaml"), yaml));
    }

    @Test
    void everythingCanBeSaid() throws IOException {
        ControllerConfig config = load("""
                rest: "[::1]:7480"
                grpc: 0.0.0.0:7401
                api-token: secret-word
                names: [sojourn.example]
                state-dir: /var/lib/sojourn
                timeouts: {command-s: 5, arm-destination-s: 60, gateway-grace-s: 20}
                """);
        assertThat(config.rest().getPort()).isEqualTo(7480);
        assertThat(config.apiToken()).contains("secret-word");
        assertThat(config.names()).containsExactly("sojourn.example");
        assertThat(config.timeouts().gatewayGrace()).isEqualTo(Duration.ofSeconds(20));
        assertThat(config.toString()).doesNotContain("secret-word");
    }

    @Test
    void namesAreAnsweredOrPublished() throws IOException {
        ControllerConfig config = load("""
                state-dir: s
                dns:
                  zone: vms.example.net
                  listen: "127.0.0.1:5353"
                  nameserver: ns1.example.net
                  nameserver-address: [192.0.2.53, "2001:db8::53"]
                  nsid: controller-1
                  locator-ttl-s: 0
                  publish: {server: "192.0.2.1:53", key-name: k, key-secret: c2VjcmV0LXdvcmQ=}
                """);
        DnsConfig dns = config.dns().orElseThrow();
        assertThat(dns.listen().orElseThrow().getPort()).isEqualTo(5353);
        assertThat(dns.zone().nameserver()).hasToString("ns1.example.net.");
        assertThat(dns.zone().nameserverAddresses()).hasSize(2);
        assertThat(dns.zone().locatorTtlS()).isZero();
        assertThat(dns.outside()).isPresent();
        assertThat(dns.toString()).doesNotContain("c2VjcmV0LXdvcmQ");
        assertThat(load("state-dir: s\n").dns()).isEmpty();
    }

    @Test
    void aStateDirIsEnough() throws IOException {
        ControllerConfig config = load("state-dir: s\n");
        assertThat(config.rest().toString()).contains("127.0.0.1:7480");
        assertThat(config.grpc().getPort()).isEqualTo(7401);
        assertThat(config.timeouts()).isEqualTo(ControllerConfig.Timeouts.DEFAULT);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            rest: '127.0.0.1:1'                               | state-dir: is missing
            {token: t, state-dir: s}                          | token: is no longer a key: gateways enrol by 'sojourn gateway token SITE/NAME'
            {rest: '0.0.0.0:7480', state-dir: s}              | rest: is not loopback
            {state-dir: s, tokn: x}                 | tokn: unknown key
            {state-dir: s, rest: nowhere}           | rest: 'nowhere' is not address:port
            {state-dir: s, rest: '1.2.3.4:99999'}   | rest: '1.2.3.4:99999' is not address:port
            {state-dir: s, timeouts: {command-s: 0}} | timeouts.command-s: '0' is not a number of seconds
            {state-dir: s, timeouts: {comand-s: 5}} | timeouts.comand-s: unknown key
            {state-dir: s, timeouts: 5}             | timeouts: must be a mapping
            {state-dir: s, dns: {listen: '127.0.0.1:53'}} | dns.zone: is missing
            {state-dir: s, dns: {zone: a.net}}      | dns.listen: is missing, and so is 'publish'
            {state-dir: s, dns: {zone: 'a..net', listen: '127.0.0.1:53'}} | dns.zone: 'a..net' is no domain name
            {state-dir: s, dns: {zone: a.net, listen: '127.0.0.1:53', locator-ttl-s: -1}} | dns.locator-ttl-s: '-1' is not a number of seconds
            {state-dir: s, dns: {zone: a.net, publish: {server: '1.2.3.4:53', key-name: k}}} | dns.publish.key-secret: is missing
            {api-token: [t], state-dir: s}                    | api-token: must be a single value
            {api-token: '', state-dir: s}                     | api-token: is empty
            [a, b]                                            | must be a mapping
            {state-dir: s                                     | is not YAML
            """)
    void aMistakeIsNamedWithFileAndKey(String yaml, String complaint) {
        assertThatThrownBy(() -> load(yaml))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("controller.yaml: ")
                .hasMessageContaining(complaint)
                .hasMessageNotContaining("\n");
    }

    @Test
    void aMissingFileIsNamed() {
        assertThatThrownBy(() -> ControllerConfig.load(dir.resolve("none.yaml")))
                .isInstanceOf(ConfigException.class)
                .hasMessageContaining("none.yaml: no such file");
    }
}

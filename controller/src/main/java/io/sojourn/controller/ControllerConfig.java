// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/**
 * What controller.yaml says.
 *
 * <pre>
 * rest: 127.0.0.1:7480        # REST and console
 * grpc: 0.0.0.0:7401          # gateways attach here
 * api-token: ...              # REST then asks for it as a bearer token; required where rest is not loopback, which is TLS then
 * names: [sojourn.example]    # optional: other names that operators reach rest by
 * state-dir: /var/lib/sojourn
 * preshared-key-s: 86400      # optional: gateways seal with keys from here as well, new ones each day
 * timeouts:                   # all optional, in seconds
 *   command-s: 10
 *   arm-destination-s: 90     # it may start a QEMU
 *   gateway-grace-s: 30       # how long a move waits for a gateway that is away
 * dns: ...                    # optional: VMs by name, see DnsConfig
 * </pre>
 *
 * @param rest address and port; port 0 takes a free one
 * @param presharedKeyLife how long a generation of pre-shared keys is used; zero: there are none
 * @param names of this host, beside the address of {@code rest}, for the certificate
 */
public record ControllerConfig(
        InetSocketAddress rest,
        InetSocketAddress grpc,
        Optional<String> apiToken,
        Set<String> names,
        Path stateDir,
        Timeouts timeouts,
        Duration presharedKeyLife,
        Optional<DnsConfig> dns) {

    ControllerConfig(
            InetSocketAddress rest,
            InetSocketAddress grpc,
            Optional<String> apiToken,
            Set<String> names,
            Path stateDir,
            Timeouts timeouts) {
        this(rest, grpc, apiToken, names, stateDir, timeouts, Duration.ZERO, Optional.empty());
    }

    /**
     * @param command the answer of a gateway to an ordinary command
     * @param armDestination the destination's answer: it may start a QEMU before
     * @param gatewayGrace how long a move waits for a gateway that is away
     */
    public record Timeouts(Duration command, Duration armDestination, Duration gatewayGrace) {
        public static final Timeouts DEFAULT =
                new Timeouts(Duration.ofSeconds(10), Duration.ofSeconds(90), Duration.ofSeconds(30));
    }

    /** @throws ConfigException with one line that names file and key */
    public static ControllerConfig load(Path file) {
        ConfigSection root = ConfigSection.load(file);
        InetSocketAddress rest = root.socket("rest", "127.0.0.1:7480");
        InetSocketAddress grpc = root.socket("grpc", "0.0.0.0:7401");
        if (root.text("token").isPresent()) {
            throw root.complaint(
                    "token", "is no longer a key: gateways enrol by 'sojourn gateway token SITE/NAME'; remove it");
        }
        Optional<String> apiToken = root.text("api-token");
        Set<String> names = root.words("names");
        if (!rest.getAddress().isLoopbackAddress() && apiToken.isEmpty()) {
            throw root.complaint(
                    "rest",
                    "is not loopback, so everybody on the network could operate: set 'api-token', or leave 'rest' out");
        }
        Path stateDir = Path.of(root.requiredText("state-dir", "/var/lib/sojourn"));
        Duration presharedKeyLife =
                root.text("preshared-key-s").isPresent() ? root.seconds("preshared-key-s", 1) : Duration.ZERO;
        Timeouts byDefault = Timeouts.DEFAULT;
        ConfigSection timeouts = root.section("timeouts");
        Timeouts read = new Timeouts(
                timeouts.seconds("command-s", (int) byDefault.command().toSeconds()),
                timeouts.seconds(
                        "arm-destination-s", (int) byDefault.armDestination().toSeconds()),
                timeouts.seconds(
                        "gateway-grace-s", (int) byDefault.gatewayGrace().toSeconds()));
        timeouts.refuseUnknownKeys();
        Optional<DnsConfig> dns = DnsConfig.read(root);
        root.refuseUnknownKeys();
        return new ControllerConfig(rest, grpc, apiToken, names, stateDir, read, presharedKeyLife, dns);
    }

    @Override
    public String toString() {
        return "rest " + rest + ", grpc " + grpc + ", state-dir " + stateDir; // no secrets in logs
    }
}

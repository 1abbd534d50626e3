// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import io.sojourn.gateway.GatewayException;
import io.sojourn.gateway.LabelHost;
import io.sojourn.model.identity.IpAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "label-host",
        description = "Give this Linux host's TCP connections labels, on a tun device, without a gateway. Needs root.",
        footer = {
            "",
            "The host's own routing does the rest; for programs at 10.99.0.99, known to others as 192.0.2.99, which leads to this host, uplink wan0 and VMs in 10.10.0.0/16:",
            "  sysctl -w net.ipv4.ip_forward=1",
            "  ip addr add 10.99.0.99/32 dev label0",
            "  ip route add 10.10.0.0/16 dev label0 src 10.99.0.99",
            "  ip route add 192.0.2.99/32 dev label0",
            "  ip rule add iif label0 lookup 77",
            "  ip route add default dev wan0 table 77",
            "The same for IPv6."
        })
final class LabelHostCommand implements Callable<Integer> {
    @Mixin
    HelpOption helpOption = new HelpOption();

    @Option(names = "--device", description = "The tun device (default: ${DEFAULT-VALUE}).")
    String device = "label0";

    @Option(
            names = "--address",
            required = true,
            paramLabel = "INSIDE=OUTSIDE",
            description = "What programs here use, and as what others know it; once for a family.")
    List<String> addresses = List.of();

    @Spec
    @SuppressWarnings("NullAway.Init") // by picocli
    CommandSpec spec;

    @Override
    public Integer call() {
        Privileges.requireRoot("./sojourn label-host", "it makes a tun device");
        List<LabelHost.Address> known = new ArrayList<>();
        addresses.forEach(text -> known.add(address(text)));
        try (LabelHost host = LabelHost.open(device, known)) {
            Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().unstarted(() -> {
                spec.commandLine().getOut().println(host.summary());
                spec.commandLine().getOut().flush();
                host.close();
            }));
            spec.commandLine().getOut().println("ready: " + String.join(", ", addresses) + " on " + device);
            spec.commandLine().getOut().flush();
            host.run();
            return 0;
        } catch (GatewayException e) {
            throw new CommandFailure(String.valueOf(e.getMessage()));
        }
    }

    private static LabelHost.Address address(String text) {
        int equals = text.indexOf('=');
        try {
            IpAddress inside = IpAddress.parse(text.substring(0, Math.max(0, equals)));
            IpAddress outside = IpAddress.parse(text.substring(equals + 1));
            if (equals > 0 && inside.isV6() == outside.isV6()) {
                return new LabelHost.Address(inside, outside);
            }
        } catch (IllegalArgumentException e) {
            throw CommandFailure.wrongUse("--address " + text + ": " + e.getMessage());
        }
        throw CommandFailure.wrongUse(
                "--address " + text + ": two addresses of one family, as in 10.99.0.99=192.0.2.99");
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import io.sojourn.dns.LocatorLookup;
import io.sojourn.gateway.GatewayException;
import io.sojourn.gateway.IlnpHost;
import io.sojourn.ilnp.Advertised;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.location.Locator;
import io.sojourn.model.location.Locator64;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
        name = "ilnp-host",
        description = "Give this Linux host ILNP, on a tun device, without a gateway. Needs root.",
        footer = {
            "",
            "The host's own routing does the rest; for identifier ::99, locator fd66:8::/64, uplink wan0 and peers in fd66::/16:",
            "  sysctl -w net.ipv6.conf.all.forwarding=1",
            "  ip -6 addr add fd6f::99/128 dev ilnp0 nodad",
            "  ip -6 route add fd66::/16 dev ilnp0 src fd6f::99",
            "  ip -6 route add fd66:8::/64 dev ilnp0",
            "  ip -6 rule add iif ilnp0 lookup 77",
            "  ip -6 route add default dev wan0 table 77"
        })
final class IlnpHostCommand implements Callable<Integer> {
    @Mixin
    HelpOption helpOption = new HelpOption();

    @Option(names = "--device", description = "The tun device (default: ${DEFAULT-VALUE}).")
    String device = "ilnp0";

    @Option(
            names = "--inside",
            required = true,
            paramLabel = "ADDRESS",
            description = "What programs here use; its lower 64 bits are the host's identifier.")
    String inside = "";

    @Option(
            names = "--locator",
            required = true,
            paramLabel = "PREFIX[@DEVICE]",
            description =
                    "A prefix of 64 bits that leads here, by way of that interface; may be given several times, the preferred first.")
    List<String> locators = List.of();

    @Option(
            names = "--dns",
            paramLabel = "ADDRESS:PORT",
            description = "Name server that is asked where somebody is who does not answer any more.")
    @Nullable
    String dns;

    @Option(
            names = "--peer",
            paramLabel = "NAME",
            description = "By which that server knows somebody; may be given several times.")
    List<String> peers = List.of();

    @Spec
    @SuppressWarnings("NullAway.Init") // by picocli
    CommandSpec spec;

    @Override
    public Integer call() {
        Logging.forProcess(false, false);
        Privileges.requireRoot("./sojourn ilnp-host", "it makes a tun device");
        IpAddress address = address();
        List<IlnpHost.Uplink> known = locators.stream().map(this::uplink).toList();
        String server = dns;
        if (server == null != peers.isEmpty()) {
            throw CommandFailure.wrongUse("--dns and --peer are of use together");
        }
        try (IlnpHost host = IlnpHost.open(device, address, known)) {
            Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().unstarted(() -> {
                spec.commandLine().getOut().println(host.summary());
                spec.commandLine().getOut().flush();
                host.close();
            }));
            spec.commandLine().getOut().println("ready: " + address + " on " + device);
            spec.commandLine().getOut().flush();
            if (server != null) {
                host.rediscoverBy(names(server), peers);
            }
            host.run();
            return 0;
        } catch (GatewayException e) {
            throw new CommandFailure(String.valueOf(e.getMessage()));
        }
    }

    private IpAddress address() {
        try {
            IpAddress address = IpAddress.parse(inside);
            if (address.isV6()) {
                return address;
            }
        } catch (IllegalArgumentException e) {
            throw CommandFailure.wrongUse("--inside " + inside + ": " + e.getMessage());
        }
        throw CommandFailure.wrongUse("--inside " + inside + ": ILNP wants an IPv6 address");
    }

    private static IlnpHost.Names names(String server) {
        Locator address;
        try {
            address = Locator.parse(server);
        } catch (IllegalArgumentException e) {
            throw CommandFailure.wrongUse("--dns " + server + ": " + e.getMessage());
        }
        LocatorLookup lookup = new LocatorLookup(address.toSocketAddress());
        return name -> {
            LocatorLookup.Answer answer = lookup.find(name);
            return new IlnpHost.Found(
                    answer.identifiers(),
                    answer.locators().stream()
                            .map(l -> new Advertised(new Locator64(l.locator()), l.preference(), l.lifetimeS()))
                            .toList());
        };
    }

    private IlnpHost.Uplink uplink(String text) {
        int at = text.indexOf('@');
        return new IlnpHost.Uplink(
                at < 0 ? "" : text.substring(at + 1), locator(at < 0 ? text : text.substring(0, at)));
    }

    private Locator64 locator(String text) {
        try {
            IpPrefix prefix = IpPrefix.parse(text);
            if (prefix.address().isV6() && prefix.length() == Locator64.BITS) {
                return new Locator64(prefix.address().high());
            }
        } catch (IllegalArgumentException e) {
            throw CommandFailure.wrongUse("--locator " + text + ": " + e.getMessage());
        }
        throw CommandFailure.wrongUse("--locator " + text + ": a locator is an IPv6 prefix of 64 bits");
    }
}

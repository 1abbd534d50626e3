// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import io.sojourn.lab.Command;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What moves in the training run: machines without a disk, whose firmware finds nothing to start and waits, between two bridges of one host. Everything that gateways, controller
 * and hypervisors do in a move they do for these, too. One goes each way: of two gateways on a host only the first gets its tap into a network, and what is done at a tap is done at
 * a source and at a destination.
 */
final class TrainingMachine {
    /** Of the two gateways. */
    static final List<String> SITES = List.of("a", "b");

    private static final String TEMPLATE = """
            networks:
              - {name: train, bridge: br-%s}
            templates:
              default:
                command: [%s]
            """;
    private static final int STARTS_WITHIN_POLLS = 100;
    private static final int POLL_MS = 50;

    private TrainingMachine() {}

    /** Bridges, and the machines' first taps. */
    static void prepareHost() {
        ip("link set lo up");
        for (String site : SITES) {
            ip("link add br-" + site + " type bridge mcast_snooping 0 forward_delay 0");
            ip("link set br-" + site + " up");
            ip("tuntap add dev tap-" + site + " mode tap");
            ip("link set tap-" + site + " master br-" + site);
            ip("link set tap-" + site + " up");
        }
    }

    private static void ip(String words) {
        Command.run(("ip " + words).split(" ", -1));
    }

    /** The part of a {@code gateway.yaml} that lets the site have machines. */
    static String hostedAt(String site) {
        String words = command("${mac.0}", "${tap.0}").stream()
                .map(word -> '"' + word + '"')
                .collect(Collectors.joining(", "));
        return TEMPLATE.formatted(site, words);
    }

    /** Starts the machines; what an operator would type to have them moved, in this order. */
    static List<String> start(Path folder) throws IOException {
        List<String> lines = new ArrayList<>();
        lines.add("network create train --subnet 10.10.1.0/24,home=a --subnet 10.10.2.0/24,home=b");
        for (int i = 0; i < SITES.size(); i++) {
            String site = SITES.get(i);
            String other = SITES.get(1 - i);
            String mac = "52:54:00:00:00:0" + (i + 1);
            Path qmp = folder.resolve("qmp-" + site);
            List<String> command = command(mac, "tap-" + site);
            command.addAll(List.of("-qmp", "unix:" + qmp + ",server=on,wait=off"));
            new ProcessBuilder(command)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start();
            await(qmp);
            lines.add("vm add from-" + site + " --network train --mac " + mac + " --address 10.10." + (i + 1)
                    + ".9 --tap tap-" + site + " --site " + site + " --template default --hypervisor qemu+unix://"
                    + qmp);
            lines.add("migrate from-" + site + " --to " + other + " --watch");
            lines.add("certificate from-" + site + "-e2");
        }
        lines.add("migrations");
        return lines;
    }

    private static void await(Path qmp) {
        for (int i = 0; i < STARTS_WITHIN_POLLS && !Files.exists(qmp); i++) {
            try {
                Thread.sleep(POLL_MS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    /** The memory is a size with which every QEMU moves a machine right (hypervisor.TcgMemory). */
    private static List<String> command(String mac, String tap) {
        List<String> words = new ArrayList<>(List.of("qemu-system-x86_64", "-nodefaults", "-no-user-config"));
        words.addAll(List.of("-display", "none", "-machine", "pc,accel=tcg", "-m", "16448K"));
        words.addAll(List.of("-netdev", "tap,id=n,script=no,downscript=no,ifname=" + tap));
        words.addAll(List.of("-device", "virtio-net-pci,netdev=n,romfile=,mac=" + mac));
        return words;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import io.sojourn.lab.Child;
import io.sojourn.lab.Command;
import io.sojourn.lab.Place;
import io.sojourn.lab.Run;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import java.util.stream.Stream;

/** Other people's user-level overlays, as Debian packages them, each with the knobs that its documentation recommends for speed. */
record PeerWay(String name, String version, Bed bed, List<Child> carriers, boolean carriesV6) implements Way {
    private static final int BUFFER_BYTES = 4 << 20;

    /** Those that are installed, by name. */
    static Map<String, Supplier<Way>> makers(Run run) {
        Map<String, Supplier<Way>> makers = new LinkedHashMap<>();
        if (installed("nebula", "nebula-cert")) {
            makers.put("nebula", () -> nebula(run));
        }
        if (installed("wireguard-go", "wg")) {
            makers.put("wireguard-go", () -> wireguard(run));
        }
        if (installed("openvpn", "openssl")) {
            makers.put("openvpn", () -> openvpn(run));
        }
        return makers;
    }

    private static boolean installed(String... programs) {
        for (String program : programs) {
            boolean found = Stream.of("/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/sbin/")
                    .anyMatch(folder -> Files.isExecutable(Path.of(folder + program)));
            if (!found) {
                return false;
            }
        }
        return true;
    }

    /** The version of the Debian package; {@code unknown} elsewhere. */
    private static String packaged(String name) {
        Command.Outcome outcome =
                Command.attempt(List.of("sh", "-c", "dpkg-query -W -f='${Version}' " + name), Map.of(), null);
        return outcome.status() == 0 ? outcome.out().strip() : "unknown";
    }

    /** Nebula with 4 MiB socket buffers and batches of 64 (its config.yml, "listen"). */
    private static PeerWay nebula(Run run) {
        Bed bed = Bed.build(run, "ne", false, 1440);
        Path folder = folder(run, "nebula");
        Command.run(
                "nebula-cert", "ca", "-name", "bench", "-out-crt", folder + "/ca.crt", "-out-key", folder + "/ca.key");
        for (int i = 1; i <= 2; i++) {
            Command.run(
                    "nebula-cert",
                    "sign",
                    "-ca-crt",
                    folder + "/ca.crt",
                    "-ca-key",
                    folder + "/ca.key",
                    "-name",
                    "g" + i,
                    "-ip",
                    "10.98.0." + i + "/24",
                    "-subnets",
                    "10.10." + i + ".0/24",
                    "-out-crt",
                    folder + "/g" + i + ".crt",
                    "-out-key",
                    folder + "/g" + i + ".key");
        }
        List<Child> carriers =
                List.of(nebula(run, bed.gatewayA, folder, 1, 2), nebula(run, bed.gatewayB, folder, 2, 1));
        awaitDevice(bed, "neb0");
        return new PeerWay("nebula", packaged("nebula"), bed, carriers, false);
    }

    private static Child nebula(Run run, Place place, Path folder, int own, int other) {
        String config = """
                pki: {ca: %1$s/ca.crt, cert: %1$s/g%2$d.crt, key: %1$s/g%2$d.key}
                static_host_map: {"10.98.0.%3$d": ["100.64.0.%3$d:4242"]}
                lighthouse: {am_lighthouse: false}
                listen: {host: 0.0.0.0, port: 4242, batch: 64, read_buffer: %4$d, write_buffer: %4$d}
                cipher: aes
                tun:
                  dev: neb0
                  mtu: 1440
                  tx_queue: 5000
                  unsafe_routes: [{route: 10.10.%3$d.0/24, via: 10.98.0.%3$d, mtu: 1440}]
                logging: {level: warning, format: text}
                firewall:
                  outbound: [{port: any, proto: any, host: any}]
                  inbound: [{port: any, proto: any, host: any}]
                """.formatted(folder, own, other, BUFFER_BYTES);
        Path file = write(folder, "g" + own + ".yml", config);
        return Child.start(run, place, "nebula-" + own, List.of("nebula", "-config", file.toString()));
    }

    private static PeerWay wireguard(Run run) {
        Bed bed = Bed.build(run, "wg", false, 1420);
        Path folder = folder(run, "wireguard");
        String[] keys = {"", key(folder, 1), key(folder, 2)};
        List<Child> carriers = List.of(
                wireguard(run, bed.gatewayA, folder, 1, 2, keys), wireguard(run, bed.gatewayB, folder, 2, 1, keys));
        bed.route(
                "dev wg" + run.prefix() + "1",
                "dev wg" + run.prefix() + "2",
                true,
                "dev wg" + run.prefix() + "1",
                "dev wg" + run.prefix() + "2");
        return new PeerWay("wireguard-go", packaged("wireguard-go"), bed, carriers, true);
    }

    private static String key(Path folder, int number) {
        write(folder, number + ".key", Command.run("wg", "genkey"));
        return Command.run("sh", "-c", "wg pubkey < " + folder + "/" + number + ".key")
                .strip();
    }

    private static Child wireguard(Run run, Place place, Path folder, int own, int other, String[] keys) {
        // Its control socket is in /var/run, which namespaces share: the name must be this run's.
        String device = "wg" + run.prefix() + own;
        Child child = Child.start(run, place, "wireguard-go-" + own, List.of("wireguard-go", "-f", device));
        await(
                () -> Command.attempt(place.command(List.of("wg", "show", device)), Map.of(), null)
                                .status()
                        == 0,
                device);
        place.run(
                "wg",
                "set",
                device,
                "listen-port",
                "51820",
                "private-key",
                folder + "/" + own + ".key",
                "peer",
                keys[other],
                "endpoint",
                "100.64.0." + other + ":51820",
                "allowed-ips",
                "10.10." + other + ".0/24,fd10:10:" + other + "::/64");
        place.ip(List.of("link set " + device + " mtu 1420 up"));
        return child;
    }

    /** OpenVPN between two peers, AES-256-GCM, 4 MiB buffers, {@code --fast-io} (openvpn(8)). */
    private static PeerWay openvpn(Run run) {
        Bed bed = Bed.build(run, "ov", false, 1420);
        Path folder = folder(run, "openvpn");
        for (int i = 1; i <= 2; i++) {
            Command.run(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=g"
                            + i + " -keyout " + folder + "/" + i + ".key -out " + folder + "/" + i + ".crt")
                    .split(" "));
        }
        List<Child> carriers = List.of(
                openvpn(run, bed.gatewayA, folder, 1, 2, "server"), openvpn(run, bed.gatewayB, folder, 2, 1, "client"));
        awaitDevice(bed, "ovpn0");
        bed.route("dev ovpn0", "dev ovpn0", false, "", "");
        return new PeerWay("openvpn", packaged("openvpn"), bed, carriers, false);
    }

    private static Child openvpn(Run run, Place place, Path folder, int own, int other, String role) {
        String fingerprint = Command.run(
                        "openssl", "x509", "-fingerprint", "-sha256", "-noout", "-in", folder + "/" + other + ".crt")
                .strip()
                .replaceAll(".*=", "");
        String line = "openvpn --dev ovpn0 --dev-type tun --proto udp --local 100.64.0." + own + " --remote 100.64.0."
                + other
                + " --port 1194 --ifconfig 10.97.0." + own + " 10.97.0." + other + " --tls-" + role
                + " --dh none --cert "
                + folder + "/" + own + ".crt --key " + folder + "/" + own + ".key --peer-fingerprint " + fingerprint
                + " --data-ciphers AES-256-GCM --sndbuf " + BUFFER_BYTES + " --rcvbuf " + BUFFER_BYTES
                + " --fast-io --txqueuelen 5000 --tun-mtu 1420 --mssfix 0 --verb 1";
        return Child.start(run, place, "openvpn-" + own, List.of(line.split(" ")));
    }

    private static void awaitDevice(Bed bed, String device) {
        for (Place place : List.of(bed.gatewayA, bed.gatewayB)) {
            await(
                    () -> Command.attempt(
                                    place.command(List.of("ip", "-o", "-4", "addr", "show", "dev", device)),
                                    Map.of(),
                                    null)
                            .out()
                            .contains("inet"),
                    device);
        }
    }

    private static void await(java.util.function.BooleanSupplier condition, String device) {
        long deadline = System.nanoTime() + 20_000_000_000L;
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new BenchException("device " + device + " did not appear within 20 s");
            }
            LockSupport.parkNanos(20_000_000);
        }
    }

    private static Path folder(Run run, String name) {
        try {
            return Files.createDirectories(run.folder().resolve(name));
        } catch (IOException e) {
            throw new BenchException("cannot make a folder in " + run.folder() + ": " + e.getMessage(), e);
        }
    }

    private static Path write(Path folder, String name, String text) {
        try {
            return Files.writeString(folder.resolve(name), text);
        } catch (IOException e) {
            throw new BenchException("cannot write in " + folder + ": " + e.getMessage(), e);
        }
    }
}

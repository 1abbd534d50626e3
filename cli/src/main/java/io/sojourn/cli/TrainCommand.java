// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import io.sojourn.controller.ControllerConfig;
import io.sojourn.controller.ControllerProcess;
import io.sojourn.gateway.GatewayConfigReader;
import io.sojourn.gateway.GatewayProcess;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.net.DatagramSocket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import tools.jackson.databind.JsonNode;

/**
 * The training run of the AOT cache (JEP 483, JEP 514): goes through help, then starts a controller and two gateways on loopback, asks them what an operator asks and has them move a machine
 * if it may, so that what all of these need is in the cache. A class, a lambda or a system call that is come by for the first time in the middle of a move costs packets up to 25 ms. What fails
 * is left out of the cache and does no harm.
 */
@Command(name = "train", hidden = true, description = "Go through everything once, for the AOT cache.")
final class TrainCommand implements Runnable {
    private static final int POLLS = 50;
    private static final int POLL_MS = 100;

    @Option(
            names = "--apart",
            description = "This process has a network namespace of its own: it may make bridges there, and start QEMU.")
    private boolean apart;

    @Override
    public void run() {
        CommandLine top = quiet();
        top.getSubcommands().values().forEach(command -> command.usage(new PrintWriter(Writer.nullWriter())));
        top.execute("--help");
        top.execute("migrate", "--no-such-option");
        Logging.forProcess(false, false);
        try {
            Path folder = Files.createTempDirectory("sojourn-train");
            try {
                withProcesses(folder);
            } finally {
                delete(folder);
            }
        } catch (IOException e) {
            throw new CommandFailure("training: " + CommandFailure.reason(e), e);
        }
    }

    private void withProcesses(Path folder) throws IOException {
        Path controllerYaml =
                Files.writeString(folder.resolve("controller.yaml"), """
                rest: 127.0.0.1:0
                grpc: 127.0.0.1:0
                state-dir: %s
                """.formatted(folder.resolve("controller")));
        if (apart) {
            TrainingMachine.prepareHost();
        }
        List<GatewayProcess> gateways = new ArrayList<>();
        try (ControllerProcess controller = ControllerProcess.start(ControllerConfig.load(controllerYaml))) {
            String url = "http://127.0.0.1:" + controller.restPort();
            try {
                for (String site : TrainingMachine.SITES) {
                    gateways.add(gateway(folder, site, controller.grpcPort(), url));
                }
                awaitGateways(url);
            } catch (RuntimeException e) {
                System.out.println("training without gateways: " + CommandFailure.reason(e));
            }
            ask(url);
            if (apart) {
                TrainingMachine.start(folder).forEach(line -> ask(url, line));
            }
        } finally {
            gateways.forEach(GatewayProcess::close);
            ProcessHandle.current().descendants().forEach(ProcessHandle::destroyForcibly);
        }
    }

    private GatewayProcess gateway(Path folder, String site, int grpcPort, String url) throws IOException {
        Path yaml = Files.writeString(
                folder.resolve("gateway-" + site + ".yaml"),
                """
                gateway: gw-%1$s
                site: %1$s
                controller: 127.0.0.1:%2$d
                enrolment-token: %3$s
                listen: 127.0.0.1:%4$d
                state-dir: %5$s
                accel: tcg
                """.formatted(site, grpcPort, token(url, site), freeUdpPort(), folder.resolve("gateway-" + site))
                        + (apart ? TrainingMachine.hostedAt(site) : ""));
        return GatewayProcess.start(GatewayConfigReader.read(yaml));
    }

    private static String token(String url, String site) {
        return client(url)
                .post("/v1/gateway-tokens", GatewayCommand.Token.request(site + "/gw-" + site, null))
                .path("token")
                .asString("");
    }

    private static ControllerClient client(String url) {
        return new ControllerClient(URI.create(url), null, Optional.empty());
    }

    private static void awaitGateways(String url) {
        for (int i = 0; i < POLLS; i++) {
            int connected = 0;
            for (JsonNode gateway : client(url).get("/v1/gateways").path("items")) {
                connected += gateway.path("connected").asBoolean(false) ? 1 : 0;
            }
            if (connected == TrainingMachine.SITES.size()) {
                return;
            }
            try {
                Thread.sleep(POLL_MS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return;
            }
        }
    }

    private static void ask(String url) {
        for (String line : new String[] {
            "network create train --subnet 10.10.1.0/24,home=a",
            "vm add train --network train --mac 52:54:00:00:00:01 --address 10.10.1.2 --site a",
            "status",
            "vms",
            "gateways",
            "migrations",
            "vms --json",
            "migrate train --to train --watch",
            "vm remove train",
            "network delete train"
        }) {
            ask(url, line);
        }
    }

    private static void ask(String url, String line) {
        int status = quiet().execute((line + " --controller " + url).split(" ", -1));
        System.out.println(status + " " + line);
    }

    private static int freeUdpPort() throws IOException {
        try (DatagramSocket socket = new DatagramSocket()) {
            return socket.getLocalPort();
        }
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }

    private static CommandLine quiet() {
        PrintWriter nowhere = new PrintWriter(Writer.nullWriter());
        return Sojourn.commandLine().setOut(nowhere).setErr(nowhere);
    }
}

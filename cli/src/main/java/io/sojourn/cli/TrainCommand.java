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
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.Optional;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/**
 * The training run of the AOT cache (JEP 483, JEP 514): goes through help, then starts a controller and a gateway without networks on loopback and
 * asks them what an operator asks, so that the classes all of these need are in the cache. What fails is left out of the cache and does no harm.
 */
@Command(name = "train", hidden = true, description = "Go through everything once, for the AOT cache.")
final class TrainCommand implements Runnable {
    private static final int POLLS = 50;
    private static final int POLL_MS = 100;

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

    private static void withProcesses(Path folder) throws IOException {
        Path controllerYaml =
                Files.writeString(folder.resolve("controller.yaml"), """
                rest: 127.0.0.1:0
                grpc: 127.0.0.1:0
                state-dir: %s
                """.formatted(folder.resolve("controller")));
        try (ControllerProcess controller = ControllerProcess.start(ControllerConfig.load(controllerYaml))) {
            String url = "http://127.0.0.1:" + controller.restPort();
            Path gatewayYaml = Files.writeString(folder.resolve("gateway.yaml"), """
                    gateway: gw-train
                    site: train
                    controller: 127.0.0.1:%d
                    enrolment-token: %s
                    listen: 127.0.0.1:%d
                    state-dir: %s
                    accel: tcg
                    """.formatted(
                            controller.grpcPort(), token(url), freeUdpPort(), folder.resolve("gateway")));
            try (GatewayProcess gateway = GatewayProcess.start(GatewayConfigReader.read(gatewayYaml))) {
                awaitGateway(url);
                ask(url);
            } catch (RuntimeException e) {
                System.out.println("training without a gateway: " + CommandFailure.reason(e));
                ask(url);
            }
        }
    }

    private static String token(String url) {
        ControllerClient client = new ControllerClient(java.net.URI.create(url), null, Optional.empty());
        return client.post("/v1/gateway-tokens", GatewayCommand.Token.request("train/gw-train", null))
                .path("token")
                .asString("");
    }

    private static void awaitGateway(String url) {
        ControllerClient client = new ControllerClient(java.net.URI.create(url), null, Optional.empty());
        for (int i = 0; i < POLLS; i++) {
            if (client.get("/v1/gateways")
                    .path("items")
                    .path(0)
                    .path("connected")
                    .asBoolean(false)) {
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
            "network create train --subnet 10.10.1.0/24,home=train",
            "vm add train --network train --mac 52:54:00:00:00:01 --address 10.10.1.2 --site train",
            "status",
            "vms",
            "gateways",
            "migrations",
            "vms --json",
            "migrate train --to train --watch",
            "vm remove train",
            "network delete train"
        }) {
            quiet().execute((line + " --controller " + url).split(" ", -1));
        }
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

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/**
 * The training run of the AOT cache: goes through help and through client commands against a controller made of three answers, so that
 * the classes these need are in the cache (JEP 483, JEP 514).
 */
@Command(name = "train", hidden = true, description = "Go through the commands once, for the AOT cache.")
final class TrainCommand implements Runnable {
    private static final String EMPTY_LIST =
            "{\"revision\":1,\"items\":[],\"gateways\":[],\"paths\":[{\"from\":\"a\",\"to\":\"b\",\"rttUs\":1}]}";

    @Override
    public void run() {
        CommandLine top = quiet();
        top.getSubcommands().values().forEach(command -> command.usage(new PrintWriter(Writer.nullWriter())));
        top.execute("--help");
        top.execute("migrate", "--no-such-option");
        try {
            HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
            server.createContext("/", exchange -> {
                byte[] body = EMPTY_LIST.getBytes(StandardCharsets.UTF_8);
                exchange.sendResponseHeaders(200, body.length);
                exchange.getResponseBody().write(body);
                exchange.close();
            });
            server.start();
            String url = "http://127.0.0.1:" + server.getAddress().getPort();
            for (String command : new String[] {"status", "vms", "gateways", "migrations"}) {
                quiet().execute(command, "--controller", url);
                quiet().execute(command, "--controller", url, "--json");
            }
            quiet().execute("migrate", "a", "--to", "b", "--controller", url);
            server.stop(0);
        } catch (IOException e) {
            throw new CommandFailure("training without a client: " + CommandFailure.reason(e), e);
        }
    }

    private static CommandLine quiet() {
        PrintWriter nowhere = new PrintWriter(Writer.nullWriter());
        return Sojourn.commandLine().setOut(nowhere).setErr(nowhere);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.linux.Netns;
import io.sojourn.linux.Threads;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;

/** A network namespace of the lab, and what can be done inside it. {@code name} is what a person calls it, {@code namespace} carries the run's prefix. */
public record Place(String name, String namespace) {
    private static final int JUDGES_NICENESS = -10;

    /** A command line that runs {@code command} here. */
    public List<String> command(List<String> command) {
        List<String> all = new ArrayList<>(List.of("ip", "netns", "exec", namespace));
        all.addAll(command);
        return all;
    }

    public String run(String... command) {
        return Command.run(command(List.of(command)));
    }

    /** Configures interfaces: one line of {@code ip -batch} each. */
    public void ip(List<String> lines) {
        try {
            Path batch = Files.createTempFile("sojourn-ip", ".batch");
            try {
                Files.write(batch, lines, StandardCharsets.US_ASCII);
                Command.run("ip", "-n", namespace, "-batch", batch.toString());
            } finally {
                Files.delete(batch);
            }
        } catch (IOException e) {
            throw new LabException("cannot write a batch for ip: " + e.getMessage(), e);
        }
    }

    /** Kernel settings of this namespace, each {@code net/ipv4/...=value}. */
    public void sysctl(String... settings) {
        Netns.call(namespace, () -> {
            for (String setting : settings) {
                int equals = setting.indexOf('=');
                Files.writeString(Path.of("/proc/sys", setting.substring(0, equals)), setting.substring(equals + 1));
            }
            return Arrays.hashCode(settings);
        });
    }

    /** Runs a task on a thread of its own in here. Sockets it opens belong to this place for as long as they live. */
    public <T> T call(Callable<T> task) {
        return Netns.call(namespace, task);
    }

    /** Starts a platform thread in here; a daemon, since a lab ends when its main thread does. */
    public Thread start(String threadName, Runnable task) {
        return Thread.ofPlatform().daemon().name(threadName).start(() -> {
            Netns.enter(namespace);
            // A judge that is late itself would call the network late.
            Threads.setNiceness(JUDGES_NICENESS);
            task.run();
        });
    }
}

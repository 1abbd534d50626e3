// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * A process of the lab in one of its places, in a session of its own so that a Ctrl-C in the terminal reaches the lab alone, which then ends its children in order.
 * What it writes goes to {@code NAME.log} in the run's folder.
 */
public final class Child {
    /** Before what else the machine does, such as a build: its delays would look like the network's. */
    private static final int NICENESS = -10;

    /**
     * Three continents share this machine's processors. With the scheduler's autogroups (sched(7)) niceness counts only within a session, so a session
     * as a whole is weighed, too: a guest's before those of Java processes, whose packets are carried by real-time threads anyway.
     */
    private static final String WEIGHED = "[ -w /proc/self/autogroup ] && echo $0 >/proc/self/autogroup; exec \"$@\"";

    /** What a Java process is started with, a file for each role; as {@code ./sojourn} says, or where a module's tests find it. */
    private static final Path FLAGS =
            Path.of(System.getProperty("sojourn.flags", "../flags")).toAbsolutePath();

    private final String name;
    private final Process process;
    private final Path log;
    /** Where in the log this process begins: those of the same name before it wrote there, too. */
    private final long logStart;

    private Child(String name, Process process, Path log, long logStart) {
        this.name = name;
        this.process = process;
        this.log = log;
        this.logStart = logStart;
    }

    public static Child start(Run run, Place place, String name, List<String> command) {
        return start(run, place, name, command, NICENESS);
    }

    /** A guest computes whenever it likes: it goes behind what carries its packets, as a gateway sees to for those it launches. */
    static Child startGuest(Run run, Place place, String name, List<String> command) {
        return start(run, place, name, command, 0);
    }

    private static Child start(Run run, Place place, String name, List<String> command, int niceness) {
        List<String> line = new ArrayList<>(List.of("setsid", "sh", "-c", WEIGHED, niceness == 0 ? "-10" : "5"));
        line.addAll(List.of("nice", "-n", Integer.toString(niceness)));
        line.addAll(place.command(command));
        Path log = run.folder().resolve(name + ".log");
        try {
            long logStart = Files.exists(log) ? Files.size(log) : 0;
            Process process = new ProcessBuilder(line)
                    .redirectInput(Path.of("/dev/null").toFile())
                    .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                    .redirectErrorStream(true)
                    .directory(run.folder().toFile())
                    .start();
            // setsid and ip replace themselves: the number stays the program's.
            run.addProcess(process.pid(), name);
            return new Child(name, process, log, logStart);
        } catch (IOException e) {
            throw new LabException("cannot start " + name + ": " + e.getMessage(), e);
        }
    }

    /** One of our own programs, by the class path of this process. */
    public static Child startSojourn(Run run, Place place, String name, String... arguments) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.add("@" + FLAGS.resolve("common"));
        Path own = FLAGS.resolve(arguments[0]);
        command.add("@" + (Files.exists(own) ? own : FLAGS.resolve("command")));
        String aotCache = System.getProperty("sojourn.aot", "");
        if (!aotCache.isEmpty()) {
            // Made by ./sojourn for this very class path; a second less of start for each process.
            command.addAll(List.of("-XX:AOTCache=" + aotCache, "-Xlog:disable", "-Xlog:all=error:stderr"));
        }
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), "io.sojourn.cli.Sojourn"));
        command.addAll(List.of(arguments));
        return start(run, place, name, command);
    }

    /** Until {@code mark} is in a file that it writes. @throws LabException with its last line when it ends before, or takes longer */
    public void awaitText(Path file, String mark, Duration bound) {
        await(bound, () -> read(file).contains(mark));
    }

    /** Until it says that it is ready, in a line of its own that begins so. */
    public void awaitReady(Duration bound) {
        await(bound, () -> ownLog().lines().anyMatch(line -> line.startsWith("ready")));
    }

    /** @throws LabException with its last words if it has ended */
    public void requireAlive() {
        if (!process.isAlive()) {
            throw new LabException(name + " ended: " + lastLine(ownLog()) + " (log: " + log + ")");
        }
    }

    private void await(Duration bound, java.util.function.BooleanSupplier condition) {
        long deadline = System.nanoTime() + bound.toNanos();
        while (!condition.getAsBoolean()) {
            boolean dead = !process.isAlive();
            if (dead || System.nanoTime() > deadline) {
                throw new LabException(name + (dead ? " ended" : " was not ready within " + bound.toSeconds() + " s")
                        + ": " + lastLine(ownLog()) + " (log: " + log + ")");
            }
            try {
                process.waitFor(20, TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new LabException("interrupted while waiting for " + name, e);
            }
        }
    }

    /** Asks it to end, and waits until it has; by force after five seconds. */
    public void stop() {
        process.destroy();
        try {
            if (!process.waitFor(5, TimeUnit.SECONDS)) {
                process.destroyForcibly().waitFor();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LabException("interrupted while " + name + " was to end", e);
        }
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    public long pid() {
        return process.pid();
    }

    public String name() {
        return name;
    }

    public Path log() {
        return log;
    }

    private String ownLog() {
        String all = read(log);
        return all.substring((int) Math.min(logStart, all.length()));
    }

    /** SIGKILL; returns when it is gone. */
    void kill() {
        process.destroyForcibly();
        process.onExit().join();
    }

    private static String read(Path file) {
        try {
            return Files.exists(file) ? Files.readString(file, java.nio.charset.StandardCharsets.ISO_8859_1) : "";
        } catch (IOException e) {
            return "";
        }
    }

    private static String lastLine(String text) {
        List<String> lines = text.lines().filter(line -> !line.isBlank()).toList();
        return lines.isEmpty() ? "it said nothing" : lines.getLast();
    }
}

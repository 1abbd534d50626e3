// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * A real ssh client in a correspondent's place, logged in to the guest for the whole run: it types a numbered line twice a second into {@code cat} and checks
 * that it comes back.
 */
final class SshSession implements AutoCloseable {
    private static final Duration LINE_INTERVAL = Duration.ofMillis(500);
    private static final long STALL_NS = 10_000_000_000L;

    private final Process process;
    private final Place place;
    private final long intervalNs;
    private volatile long typed;
    private volatile long echoed;
    private volatile long mismatched;
    private volatile long progressNs = System.nanoTime();
    private volatile long echoedNs = progressNs;
    private volatile boolean ended;
    private volatile boolean closed;

    SshSession(Run run, Place place, GuestImage image, String address) {
        this(run, place, image, address, "cat", LINE_INTERVAL);
    }

    /** @param echo a program in the guest that gives each line back */
    SshSession(Run run, Place place, GuestImage image, String address, String echo, Duration interval) {
        this.place = place;
        this.intervalNs = interval.toNanos();
        try {
            process = new ProcessBuilder(command(run, place, image, address, echo))
                    .redirectError(ProcessBuilder.Redirect.appendTo(
                            run.folder().resolve("ssh.log").toFile()))
                    .start();
            run.addProcess(process.pid(), "ssh");
        } catch (IOException e) {
            throw new LabException("cannot start ssh: " + e.getMessage() + "; is openssh-client installed?", e);
        }
        Thread.ofVirtual().name("ssh-type").start(this::type);
        Thread.ofVirtual().name("ssh-read").start(this::read);
    }

    /** The command line that runs a program in a guest, seen from a place. */
    static List<String> command(Run run, Place place, GuestImage image, String address, String program) {
        Path knownHosts = run.folder().resolve("known_hosts-" + address);
        try {
            Files.writeString(knownHosts, address + " " + image.hostKey() + "\n");
        } catch (IOException e) {
            throw new LabException("cannot write " + knownHosts + ": " + e.getMessage(), e);
        }
        return place.command(List.of(
                "ssh",
                "-F",
                "none",
                "-i",
                image.sshKey().toString(),
                "-o",
                "IdentitiesOnly=yes",
                "-o",
                "BatchMode=yes",
                "-o",
                "LogLevel=ERROR",
                "-o",
                "UserKnownHostsFile=" + knownHosts,
                "root@" + address,
                program));
    }

    Place place() {
        return place;
    }

    void awaitFirstEcho(Duration bound) {
        long deadline = System.nanoTime() + bound.toNanos();
        while (echoed == 0) {
            if (ended || System.nanoTime() > deadline) {
                throw new LabException("no SSH session from " + place.name() + " to the guest");
            }
            LockSupport.parkNanos(20_000_000);
        }
    }

    boolean isBroken() {
        return ended && !closed || typed > echoed && System.nanoTime() - progressNs > STALL_NS;
    }

    /** A line has come back since then. */
    boolean caughtUpSince(long ns) {
        return echoedNs - ns > 0;
    }

    /** Lines that came back different from what was typed. */
    long mismatched() {
        return mismatched;
    }

    long echoed() {
        return echoed;
    }

    @Override
    public void close() {
        closed = true;
        process.destroy();
    }

    private static String line(long number) {
        return "line " + number + " of an SSH session that does not notice";
    }

    private void type() {
        try (OutputStream keyboard = process.getOutputStream()) {
            while (!closed && !ended) {
                if (typed == echoed) {
                    progressNs = System.nanoTime();
                }
                keyboard.write((line(typed) + "\n").getBytes(StandardCharsets.US_ASCII));
                keyboard.flush();
                typed++;
                LockSupport.parkNanos(intervalNs);
            }
        } catch (IOException e) {
            ended = true;
        }
    }

    private void read() {
        try (BufferedReader screen =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII))) {
            String line;
            while ((line = screen.readLine()) != null) {
                if (!line.equals(line(echoed))) {
                    mismatched++;
                }
                echoed++;
                progressNs = System.nanoTime();
                echoedNs = progressNs;
            }
        } catch (IOException e) {
            // ended, one way or the other
        }
        ended = true;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/** {@code ping}, five times a second from a correspondent to the guest; what it prints is read, as a person would. */
final class PingProbe implements AutoCloseable {
    private static final Pattern REPLY = Pattern.compile("(?:icmp_)?seq=(\\d+) .*time=([0-9.]+) ms(.*)");
    private static final double INTERVAL_S = 0.2;

    private final Process process;
    private final BitSet answered = new BitSet();
    private long duplicated;
    private long reordered;
    private int highest;

    /** What a stretch of it shows. */
    record Figures(long lost, long duplicated, long reordered) {}

    PingProbe(Run run, Place place, String address) {
        this(run, place.command(List.of("ping", "-n", "-i", Double.toString(INTERVAL_S), "-s", "56", address)));
    }

    private PingProbe(Run run, List<String> command) {
        try {
            process = new ProcessBuilder(command).redirectErrorStream(true).start();
            run.addProcess(process.pid(), "ping");
        } catch (IOException e) {
            throw new LabException("cannot start ping: " + e.getMessage() + "; is iputils-ping installed?", e);
        }
        Thread.ofVirtual().name("ping").start(this::read);
    }

    /** A ping that some other program runs for us, such as one in a guest. */
    static PingProbe within(Run run, List<String> command) {
        return new PingProbe(run, command);
    }

    /** The highest number that has been answered. */
    synchronized int mark() {
        return highest;
    }

    /** Waits until something after {@code number} was answered, so that silence is not taken for an end. */
    void awaitAfter(int number, long deadlineNs) {
        while (mark() <= number && System.nanoTime() < deadlineNs) {
            LockSupport.parkNanos(20_000_000);
        }
    }

    /** Numbers after {@code begin} up to {@code end} that nobody has answered. */
    synchronized List<Integer> unanswered(int begin, int end) {
        return IntStream.rangeClosed(begin + 1, end)
                .filter(number -> !answered.get(number))
                .boxed()
                .toList();
    }

    /** Numbers after {@code begin} up to {@code end}, and what came twice or late since the last call. */
    synchronized Figures figures(int begin, int end) {
        Figures figures = new Figures(unanswered(begin, end).size(), duplicated, reordered);
        duplicated = 0;
        reordered = 0;
        return figures;
    }

    @Override
    public void close() {
        process.destroy();
    }

    private void read() {
        try (BufferedReader screen =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.US_ASCII))) {
            String line;
            while ((line = screen.readLine()) != null) {
                Matcher reply = REPLY.matcher(line);
                if (reply.find()) {
                    note(Integer.parseInt(reply.group(1)), reply.group(3).contains("DUP"));
                }
            }
        } catch (IOException e) {
            // it has been ended
        }
    }

    private synchronized void note(int number, boolean duplicate) {
        if (duplicate) {
            duplicated++;
            return;
        }
        if (number < highest) {
            reordered++;
        }
        answered.set(number);
        highest = Math.max(highest, number);
    }
}

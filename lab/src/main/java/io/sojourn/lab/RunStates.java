// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * When hypervisors began and stopped to run their guest, as each of them wrote it down itself: QEMU's trace point {@code runstate_set} with its log backend,
 * {@code PID@SECONDS.MICROSECONDS:runstate_set current_run_state N (NAME) new_state N (NAME)}. Nobody between the hypervisor and the report.
 */
final class RunStates {
    private static final Pattern CHANGE = Pattern.compile(
            "(\\d+)@(\\d+)\\.(\\d{6}):runstate_set current_run_state \\d+ \\((\\S+)\\) new_state \\d+ \\((\\S+)\\)");
    private static final String RUNNING = "running";

    private RunStates() {}

    /** One change from or to running. */
    record Change(Path file, long atUs, boolean runs) {}

    /** The guest stood still from {@code pausedUs} at one hypervisor to {@code resumedUs} at another; microseconds since 1970. */
    record Pause(long pausedUs, long resumedUs) {
        double ms() {
            return (resumedUs - pausedUs) / 1_000.0;
        }
    }

    /** The pause of the VM's last move after {@code sinceUs} that the trace files below {@code folder} show. */
    static Optional<Pause> lastPause(Path folder, String vm, long sinceUs) {
        List<Change> changes = changes(folder).stream()
                .filter(change -> change.atUs() >= sinceUs
                        && change.file().getFileName().toString().startsWith(vm + "."))
                .toList();
        for (int i = changes.size() - 1; i > 0; i--) {
            Change resumed = changes.get(i);
            Change paused = changes.get(i - 1);
            if (resumed.runs() && !paused.runs() && !resumed.file().equals(paused.file())) {
                return Optional.of(new Pause(paused.atUs(), resumed.atUs()));
            }
        }
        return Optional.empty();
    }

    static List<Change> changes(Path folder) {
        List<Change> changes = new ArrayList<>();
        try (Stream<Path> files = Files.walk(folder)) {
            for (Path file : files.filter(f -> f.toString().endsWith(GuestPlan.TRACE_SUFFIX))
                    .toList()) {
                for (String line : Files.readAllLines(file)) {
                    parse(file, line).ifPresent(changes::add);
                }
            }
        } catch (IOException | java.io.UncheckedIOException e) {
            throw new LabException("cannot read the hypervisors' traces below " + folder + ": " + e.getMessage(), e);
        }
        changes.sort(Comparator.comparingLong(Change::atUs));
        return changes;
    }

    static Optional<Change> parse(Path file, String line) {
        Matcher matcher = CHANGE.matcher(line);
        if (!matcher.find()
                || matcher.group(4).equals(RUNNING) == matcher.group(5).equals(RUNNING)) {
            return Optional.empty();
        }
        long atUs = Long.parseLong(matcher.group(2)) * 1_000_000 + Long.parseLong(matcher.group(3));
        return Optional.of(new Change(file, atUs, matcher.group(5).equals(RUNNING)));
    }
}

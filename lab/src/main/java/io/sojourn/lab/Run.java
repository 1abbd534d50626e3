// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * One run of the lab and its folder, in which everything is written down before it is made: who owns the run, its namespaces, its processes. So whoever
 * comes after a crash can remove all of it and nothing else.
 *
 * <pre>
 *   owner        PID START-TIME         of the process that drives the run; absent once it stands by itself
 *   namespaces   a name a line
 *   processes    PID START-TIME NAME    a line
 * </pre>
 */
public final class Run {
    private static final Pattern PREFIX = Pattern.compile("[a-z][a-z0-9]{0,7}");

    private final String prefix;
    private final Path folder;

    private Run(String prefix, Path folder) {
        this.prefix = prefix;
        this.folder = folder;
    }

    /** A new run, owned by this process. An empty prefix: one is made up. */
    public static Run create(String wanted) {
        if (!wanted.isEmpty() && !PREFIX.matcher(wanted).matches()) {
            throw new LabException("prefix '" + wanted + "': use a letter, then up to 7 of a-z and 0-9");
        }
        String prefix = wanted.isEmpty()
                ? "sj"
                        + String.format(
                                Locale.ROOT, "%04x", ThreadLocalRandom.current().nextInt(0x10000))
                : wanted;
        Path folder = Folders.runs().resolve(prefix);
        try {
            Files.createDirectories(Folders.runs());
            Files.createDirectory(
                    folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            Run run = new Run(prefix, folder);
            long pid = ProcessHandle.current().pid();
            run.write("owner", pid + " " + ProcessTable.startTime(pid));
            return run;
        } catch (FileAlreadyExistsException e) {
            throw new LabException(
                    "a lab with prefix '" + prefix + "' is there already: 'sojourn lab down --prefix " + prefix
                            + "' removes it, another --prefix stands beside it",
                    e);
        } catch (IOException e) {
            throw new LabException("cannot make " + folder + " (" + e.getMessage() + "); the lab needs root", e);
        }
    }

    /** All that are written down, of any owner. */
    static List<Run> all() {
        List<Run> runs = new ArrayList<>();
        if (Files.isDirectory(Folders.runs())) {
            try (Stream<Path> folders = Files.list(Folders.runs())) {
                folders.filter(Files::isDirectory)
                        .forEach(folder -> runs.add(new Run(folder.getFileName().toString(), folder)));
            } catch (IOException e) {
                throw new LabException("cannot list " + Folders.runs() + ": " + e.getMessage(), e);
            }
        }
        return runs;
    }

    /** The run with this prefix; without one, the only run there is. */
    static Run standing(String prefix) {
        List<Run> runs = all().stream()
                .filter(run -> prefix.isEmpty() || run.prefix().equals(prefix))
                .toList();
        if (runs.size() != 1) {
            throw new LabException(
                    runs.isEmpty()
                            ? "no lab is up" + (prefix.isEmpty() ? "" : " with prefix " + prefix)
                                    + ": 'sojourn lab up' makes one"
                            : "several labs are up; say which with --prefix: "
                                    + String.join(
                                            ", ", runs.stream().map(Run::prefix).toList()));
        }
        return runs.getFirst();
    }

    public String prefix() {
        return prefix;
    }

    public Path folder() {
        return folder;
    }

    /** From now on the run stands without this process, until {@link #remove}. */
    void letStand() {
        try {
            Files.deleteIfExists(folder.resolve("owner"));
        } catch (IOException e) {
            throw new LabException("cannot write in " + folder + ": " + e.getMessage(), e);
        }
    }

    /** It has no owner: {@code lab up} made it. */
    boolean stands() {
        return !Files.exists(folder.resolve("owner"));
    }

    /** A live process other than this one drives it. */
    boolean isDriven() {
        for (String line : lines("owner")) {
            String[] words = line.split(" ", -1);
            long pid = Long.parseLong(words[0]);
            if (pid != ProcessHandle.current().pid() && ProcessTable.alive(pid, Long.parseLong(words[1]))) {
                return true;
            }
        }
        return false;
    }

    /** Its owner died before it could clean up. */
    boolean isDead() {
        return !stands() && !isDriven() && !isOurs();
    }

    private boolean isOurs() {
        return lines("owner").stream()
                .anyMatch(line -> line.startsWith(ProcessHandle.current().pid() + " "));
    }

    public Place addPlace(String name) {
        String namespace = prefix + "-" + name;
        append("namespaces", namespace);
        Command.run("ip", "netns", "add", namespace);
        return new Place(name, namespace);
    }

    List<Place> places() {
        return lines("namespaces").stream()
                .filter(namespace -> namespace.startsWith(prefix + "-"))
                .map(namespace -> new Place(namespace.substring(prefix.length() + 1), namespace))
                .toList();
    }

    void addProcess(long pid, String name) {
        append("processes", pid + " " + ProcessTable.startTime(pid) + " " + name);
    }

    /** Ends every process of the run, then removes its namespaces (interfaces and bridges go with them) and its folder. */
    public synchronized void remove() {
        for (String line : lines("processes")) {
            String[] words = line.split(" ", 3);
            ProcessTable.kill(Long.parseLong(words[0]), Long.parseLong(words[1]));
        }
        for (Place place : places()) {
            if (Files.exists(Path.of("/run/netns", place.namespace()))) {
                endProcesses(place);
                Command.run("ip", "netns", "del", place.namespace());
            }
        }
        try {
            GuestMemory.remove(this);
            Folders.delete(folder);
            try (Stream<Path> others = Files.list(Folders.runs())) {
                if (others.findAny().isEmpty()) {
                    Files.deleteIfExists(Folders.runs());
                }
            }
        } catch (IOException e) {
            throw new LabException("cannot delete " + folder + ": " + e.getMessage(), e);
        }
    }

    /** Whatever runs in a namespace of ours is ours: a gateway's QEMU, too, that nobody wrote down. */
    private static void endProcesses(Place place) {
        for (int attempt = 0; attempt < 100; attempt++) {
            String pids = Command.run("ip", "netns", "pids", place.namespace());
            if (pids.isBlank()) {
                return;
            }
            for (String pid : pids.strip().split("\\s+", -1)) {
                ProcessHandle.of(Long.parseLong(pid)).ifPresent(process -> {
                    process.destroyForcibly();
                    process.onExit()
                            .orTimeout(2, java.util.concurrent.TimeUnit.SECONDS)
                            .exceptionally(late -> process)
                            .join();
                });
            }
        }
        throw new LabException("processes in " + place.namespace() + " do not end");
    }

    /** As {@link #remove}, for when there is nobody left to tell. */
    public synchronized void removeQuietly() {
        try {
            if (Files.exists(folder)) {
                remove();
            }
        } catch (RuntimeException e) {
            System.err.println("lab " + prefix + " is not removed whole: " + e.getMessage()
                    + "; 'sojourn lab down' does the rest");
        }
    }

    private List<String> lines(String file) {
        try {
            return Files.readAllLines(folder.resolve(file));
        } catch (java.nio.file.NoSuchFileException e) {
            return List.of();
        } catch (IOException e) {
            throw new LabException("cannot read " + folder.resolve(file) + ": " + e.getMessage(), e);
        }
    }

    private void write(String file, String text) throws IOException {
        Files.writeString(folder.resolve(file), text + "\n");
    }

    private synchronized void append(String file, String line) {
        try {
            Files.writeString(
                    folder.resolve(file),
                    line + "\n",
                    StandardCharsets.UTF_8,
                    StandardOpenOption.CREATE,
                    StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new LabException("cannot write " + folder.resolve(file) + ": " + e.getMessage(), e);
        }
    }
}

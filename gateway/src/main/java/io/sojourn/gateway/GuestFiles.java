// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a gateway knows of its guests that must outlive it: a file a guest, named after its VM, with the path of its QMP socket (empty: not started yet) and the taps
 * that the gateway made, a line each. Those on their way in are kept apart, written before anything is made for them, so that whatever was made is found again.
 * Thread-safe, as each VM has one file at a time.
 */
final class GuestFiles {
    private static final Logger LOG = LoggerFactory.getLogger(GuestFiles.class);

    /** @param qmp empty when the gateway died before the hypervisor was there */
    record Remembered(String vm, Optional<Path> qmp, List<String> taps) {}

    private final Path hosted;
    private final Path arriving;

    /** @param stateDir holds {@code guests} and {@code arrivals} */
    GuestFiles(Path stateDir) {
        hosted = stateDir.resolve("guests");
        arriving = stateDir.resolve("arrivals");
    }

    /** A guest that lives here. */
    Optional<Remembered> hosted(String vm) {
        return read(hosted.resolve(vm));
    }

    /** A guest that was on its way in. */
    Optional<Remembered> arriving(String vm) {
        return read(arriving.resolve(vm));
    }

    List<Remembered> arriving() {
        List<Remembered> all = new ArrayList<>();
        if (Files.isDirectory(arriving)) {
            try (DirectoryStream<Path> files = Files.newDirectoryStream(arriving)) {
                for (Path file : files) {
                    if (!file.getFileName().toString().startsWith(".")) {
                        read(file).ifPresent(all::add);
                    }
                }
            } catch (IOException e) {
                throw new GatewayException("cannot look into " + arriving + ": " + e.getMessage(), e);
            }
        }
        return all;
    }

    /** @throws GatewayException if it cannot be written: then nothing may be made either */
    void expect(Remembered guest) {
        write(arriving.resolve(guest.vm()), guest);
    }

    /** It lives here from now on. */
    void settle(Remembered guest) {
        write(hosted.resolve(guest.vm()), guest);
        delete(arriving.resolve(guest.vm()));
    }

    /** It has left, or never came. Another hypervisor of the same VM stays remembered. */
    void forget(String vm, Path qmp) {
        forget(hosted.resolve(vm), qmp);
        forget(arriving.resolve(vm), qmp);
    }

    void forgetArrival(String vm) {
        delete(arriving.resolve(vm));
    }

    private static void forget(Path file, Path qmp) {
        if (read(file).flatMap(Remembered::qmp).filter(qmp::equals).isPresent()) {
            delete(file);
        }
    }

    private static Optional<Remembered> read(Path file) {
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        try {
            List<String> lines = Files.readAllLines(file);
            String qmp = lines.isEmpty() ? "" : lines.getFirst();
            return Optional.of(new Remembered(
                    file.getFileName().toString(),
                    qmp.isEmpty() ? Optional.empty() : Optional.of(Path.of(qmp)),
                    lines.isEmpty() ? List.of() : List.copyOf(lines.subList(1, lines.size()))));
        } catch (IOException e) {
            LOG.warn("cannot read {}: {}", file, e.getMessage());
            return Optional.empty();
        }
    }

    private static void write(Path file, Remembered guest) {
        List<String> lines = new ArrayList<>();
        lines.add(guest.qmp().map(Path::toString).orElse(""));
        lines.addAll(guest.taps());
        try {
            Files.createDirectories(file.getParent());
            Path fresh = file.resolveSibling("." + file.getFileName() + ".new"); // no VM's name begins so
            Files.write(fresh, lines);
            Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (IOException e) {
            throw new GatewayException("cannot remember VM " + guest.vm() + " in " + file + ": " + e.getMessage(), e);
        }
    }

    private static void delete(Path file) {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            LOG.warn("cannot delete {}: {}", file, e.getMessage());
        }
    }
}

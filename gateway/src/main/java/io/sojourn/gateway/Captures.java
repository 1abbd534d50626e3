// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.certificate.ClockOffset;
import io.sojourn.rpc.Role;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Files of what passed around flips, one a move, in a folder that holds only the last few. Times are by the source's clock at both
 * gateways, so that the two files of a move can be merged.
 */
final class Captures {
    private static final Logger LOG = LoggerFactory.getLogger(Captures.class);
    private static final int MOST_FILES = 16;

    private final Path folder;
    private final String gateway;

    Captures(Path folder, String gateway) {
        this.folder = folder;
        this.gateway = gateway;
    }

    /** What a gateway calls the file of a move. */
    static String fileName(String vm, long epoch) {
        return vm + "-e" + epoch + ".pcapng";
    }

    /** A ring that is complete. @param clock the other gateway's clock, if it was measured */
    record Captured(String vm, long epoch, String migration, Role role, PacketRing ring, Optional<ClockOffset> clock) {}

    /** Any thread but the forwarder's. A disk that is full costs the capture and nothing else. */
    void write(Captured captured) {
        Path file = folder.resolve(fileName(captured.vm(), captured.epoch()));
        try {
            Files.createDirectories(folder);
            removeOldest();
            Path draft = file.resolveSibling(file.getFileName() + ".new");
            try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(draft))) {
                write(captured, new PcapngFile(out));
            }
            Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
            LOG.info(
                    "VM {}: {} of {} frames around the flip kept in {}",
                    captured.vm(),
                    captured.ring().size(),
                    captured.ring().written(),
                    file);
        } catch (IOException e) {
            LOG.warn("VM {}: cannot keep what passed around the flip in {}: {}", captured.vm(), file, e.getMessage());
        }
    }

    private void write(Captured captured, PcapngFile file) throws IOException {
        PacketRing ring = captured.ring();
        boolean isSource = captured.role() == Role.SOURCE;
        long aheadUs =
                isSource ? 0 : captured.clock().map(ClockOffset::offsetUs).orElse(0L);
        String clock = isSource
                ? "its own clock"
                : captured.clock()
                        .map(c -> "the source's clock, give or take " + c.uncertaintyUs() + " us")
                        .orElse("its own clock, which could not be compared with the source's");
        file.begin(
                captured.vm() + "-e" + captured.epoch() + ", migration " + captured.migration() + ", at " + gateway
                        + ", " + captured.role() + "; times by " + clock,
                Arrays.stream(PacketRing.Way.values())
                        .map(PacketRing.Way::toString)
                        .toList(),
                PacketRing.SNAP_BYTES);
        // One reading for all: what is between two frames must not depend on a clock that is being corrected.
        long sinceBootNs = (WallClock.nowUs() + aheadUs) * 1_000 - System.nanoTime();
        for (int i = 0; i < ring.size(); i++) {
            file.packet(
                    ring.way(i).ordinal(),
                    sinceBootNs + ring.timeNs(i),
                    ring.frame(i),
                    ring.length(i),
                    comment(ring, i));
        }
        file.flush();
    }

    private static String comment(PacketRing ring, int i) {
        String peer = ring.peer(i);
        String way =
                peer.isEmpty() ? "to the guest" : (ring.way(i) == PacketRing.Way.FROM_WAN ? "from " : "to ") + peer;
        return way
                + (ring.epoch(i) == 0 ? "" : ", epoch " + ring.epoch(i))
                + (ring.frames(i) == 1 ? "" : ", " + ring.frames(i) + " segments");
    }

    private void removeOldest() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            List<Path> all = files.filter(file -> file.toString().endsWith(".pcapng"))
                    .sorted(Comparator.comparing(Captures::age))
                    .toList();
            for (Path file : all.subList(0, Math.max(0, all.size() - MOST_FILES + 1))) {
                Files.deleteIfExists(file);
            }
        }
    }

    private static long age(Path file) {
        return file.toFile().lastModified();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.handoff.JournalRecord;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * How far each handoff of this gateway is, one line a step. A process that is killed leaves what it has written to the
 * kernel; that is enough, for a host that loses its power loses its guests too.
 */
final class Journal implements AutoCloseable {
    private final FileChannel file;

    private Journal(FileChannel file) {
        this.file = file;
    }

    /** Opens the journal and gives the last record of each migration that had not ended to {@code unfinished}. */
    static Journal open(Path path, List<JournalRecord> unfinished) {
        try {
            Files.createDirectories(path.toAbsolutePath().getParent());
            Map<String, JournalRecord> last = new LinkedHashMap<>();
            if (Files.exists(path)) {
                for (String line : Files.readAllLines(path)) {
                    JournalRecord.parse(line)
                            .ifPresent(r -> last.put(r.role() + " " + r.plan().migration(), r));
                }
            }
            last.values().removeIf(r -> r.stage() == JournalRecord.Stage.ENDED);
            unfinished.addAll(last.values());
            // What has ended is forgotten here, so that the file stays as small as what is under way.
            Path fresh = path.resolveSibling(path.getFileName() + ".new");
            Files.write(fresh, last.values().stream().map(JournalRecord::toLine).toList());
            Files.move(fresh, path, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            return new Journal(FileChannel.open(path, StandardOpenOption.APPEND));
        } catch (IOException e) {
            throw new GatewayException(
                    "cannot use the journal " + path + ": " + e.getMessage() + "; see that state-dir is writable", e);
        }
    }

    void write(JournalRecord entry) {
        try {
            file.write(ByteBuffer.wrap((entry.toLine() + "\n").getBytes(StandardCharsets.UTF_8)));
        } catch (IOException e) {
            throw new GatewayException("cannot write the journal: " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        try {
            file.close();
        } catch (IOException e) {
            throw new GatewayException("cannot close the journal: " + e.getMessage(), e);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import com.fasterxml.jackson.annotation.JsonIgnore;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What every gateway's machines were told in a move that was not as it should be: {@code sojourn sim --incident FILES} tells it again. Taken before the lab is
 * removed, written beside the report.
 *
 * @param files names in the folder that is written beside the report; none if the move was as it should be
 * @param texts what is in them, by name
 */
public record Incident(List<String> files, @JsonIgnore Map<String, String> texts) {
    static final Incident NONE = new Incident(List.of(), Map.of());

    /** The event logs of the VM's move under this epoch, of every site. */
    static Incident of(Lab lab, String vm, long epoch, List<String> problems) {
        Map<String, String> texts = new TreeMap<>();
        for (Topology.Site site : lab.topology().sites()) {
            Path folder = lab.run().folder().resolve(site.name()).resolve("events");
            if (!Files.isDirectory(folder)) {
                continue;
            }
            try (DirectoryStream<Path> logs = Files.newDirectoryStream(folder, vm + "-e" + epoch + ".*.events")) {
                for (Path log : logs) {
                    texts.put(log.getFileName().toString(), Files.readString(log));
                }
            } catch (IOException | java.nio.file.DirectoryIteratorException e) {
                problems.add("cannot keep the event logs in " + folder + ": " + e.getMessage());
            }
        }
        return new Incident(List.copyOf(texts.keySet()), texts);
    }

    void write(Path folder) throws IOException {
        Files.createDirectories(folder);
        for (Map.Entry<String, String> log : texts.entrySet()) {
            Files.writeString(folder.resolve(log.getKey()), log.getValue());
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Optional;

/**
 * The guests' memory: a file in memory ({@code /dev/shm}) of each guest at each site, which stays until the run ends. A hypervisor ends at the source of every move, and would give it back to this
 * machine's kernel; where that hands what has been free for two seconds on to a host of its own (virtio-balloon, free page reporting), all processors stood still for 14 to 110 ms meanwhile, measured. What
 * the source's machine does is nothing to a guest at its destination, unless both are this one.
 *
 * @param folder of one site; empty: there is no such place, and the memory is the hypervisor's own
 */
record GuestMemory(Optional<Path> folder) {
    private static final Path SHARED = Path.of("/dev/shm");
    /** Of all guests of a run, and more than is left on a small machine. */
    private static final long WANTED_BYTES = 4L << 30;

    static GuestMemory at(Run run, String site) {
        Path folder = ofRun(run).resolve(site);
        try {
            if (!Files.getFileStore(SHARED).type().equals("tmpfs")
                    || Files.getFileStore(SHARED).getUsableSpace() < WANTED_BYTES) {
                return new GuestMemory(Optional.empty());
            }
            Files.createDirectories(
                    folder, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
            return new GuestMemory(Optional.of(folder));
        } catch (IOException e) {
            return new GuestMemory(Optional.empty());
        }
    }

    /** When all hypervisors have ended. */
    static void remove(Run run) throws IOException {
        Folders.delete(ofRun(run));
    }

    private static Path ofRun(Run run) {
        return SHARED.resolve("sojourn-" + run.prefix());
    }

    /** What {@code -machine} says of it. */
    String ofMachine() {
        return folder.isPresent() ? ",memory-backend=ram" : "";
    }

    /**
     * The hypervisor's words. What a guest touches for the first time just after it was resumed is there already: on a virtualised host a huge page can take 10 ms.
     */
    List<String> words() {
        return folder.map(path -> List.of(
                        "-object",
                        "memory-backend-file,id=ram,size=${memory},share=on,prealloc=on,mem-path=" + path
                                + "/${vm}.ram"))
                .orElse(List.of("-mem-prealloc"));
    }
}

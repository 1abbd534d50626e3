// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InitramfsTest {
    private static final int HEADER_BYTES = 110;

    @Test
    void entriesAreAlignedAndFoldersComeBeforeWhatIsInThem(@TempDir Path folder) throws Exception {
        Path file = folder.resolve("initrd.gz");
        try (Initramfs initramfs = new Initramfs(file)) {
            initramfs.file("etc/dropbear/key", 0600, "secret");
            initramfs.link("bin/sh", "busybox");
        }
        try (InputStream in = new GZIPInputStream(Files.newInputStream(file))) {
            assertThat(entries(in.readAllBytes()))
                    .containsExactly(
                            "40755 etc 0",
                            "40755 etc/dropbear 0",
                            "100600 etc/dropbear/key 6",
                            "40755 bin 0",
                            "120777 bin/sh 7",
                            "0 TRAILER!!! 0");
        }
    }

    private static List<String> entries(byte[] archive) {
        List<String> entries = new ArrayList<>();
        for (int at = 0; at < archive.length; ) {
            String header = new String(archive, at, HEADER_BYTES, US_ASCII);
            assertThat(header).startsWith("070701");
            int mode = Integer.parseInt(header.substring(14, 22), 16);
            int size = Integer.parseInt(header.substring(54, 62), 16);
            int nameSize = Integer.parseInt(header.substring(94, 102), 16);
            String name = new String(archive, at + HEADER_BYTES, nameSize - 1, US_ASCII);
            entries.add(Integer.toOctalString(mode) + " " + name + " " + size);
            at = align(at + HEADER_BYTES + nameSize);
            at = align(at + size);
        }
        return entries;
    }

    private static int align(int at) {
        return (at + 3) / 4 * 4;
    }
}

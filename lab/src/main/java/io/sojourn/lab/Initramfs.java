// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.zip.GZIPOutputStream;

/**
 * Writes a gzip'd cpio archive in the "new ASCII" format, the kernel's initramfs (Documentation/driver-api/early-userspace/buffer-format.rst).
 * Folders above an entry are made as needed; everything belongs to root and has time 0, so equal input gives equal bytes.
 */
final class Initramfs implements Closeable {
    private static final int FOLDER = 0040000;
    private static final int FILE = 0100000;
    private static final int LINK = 0120000;

    private final OutputStream out;
    private final Set<String> written = new TreeSet<>();
    private int inode = 1;

    Initramfs(Path file) throws IOException {
        out = new BufferedOutputStream(new GZIPOutputStream(Files.newOutputStream(file), 1 << 16), 1 << 16);
    }

    void folder(String path, int mode) throws IOException {
        if (!path.isEmpty() && written.add(path)) {
            parent(path);
            entry(path, FOLDER | mode, new byte[0]);
        }
    }

    void file(String path, int mode, byte[] content) throws IOException {
        if (written.add(path)) {
            parent(path);
            entry(path, FILE | mode, content);
        }
    }

    void file(String path, int mode, String content) throws IOException {
        file(path, mode, content.getBytes(StandardCharsets.UTF_8));
    }

    void link(String path, String target) throws IOException {
        if (written.add(path)) {
            parent(path);
            entry(path, LINK | 0777, target.getBytes(StandardCharsets.UTF_8));
        }
    }

    @Override
    public void close() throws IOException {
        entry("TRAILER!!!", 0, new byte[0]);
        out.close();
    }

    private void parent(String path) throws IOException {
        int slash = path.lastIndexOf('/');
        if (slash > 0) {
            folder(path.substring(0, slash), 0755);
        }
    }

    private void entry(String path, int mode, byte[] content) throws IOException {
        byte[] name = (path + '\0').getBytes(StandardCharsets.UTF_8);
        // magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
        String header = "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X"
                .formatted(inode++, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0);
        out.write(header.getBytes(StandardCharsets.US_ASCII));
        out.write(name);
        pad(header.length() + name.length);
        out.write(content);
        pad(content.length);
    }

    private void pad(int length) throws IOException {
        for (int i = length; i % 4 != 0; i++) {
            out.write(0);
        }
    }
}

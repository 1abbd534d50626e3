// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedSet;
import java.util.stream.Stream;

/**
 * The modules of an unpacked kernel package, in the order in which they can be loaded. The package has no {@code modules.dep} (depmod
 * writes it at installation), so the {@code depends=} line of each module's {@code .modinfo} section is read instead.
 */
final class KernelModules {
    private static final byte[] DEPENDS = "\0depends=".getBytes(StandardCharsets.US_ASCII);

    private final Map<String, Path> byName = new HashMap<>();

    KernelModules(Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            files.filter(file -> file.getFileName().toString().endsWith(".ko"))
                    .forEach(file -> byName.put(name(file), file));
        }
    }

    /** {@code wanted} and all they need, each after what it needs. A name that is no module is built into the kernel and left out. */
    List<Path> inLoadingOrder(List<String> wanted) throws IOException {
        SequencedSet<String> order = new LinkedHashSet<>();
        for (String module : wanted) {
            visit(module, order);
        }
        List<Path> files = new ArrayList<>();
        for (String module : order) {
            Path file = byName.get(module);
            if (file != null) {
                files.add(file);
            }
        }
        return files;
    }

    private void visit(String module, SequencedSet<String> order) throws IOException {
        Path file = byName.get(module);
        if (file == null || order.contains(module)) {
            return;
        }
        for (String needed : depends(Files.readAllBytes(file))) {
            visit(needed, order);
        }
        order.add(module);
    }

    static List<String> depends(byte[] module) {
        for (int i = 0; i + DEPENDS.length < module.length; i++) {
            if (startsAt(module, i)) {
                int start = i + DEPENDS.length;
                int end = start;
                while (end < module.length && module[end] != 0) {
                    end++;
                }
                String names = new String(module, start, end - start, StandardCharsets.US_ASCII);
                return names.isEmpty()
                        ? List.of()
                        : Stream.of(names.split(","))
                                .map(name -> name.replace('-', '_'))
                                .toList();
            }
        }
        return List.of();
    }

    private static boolean startsAt(byte[] module, int at) {
        for (int i = 0; i < DEPENDS.length; i++) {
            if (module[at + i] != DEPENDS[i]) {
                return false;
            }
        }
        return true;
    }

    private static String name(Path file) {
        String name = file.getFileName().toString();
        return name.substring(0, name.length() - ".ko".length()).replace('-', '_');
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.rpc.HostFacts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What this host can offer a guest. */
final class HostFactsReader {
    private static final Path MEMORY = Path.of("/proc/meminfo");

    private final GatewayConfig config;
    private final String acceleration;
    private final String cpuModel;

    HostFactsReader(GatewayConfig config, String acceleration) {
        this.config = config;
        this.acceleration = acceleration;
        this.cpuModel = field(Path.of("/proc/cpuinfo"), "model name");
    }

    HostFacts read() {
        return HostFacts.newBuilder()
                .setCanLaunch(!config.templates().isEmpty())
                .setAcceleration(acceleration)
                .setMemoryFreeBytes(memoryFreeBytes())
                .setCpuModel(cpuModel)
                .build();
    }

    /** Asked for once a second by a gateway that has nothing else to do: no streams, no patterns (proc(5): {@code MemAvailable:    1234 kB}). */
    static long memoryFreeBytes() {
        String available = field(MEMORY, "MemAvailable");
        int end = available.indexOf(' ');
        return end < 0 ? 0 : Long.parseLong(available, 0, end, 10) * 1024;
    }

    /** What stands behind the first {@code key ...:} of a file of such lines; empty: nothing. */
    static String field(Path file, String key) {
        try {
            String text = Files.readString(file);
            int at = text.startsWith(key) ? 0 : text.indexOf("\n" + key);
            if (at < 0) {
                return "";
            }
            int end = text.indexOf('\n', at + 1);
            return text.substring(text.indexOf(':', at) + 1, end < 0 ? text.length() : end)
                    .strip();
        } catch (IOException e) {
            return "";
        }
    }
}

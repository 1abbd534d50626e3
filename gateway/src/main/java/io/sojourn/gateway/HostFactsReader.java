// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.rpc.HostFacts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What this host can offer a guest. */
final class HostFactsReader {
    private final GatewayConfig config;
    private final String acceleration;
    private final String cpuModel;

    HostFactsReader(GatewayConfig config, String acceleration) {
        this.config = config;
        this.acceleration = acceleration;
        this.cpuModel = field(Path.of("/proc/cpuinfo"), "model name");
    }

    HostFacts read() {
        String available = field(Path.of("/proc/meminfo"), "MemAvailable").replaceAll("\\D", "");
        return HostFacts.newBuilder()
                .setCanLaunch(!config.templates().isEmpty())
                .setAcceleration(acceleration)
                .setMemoryFreeBytes(available.isEmpty() ? 0 : Long.parseLong(available) * 1024)
                .setCpuModel(cpuModel)
                .build();
    }

    private static String field(Path file, String key) {
        try (var lines = Files.lines(file)) {
            return lines.filter(line -> line.startsWith(key))
                    .map(line -> line.substring(line.indexOf(':') + 1).strip())
                    .findFirst()
                    .orElse("");
        } catch (IOException e) {
            return "";
        }
    }
}

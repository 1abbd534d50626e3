// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KernelModulesTest {
    @Test
    void aModuleComesAfterWhatItNeeds(@TempDir Path folder) throws Exception {
        module(folder, "virtio-net", "virtio_ring,net_failover,built_in");
        module(folder, "virtio_ring", "");
        module(folder, "net_failover", "failover");
        module(folder, "failover", "");
        module(folder, "other", "");
        assertThat(new KernelModules(folder).inLoadingOrder(List.of("virtio_net")))
                .extracting(file -> file.getFileName().toString())
                .containsExactly("virtio_ring.ko", "failover.ko", "net_failover.ko", "virtio-net.ko");
    }

    private static void module(Path folder, String name, String depends) throws Exception {
        Files.write(
                folder.resolve(name + ".ko"),
                ("ELF\0license=GPL\0depends=" + depends + "\0name=" + name + "\0").getBytes(US_ASCII));
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.model.identity.MacAddress;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class QemuGuestTest {
    /** As QEMU 7.2 prints it: two taps by name, one by descriptor, one without peer, a hub between. */
    private static final String INFO_NETWORK = """
            virtio-net-pci.0: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:00:00:01
             \\ n0: index=0,type=tap,ifname=tap-web1,script=no,downscript=no
            blue: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:00:00:02
             \\ n1: index=0,type=tap,ifname=t1,script=no,downscript=no
            virtio-net-pci.2: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:00:00:03
             \\ n2: index=0,type=tap,fd=12
            e1000.0: index=0,type=nic,model=e1000,macaddr=52:54:00:00:00:04
            """.replace("\n", "\r\n");

    @Test
    void interfacesAreReadWithTheirTaps() {
        assertThat(QemuGuest.parseNics(INFO_NETWORK))
                .containsExactly(
                        new GuestNic(
                                "virtio-net-pci.0", MacAddress.parse("52:54:00:00:00:01"), Optional.of("tap-web1")),
                        new GuestNic("blue", MacAddress.parse("52:54:00:00:00:02"), Optional.of("t1")),
                        new GuestNic("virtio-net-pci.2", MacAddress.parse("52:54:00:00:00:03"), Optional.empty()),
                        new GuestNic("e1000.0", MacAddress.parse("52:54:00:00:00:04"), Optional.empty()));
        assertThat(QemuGuest.parseNics("")).isEmpty();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.rpc.Network;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.rpc.Vm;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TableFileTest {
    @TempDir
    Path directory;

    private static Vm vm(String name, String gateway, long epoch) {
        return Vm.newBuilder().setName(name).setGateway(gateway).setEpoch(epoch).build();
    }

    private TableFile file() {
        return new TableFile(directory.resolve("table"));
    }

    private Vm only() {
        return file().read().orElseThrow().getVms(0);
    }

    @Test
    void the_next_process_knows_what_this_one_was_told() {
        TableFile file = file();
        file.told(TableUpdate.newBuilder()
                .setWhole(true)
                .setVersion(7)
                .addNetworks(Network.newBuilder().setName("blue"))
                .addVms(vm("web1", "s", 1))
                .addVms(vm("web2", "s", 1))
                .build());
        file.told(TableUpdate.newBuilder()
                .setVersion(8)
                .addRemovedVms("web2")
                .addVms(vm("web1", "d", 2))
                .build());

        TableUpdate saved = file().read().orElseThrow();

        assertThat(saved.getWhole()).isTrue();
        assertThat(saved.getNetworksList()).extracting(Network::getName).containsExactly("blue");
        assertThat(saved.getVmsList()).containsExactly(vm("web1", "d", 2));
    }

    @Test
    void a_binding_that_was_followed_is_not_forgotten_for_an_older_one_of_the_controller() {
        TableFile file = file();
        TableUpdate told = TableUpdate.newBuilder()
                .setWhole(true)
                .addVms(vm("web1", "s", 1))
                .build();
        file.told(told);
        file.followed(new Binding(new VmId("web1"), new GatewayId("d"), new Epoch(2)));
        assertThat(only()).isEqualTo(vm("web1", "d", 2));

        file.told(told);
        assertThat(only()).isEqualTo(vm("web1", "d", 2));

        file.followed(new Binding(new VmId("web1"), new GatewayId("x"), new Epoch(1)));
        assertThat(only()).isEqualTo(vm("web1", "d", 2));
    }

    @Test
    void a_damaged_file_is_as_good_as_none() throws IOException {
        Files.write(directory.resolve("table"), new byte[] {(byte) 0xff, 1, 2});
        assertThat(file().read()).isEmpty();
    }
}

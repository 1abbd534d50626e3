// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.SiteId;
import io.sojourn.rpc.Gateway;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.rpc.Vm;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ForwardingTableTest {
    private static final GatewayId B = new GatewayId("b");

    private final ForwardingTable table =
            new ForwardingTable(new GatewayId("a"), new SiteId("a"), new ForwardingTable.Changes() {
                @Override
                public void tableSays(VmEntry vm, GatewayId gateway, Epoch epoch) {}

                @Override
                public void networkAdded(VirtualNetwork network) {}

                @Override
                public void networkRemoved(VirtualNetwork network) {}

                @Override
                public void vmRemoved(VmEntry vm) {}
            });

    @BeforeEach
    void aTableWithTwoPeersAndTwoVms() {
        table.apply(TableUpdate.newBuilder()
                .setVersion(1)
                .setWhole(true)
                .addGateways(gateway("b", "192.0.2.2:7400"))
                .addGateways(gateway("c", "192.0.2.3:7400"))
                .addVms(vm("web1", "a", 1))
                .addVms(vm("web2", "c", 1))
                .build());
    }

    private static Gateway gateway(String name, String locator) {
        return Gateway.newBuilder()
                .setName(name)
                .setSite(name)
                .setLocator(locator)
                .setConnected(true)
                .build();
    }

    private static Vm vm(String name, String gateway, long epoch) {
        return Vm.newBuilder().setName(name).setGateway(gateway).setEpoch(epoch).build();
    }

    private VmEntry entry(String name) {
        return requireNonNull(table.vm(new VmId(name)));
    }

    /** As Handoffs does at HOLD: the binding is still ours, packets go to the destination's buffer. */
    private VmEntry redirected() {
        VmEntry web1 = entry("web1");
        web1.local = false;
        web1.route = table.peer(B);
        web1.routeEpoch = 2;
        return web1;
    }

    @Test
    void whatIsRedirectedInTheMiddleOfAMoveStaysSoWhateverElseChanges() {
        VmEntry web1 = redirected();
        table.apply(TableUpdate.newBuilder()
                .setVersion(2)
                .addVms(vm("web2", "b", 2))
                .build());
        assertThat(web1.route).isSameAs(requireNonNull(table.peer(B)));
        assertThat(entry("web2").route).isSameAs(table.peer(B));
    }

    @Test
    void aGatewayThatMovedIsFollowedByWhatIsRedirectedToIt() {
        VmEntry web1 = redirected();
        Peer before = requireNonNull(table.peer(B));
        table.apply(TableUpdate.newBuilder()
                .setVersion(2)
                .addGateways(gateway("b", "192.0.2.9:7400"))
                .build());
        assertThat(web1.route).isSameAs(table.peer(B)).isNotSameAs(before);
    }

    @Test
    void aRouteWhoseGatewayWasMissingIsFoundWhenItComes() {
        table.apply(TableUpdate.newBuilder()
                .setVersion(2)
                .addVms(vm("web2", "d", 2))
                .build());
        assertThat(entry("web2").route).isNull();
        table.apply(TableUpdate.newBuilder()
                .setVersion(3)
                .addGateways(gateway("d", "192.0.2.4:7400"))
                .build());
        assertThat(entry("web2").route).isSameAs(requireNonNull(table.peer(new GatewayId("d"))));
    }
}

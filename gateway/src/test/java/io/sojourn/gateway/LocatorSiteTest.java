// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static io.sojourn.gateway.LocatorPathTest.INSIDE;
import static io.sojourn.gateway.LocatorPathTest.assertIs;
import static io.sojourn.gateway.LocatorPathTest.locator;
import static io.sojourn.gateway.LocatorPathTest.says;
import static io.sojourn.gateway.LocatorPathTest.text;
import static io.sojourn.gateway.LocatorPathTest.udpOf;
import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.Locator;
import io.sojourn.rpc.Gateway;
import io.sojourn.rpc.LocatorRule;
import io.sojourn.rpc.Network;
import io.sojourn.rpc.NetworkLocators;
import io.sojourn.rpc.TableUpdate;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** One ILNP site of two places, of which the first is the border, with two uplinks, locators 1 and 4; and another site, locator 3. VM 1 is outside, VM 2 inside. */
class LocatorSiteTest {
    private final PathStage border = new PathStage("a");
    private final PathStage behind = new PathStage("b");
    private final PathStage outside = new PathStage("c");
    private final CollectingDevice atBorder = new CollectingDevice();
    private final CollectingDevice atBehind = new CollectingDevice();
    private final CollectingDevice atOutside = new CollectingDevice();
    private final LocatorPath pathBorder =
            LocatorPathTest.path(border, atBorder, attachment(Optional.empty(), text(1), text(4)));
    private final LocatorPath pathBehind =
            LocatorPathTest.path(behind, atBehind, attachment(Optional.of(new GatewayId("a")), text(1), text(4)));
    private final LocatorPath pathOutside =
            LocatorPathTest.path(outside, atOutside, attachment(Optional.empty(), text(3)));

    private static GatewayConfig.Attachment attachment(Optional<GatewayId> of, String... locators) {
        return new GatewayConfig.Attachment(
                PathStage.NETWORK,
                "br",
                0,
                List.of(locators).stream().map(IpPrefix::parse).toList(),
                List.of(),
                of);
    }

    @BeforeEach
    void connect() {
        PathStage.connect(border, behind, outside);
        TableUpdate update = TableUpdate.newBuilder()
                .addGateways(gateway(border, "", text(1), text(4)))
                .addGateways(gateway(behind, "a", text(1), text(4)))
                .addGateways(gateway(outside, "", text(3)))
                .build();
        stages().forEach(stage -> stage.table.apply(update));
        network(Network.newBuilder());
        bind(1, "c", 1);
        bind(2, "b", 1);
    }

    private List<PathStage> stages() {
        return List.of(border, behind, outside);
    }

    private static Gateway gateway(PathStage stage, String of, String... locators) {
        var address = stage.wan.localAddress();
        return Gateway.newBuilder()
                .setName(stage.id.name())
                .setSite(stage.id.name())
                .setLocator(new Locator(address.getAddress(), address.getPort()).toString())
                .addLocators(NetworkLocators.newBuilder()
                        .setNetwork(PathStage.NETWORK)
                        .setBorder(of)
                        .addAllPrefixes(List.of(locators)))
                .build();
    }

    private void network(Network.Builder with) {
        TableUpdate update = TableUpdate.newBuilder()
                .addNetworks(with.setName(PathStage.NETWORK)
                        .setVni(1)
                        .setMtu(1400)
                        .setMechanism("ilnp")
                        .setTransparency("local"))
                .build();
        stages().forEach(stage -> stage.table.apply(update));
        List.of(pathBorder, pathBehind, pathOutside).forEach(LocatorPath::tableChanged);
    }

    private void bind(int vm, String gateway, long epoch) {
        PathStage.bind(vm, gateway, epoch, border, behind, outside);
        List.of(pathBorder, pathBehind, pathOutside).forEach(LocatorPath::tableChanged);
    }

    @AfterEach
    void close() {
        stages().forEach(PathStage::close);
    }

    /** From the one gateway's part of the underlay to the other's. */
    private static void carry(CollectingDevice from, CollectingDevice to, LocatorPath there) {
        to.toRead.addAll(from.written);
        from.written.clear();
        there.underlay().poll();
    }

    @Test
    void nobodyOutsideSeesAtWhichPlaceOfItsSiteAVmIs() {
        says(outside, 1, 2);
        assertIs(udpOf(atOutside.written).getFirst(), locator(3), 1, locator(1), 2);
        carry(atOutside, atBorder, pathBorder);
        border.wan.flush();
        PathStage.settle(border, behind);
        assertIs(behind.lan.written.getFirst(), INSIDE, 1, INSIDE, 2);

        says(behind, 2, 1);
        PathStage.settle(behind, border);
        assertThat(atBehind.written).as("what leaves, leaves at the border").isEmpty();
        assertIs(udpOf(atBorder.written).getFirst(), locator(1), 2, locator(3), 1);
        carry(atBorder, atOutside, pathOutside);
        assertIs(outside.lan.written.getFirst(), INSIDE, 2, INSIDE, 1);

        bind(2, "a", 2);
        says(outside, 1, 2);
        assertIs(udpOf(atOutside.written).getFirst(), locator(3), 1, locator(1), 2);
        carry(atOutside, atBorder, pathBorder);
        assertIs(border.lan.written.getFirst(), INSIDE, 1, INSIDE, 2);
        says(border, 2, 1);
        assertIs(udpOf(atBorder.written).getFirst(), locator(1), 2, locator(3), 1);
        stages().forEach(stage -> assertThat(stage.dropped()).isEmpty());
    }

    @Test
    void withinTheSiteNobodyNeedsALocator() {
        bind(3, "a", 1);
        says(behind, 2, 3);
        PathStage.settle(behind, border);
        assertThat(atBehind.written).isEmpty();
        assertThat(atBorder.written).isEmpty();
        assertIs(border.lan.written.getFirst(), INSIDE, 2, INSIDE, 3);
    }

    @Test
    void anUplinkThatFailsIsLeftAtOnceAndItsPacketsAreDropped() {
        bind(2, "a", 2);
        says(border, 2, 1);
        assertIs(udpOf(atBorder.written).getFirst(), locator(1), 2, locator(3), 1);
        pathBorder.uplinks(List.of(IpPrefix.parse(text(1))));
        atBorder.written.clear();
        says(border, 2, 1);
        assertIs(udpOf(atBorder.written).getFirst(), locator(4), 2, locator(3), 1);

        says(outside, 1, 2);
        carry(atOutside, atBorder, pathBorder);
        assertThat(border.dropped()).containsOnlyKeys("drop-no-route");
    }

    @Test
    void aWithdrawnLocatorIsUsedByNobody() {
        bind(2, "a", 2);
        says(outside, 1, 2);
        assertIs(udpOf(atOutside.written).getFirst(), locator(3), 1, locator(1), 2);
        network(Network.newBuilder().addWithdrawn(text(1)));
        atOutside.written.clear();
        says(outside, 1, 2);
        assertIs(udpOf(atOutside.written).getFirst(), locator(3), 1, locator(4), 2);
    }

    @Test
    void aRuleChoosesTheLocatorOfANewSession() {
        bind(2, "a", 2);
        bind(5, "c", 1);
        network(Network.newBuilder()
                .addLocatorRules(
                        LocatorRule.newBuilder().setCorrespondent("2001:db8::5").setUse(text(4))));
        says(border, 2, 1);
        says(border, 2, 5);
        List<byte[]> sent = udpOf(atBorder.written);
        assertIs(sent.get(0), locator(1), 2, locator(3), 1);
        assertIs(sent.get(1), locator(4), 2, locator(3), 5);
    }
}

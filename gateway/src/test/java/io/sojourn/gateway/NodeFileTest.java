// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.sojourn.ilnp.Correspondent;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.identity.NodeIdentifier;
import io.sojourn.model.location.Locator;
import io.sojourn.rpc.Gateway;
import io.sojourn.rpc.Network;
import io.sojourn.rpc.NetworkLocators;
import io.sojourn.rpc.TableUpdate;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** VM 1 at one gateway talks to VM 2 at another, which is killed and comes back. */
class NodeFileTest {
    @TempDir
    private Path folder;

    private final PathStage a = new PathStage("a");
    private final PathStage b = new PathStage("b");
    private final CollectingDevice atA = new CollectingDevice();
    private final CollectingDevice atB = new CollectingDevice();
    private final LocatorPath pathA = path(a, atA, 1, NodeFile.none());

    private static LocatorPath path(PathStage stage, CollectingDevice device, int number, NodeFile kept) {
        return LocatorPathTest.path(
                stage,
                device,
                new GatewayConfig.Attachment(
                        PathStage.NETWORK, "br", 0, List.of(IpPrefix.parse(LocatorPathTest.text(number))), List.of()),
                kept);
    }

    private LocatorPath life() {
        b.table.networks().forEach(network -> network.ilnp = null); // a new process has a new table
        LocatorPath path = path(b, atB, 2, NodeFile.at(folder.resolve("nodes")));
        path.tableChanged();
        return path;
    }

    @BeforeEach
    void connect() {
        PathStage.connect(a, b);
        TableUpdate.Builder update = TableUpdate.newBuilder()
                .addNetworks(Network.newBuilder()
                        .setName(PathStage.NETWORK)
                        .setVni(1)
                        .setMtu(1400)
                        .setMechanism("ilnp"));
        int number = 1;
        for (PathStage stage : List.of(a, b)) {
            var address = stage.wan.localAddress();
            update.addGateways(Gateway.newBuilder()
                    .setName(stage.id.name())
                    .setSite(stage.id.name())
                    .setLocator(new Locator(address.getAddress(), address.getPort()).toString())
                    .addLocators(NetworkLocators.newBuilder()
                            .setNetwork(PathStage.NETWORK)
                            .addPrefixes(LocatorPathTest.text(number++))));
        }
        List.of(a, b).forEach(stage -> stage.table.apply(update.build()));
        bind(1);
    }

    private void bind(long epoch) {
        PathStage.bind(1, "a", 1, a, b);
        PathStage.bind(2, "b", epoch, a, b);
        pathA.tableChanged();
    }

    @AfterEach
    void close() {
        a.close();
        b.close();
    }

    private static Correspondent of(LocatorPath path) {
        LocatorNetwork here = path.networks().getFirst();
        here.speakFor(requireNonNull(here.vm(2)));
        return path.networks()
                .getFirst()
                .border
                .node(new NodeIdentifier(2))
                .orElseThrow()
                .cache()
                .correspondents()
                .getFirst();
    }

    /** Both have shown the other a nonce. */
    private void talk(LocatorPath pathB) {
        LocatorPathTest.says(a, 1, 2);
        atB.toRead.addAll(atA.written);
        pathB.underlay().poll();
        LocatorPathTest.says(b, 2, 1);
        pathB.tick(System.nanoTime() + TimeUnit.SECONDS.toNanos(10));
        await().until(() -> Files.exists(folder.resolve("nodes")));
    }

    @Test
    void goesOnWithTheNoncesOfItsLastLife() throws Exception {
        LocatorPath first = life();
        talk(first);
        Correspondent before = of(first);
        assertThat(before.inbound()).isPresent();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(folder.resolve("nodes"))))
                .isEqualTo("rw-------");

        Correspondent after = of(life());
        assertThat(after.outbound()).isEqualTo(before.outbound());
        assertThat(after.inbound()).isEqualTo(before.inbound());
        assertThat(after.ours()).isEqualTo(before.ours());
    }

    /** It has been killed again before the VM said a word. */
    @Test
    void aLifeInWhichNobodyAskedForItForgetsNothing() {
        LocatorPath first = life();
        talk(first);
        Correspondent before = of(first);
        NodeFile second = NodeFile.at(folder.resolve("nodes"));
        second.keep(List.of(new NodeFile.Saved(PathStage.NETWORK, 77, 7, 0, 1, new byte[3])));
        await().until(() -> NodeFile.at(folder.resolve("nodes"))
                .take(PathStage.NETWORK, 77, 7, 0)
                .isPresent());

        assertThat(of(life()).outbound()).isEqualTo(before.outbound());
    }

    @Test
    void whatIsOfAnOlderBindingIsNotTaken() {
        LocatorPath first = life();
        talk(first);
        Correspondent before = of(first);
        bind(3); // it was elsewhere meanwhile
        LocatorNetwork here = life().networks().getFirst();
        here.speakFor(requireNonNull(here.vm(2)));
        assertThat(before.inbound()).isPresent();
        assertThat(here.border.node(new NodeIdentifier(2)).orElseThrow().cache().count())
                .isZero();
    }

    @Test
    void aDamagedFileIsNoReasonNotToStart() throws Exception {
        Files.write(folder.resolve("nodes"), new byte[] {1, 2, 3});
        talk(life());
        assertThat(b.dropped()).isEmpty();
    }
}

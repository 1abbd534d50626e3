// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.Links;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.identity.VmId;
import io.sojourn.rpc.Mat;
import io.sojourn.wire.DropReason;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The ways beside the overlay that this gateway's configuration asks for, each null where it does not, and who has to hear of what: of the table, of uplinks, of other gateways'
 * words.
 *
 * <p>Locking: forwarder's thread.
 */
final class Bypasses implements AutoCloseable {
    private final ForwardingTable table;
    private final Counters counters;
    /** What native packets come by: pages, locators, labels. */
    private final List<UnderlayPort> underlays = new ArrayList<>();

    /** Null when this gateway has no page. */
    private @Nullable PagePath pages;

    /** Likewise; or the kernel does not allow it. */
    private @Nullable KernelPath kernelPath;

    /** Null when this gateway has no page. */
    private @Nullable Mappings mappings;

    /** Null when no network has a locator here. */
    private @Nullable LocatorPath locators;

    /** Null when the underlay routes no network's prefix here. */
    private @Nullable LabelPath labels;

    /** Null when no network has a segment here. */
    private @Nullable SegmentPath segments;

    /** Who sees to what of packets that come by them, and to moves of VMs that use them. */
    record Surroundings(
            WanPort wan,
            Inside inside,
            Outside outside,
            Handoffs handoffs,
            Witness witness,
            Links links,
            Stations stations) {}

    Bypasses(
            GatewayConfig config,
            Map<String, GatewayConfig.Attachment> attachments,
            ForwardingTable table,
            Surroundings around,
            Counters counters) {
        this.table = table;
        this.counters = counters;
        if (!config.page().isNone()) {
            openPages(config, around);
        }
        if (config.attachments().stream().anyMatch(a -> !a.locators().isEmpty())) {
            openLocators(config, attachments, around);
        }
        List<IpPrefix> routed =
                config.attachments().stream().flatMap(a -> a.routed().stream()).toList();
        if (!routed.isEmpty()) {
            openLabels(routed, attachments, around);
        }
        around.outside.inOrderWith(List.copyOf(underlays));
        if (config.attachments().stream().anyMatch(a -> a.segmentVni() != 0)) {
            segments = new SegmentPath(table, around.wan, around.inside, counters);
            around.wan.bypassedBy(segments);
            around.outside.segmentedBy(segments);
        }
    }

    private void openPages(GatewayConfig config, Surroundings around) {
        PagePort.Opened port = PagePort.openPages(config.pages(), around.links, around.stations);
        PageTable numbers = new PageTable(config.pages());
        PagePath path = new PagePath(table, numbers, port, around.outside, counters);
        Mappings known = new Mappings(table, numbers, new MappingUpdates(table, around.wan, counters), counters);
        path.mappedBy(known);
        path.watchedBy(around.witness);
        around.wan.bypassedBy(path);
        underlays.add(path.underlay());
        pages = path;
        mappings = known;
        kernelPath = KernelPath.open(port, counters);
        if (kernelPath != null) {
            path.offersTo(kernelPath);
            around.inside.offersTo(kernelPath);
        }
    }

    private void openLocators(
            GatewayConfig config, Map<String, GatewayConfig.Attachment> attachments, Surroundings around) {
        List<IpPrefix> ours = config.attachments().stream()
                .flatMap(a -> a.locatorsHere().stream())
                .toList();
        LocatorPath path = new LocatorPath(
                table,
                around.wan,
                PagePort.open(ours, around.links, around.stations),
                attachments,
                around.outside,
                counters,
                NodeFile.at(config.stateDir().resolve("nodes")));
        path.watchedBy(around.witness);
        around.wan.bypassedBy(path);
        around.outside.locatedBy(path);
        underlays.add(path.underlay());
        around.inside.locatedBy(path);
        around.handoffs.locatedBy(path.moves());
        locators = path;
    }

    private void openLabels(
            List<IpPrefix> routed, Map<String, GatewayConfig.Attachment> attachments, Surroundings around) {
        LabelPath path = new LabelPath(
                table,
                around.wan,
                PagePort.openRouted(routed, around.links, around.stations),
                attachments,
                around.outside,
                counters);
        path.watchedBy(around.witness);
        around.wan.bypassedBy(path);
        around.outside.labelledBy(path);
        underlays.add(path.underlay());
        around.inside.labelledBy(path);
        around.handoffs.joinedBy(path.moves());
        labels = path;
    }

    List<UnderlayPort> underlays() {
        return underlays;
    }

    /** VMs that are known under an address of each site ask this gateway for names. */
    void answerNames() {
        LabelPath labelled = labels;
        if (labelled != null) {
            labelled.services().names();
        }
    }

    // --- the controller's word

    /** What authenticates other gateways' words. */
    void key(byte[] key) {
        Mappings known = mappings;
        if (known != null) {
            known.updates().key(key);
        }
        LocatorPath located = locators;
        if (located != null) {
            located.moves().states().key(key);
        }
        LabelPath labelled = labels;
        if (labelled != null) {
            labelled.key(key);
        }
    }

    void tableChanged() {
        PagePath natively = pages;
        if (natively != null) {
            natively.tableChanged();
        }
        LocatorPath located = locators;
        if (located != null) {
            located.tableChanged();
        }
        LabelPath labelled = labels;
        if (labelled != null) {
            labelled.tableChanged();
        }
        SegmentPath plainly = segments;
        if (plainly != null) {
            plainly.tableChanged();
        }
    }

    /** Where mappings are registered and asked for. */
    void ims(Consumer<Mat> server) {
        Mappings known = mappings;
        if (known != null) {
            known.ims(server);
        }
    }

    /** The mapping server's word. */
    void heard(Mat message) {
        Mappings known = mappings;
        if (known != null) {
            known.heard(message, System.nanoTime());
        }
    }

    // --- this host's

    /** A guest of ours was stopped, or goes on; whoever moves it sees to it by himself. */
    void guestRuns(VmId id, boolean runs) {
        LabelPath labelled = labels;
        VmEntry vm = table.vm(id);
        if (labelled != null && vm != null && vm.local && !vm.onMove) {
            labelled.moves().guestRuns(vm, runs);
        }
    }

    /** Which uplinks are up, in the order of the configuration. @param down locators of those that are not */
    void uplinks(boolean[] up, List<IpPrefix> down) {
        LocatorPath located = locators;
        if (located != null) {
            located.uplinks(down);
        }
        Mappings known = mappings;
        if (known != null) {
            known.uplinks(up, System.nanoTime());
        }
    }

    /** A network's port has come. */
    void lan(LanPort port) {
        KernelPath kernel = kernelPath;
        if (kernel != null) {
            kernel.lan(port);
            port.neighbours.beforeMove(kernel::changed);
        }
    }

    // --- other gateways', each with who sent it

    void mapping(Peer from, byte[] datagram, long nowNs) {
        Mappings known = mappings;
        if (known == null) {
            counters.drop(DropReason.UNKNOWN_DATAGRAM);
        } else {
            known.updates().heard(from, datagram, known::learn, nowNs);
        }
    }

    void nodeState(Peer from, byte[] datagram, long nowNs) {
        LocatorPath located = locators;
        if (located == null) {
            counters.drop(DropReason.UNKNOWN_DATAGRAM);
        } else {
            located.moves().states().heard(from, datagram, nowNs);
        }
    }

    void labelState(Peer from, byte[] datagram, long nowNs) {
        LabelPath labelled = labels;
        if (labelled == null) {
            counters.drop(DropReason.UNKNOWN_DATAGRAM);
        } else {
            labelled.moves().states().heard(from, datagram, nowNs);
        }
    }

    void labelControl(Peer from, byte[] datagram) {
        LabelPath labelled = labels;
        if (labelled == null) {
            counters.drop(DropReason.UNKNOWN_DATAGRAM);
        } else {
            labelled.moves().heard(from, datagram);
        }
    }

    // --- the forwarder's turns

    /** How packets go will change now. */
    void willChange() {
        KernelPath kernel = kernelPath;
        if (kernel != null) {
            kernel.changed();
        }
    }

    /** Does what is due. @return when something will be, at {@code latestNs} at the latest */
    long tick(long now, long latestNs) {
        Mappings known = mappings;
        if (known != null) {
            known.tick(now);
        }
        LocatorPath located = locators;
        LabelPath labelled = labels;
        long locatorsNs = located == null ? latestNs : located.tick(now);
        long labelsNs = labelled == null ? latestNs : labelled.tick(now);
        return Math.min(locatorsNs, labelsNs);
    }

    /** Nothing waits to be sent: what comes from now on overtakes nothing. */
    void settle(long now) {
        KernelPath kernel = kernelPath;
        if (kernel != null) {
            kernel.settle(now);
        }
    }

    @Override
    public void close() {
        KernelPath kernel = kernelPath;
        if (kernel != null) {
            kernel.close();
        }
        underlays.forEach(UnderlayPort::close);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.mechanism.Page;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.Locator;
import io.sojourn.model.location.SiteId;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What an operator says about one gateway, read from YAML by {@link GatewayConfigReader}.
 *
 * @param gateway its name
 * @param site where it stands
 * @param controller host and port of the controller's gRPC service
 * @param enrolmentToken by which it gets its certificate the first time
 * @param listen the address and UDP port that peers reach
 * @param advertise what peers are told; equals {@code listen} unless something in between translates addresses
 * @param stateDir sockets, the journal and the table of the last run
 * @param attachments networks that have a bridge here
 * @param templates how to launch a VM's incoming QEMU, by name
 * @param acceleration {@code kvm} or {@code tcg}; {@code auto} probes by booting
 * @param probeKernel a kernel to probe acceleration with; empty: the one that a template's VM would boot
 * @param bandwidthBytesPerS ceiling of all memory streams that leave here; 0: none
 * @param copyBytesPerS ceiling of a memory stream while its guest still runs; 0: as {@code bandwidthBytesPerS}
 * @param limits what each VM may send
 * @param transport sealed or plain
 * @param edges VXLAN devices that are not ours, with hosts of networks behind them
 * @param onUnderlay subnets whose hosts are on the underlay and behind no gateway; this one is their way in and out
 * @param page by which members are named on the underlay while paging carries their packets here; with uplinks the first one's
 * @param uplinks each with a page of its own, the one that is preferred first; empty: one, and nobody looks whether it is up
 * @param egress the way to the world outside, and back
 * @param resolvers name servers that are asked what guests ask the gateway, in this order; none: it is asked nothing
 */
public record GatewayConfig(
        GatewayId gateway,
        SiteId site,
        Locator controller,
        Optional<String> enrolmentToken,
        Locator listen,
        Locator advertise,
        Path stateDir,
        List<Attachment> attachments,
        Map<String, Template> templates,
        String acceleration,
        String probeKernel,
        long bandwidthBytesPerS,
        long copyBytesPerS,
        Limits limits,
        Transport transport,
        Page page,
        List<Edge> edges,
        Set<IpPrefix> onUnderlay,
        List<Uplink> uplinks,
        Egress egress,
        List<Locator> resolvers) {

    /**
     * A way of this host to the underlay.
     *
     * @param device the interface; while it is down, nothing is expected by way of it
     * @param page routed here by way of it; none if there are locators
     * @param locators routed here by way of it
     */
    public record Uplink(String device, Page page, List<IpPrefix> locators) {
        public Uplink {
            locators = List.copyOf(locators);
        }
    }

    /**
     * The way to hosts behind no gateway. All prefixes are routed to this host by the underlay.
     *
     * @param snat addresses that flows leave by whose VM has none of its own here; none: nothing leaves here
     * @param floating what floating addresses are taken from
     * @param flows that are remembered at most
     */
    public record Egress(List<IpPrefix> snat, List<IpPrefix> floating, int flows) {
        static final int FLOWS = 262_144;

        public static final Egress NONE = new Egress(List.of(), List.of(), FLOWS);

        public Egress {
            snat = List.copyOf(snat);
            floating = List.copyOf(floating);
        }

        boolean isNone() {
            return snat.isEmpty() && floating.isEmpty();
        }
    }

    /** Of all uplinks; one page if there are none, or none. */
    public List<Page> pages() {
        if (uplinks.isEmpty()) {
            return page.isNone() ? List.of() : List.of(page);
        }
        return uplinks.stream().map(Uplink::page).toList();
    }

    /**
     * A place of a network behind a VXLAN device that is not ours.
     *
     * @param site by which the network's subnets name it as their home
     * @param address where its VXLAN packets go; what comes from there may have any port
     */
    public record Edge(String network, String site, Locator address) {}

    /**
     * How packets to other gateways travel.
     *
     * @param sealed unless an operator trusts the underlay
     * @param plainPeers gateways to which nothing is sealed all the same
     * @param relays gateways by way of which others are reached where there is no direct path
     * @param rekeyAfterS age of a session at which the next one is made
     * @param offloads what an operator says of super-frames
     */
    public record Transport(
            boolean sealed, Set<String> plainPeers, Set<String> relays, int rekeyAfterS, Offloads offloads) {
        static final int REKEY_AFTER_S = 120;

        Transport(boolean sealed, Set<String> plainPeers, int rekeyAfterS) {
            this(sealed, plainPeers, Set.of(), rekeyAfterS, Offloads.AUTO);
        }

        boolean isPlain(GatewayId peer) {
            return !sealed || plainPeers.contains(peer.name());
        }
    }

    /** What each VM may send to others than its LAN's; 0: anything. */
    public record Limits(long bytesPerS, long packetsPerS) {
        public static final Limits NONE = new Limits(0, 0);
    }

    /** Whether what the kernel offers is used: as long as it does no harm, always, or never. */
    public enum Offload {
        AUTO,
        ON,
        OFF
    }

    /**
     * What of the kernel's work on super-frames is used.
     *
     * @param segmentation datagrams to one gateway are handed over as one (UDP_SEGMENT)
     * @param merging datagrams from one gateway are handed to us as one (UDP_GRO)
     * @param tap frames of the LAN are handed to us undivided and unsummed (virtio_net_hdr)
     */
    public record Offloads(Offload segmentation, Offload merging, Offload tap) {
        public static final Offloads AUTO = new Offloads(Offload.AUTO, Offload.AUTO, Offload.AUTO);
    }

    /**
     * A virtual network and the bridge that its guests at this site hang on.
     *
     * @param segmentVni of its segment at this place, in the whole realm nobody else's; 0: none
     * @param locators prefixes of 64 bits of the underlay by which members are reached here by ILNP, the preferred first
     * @param outsiders prefixes of the underlay whose hosts may speak with the network's VMs by ILNP, though no gateway is theirs; by labels as well
     * @param border the gateway that those locators are routed to, if that is another place of one site; empty: this one
     * @param routed prefixes of the network itself that the underlay routes here
     */
    public record Attachment(
            String network,
            String bridge,
            int segmentVni,
            List<IpPrefix> locators,
            List<IpPrefix> outsiders,
            Optional<GatewayId> border,
            List<IpPrefix> routed) {
        public Attachment {
            locators = List.copyOf(locators);
            outsiders = List.copyOf(outsiders);
            routed = List.copyOf(routed);
        }

        Attachment(String network, String bridge, int segmentVni, List<IpPrefix> locators, List<IpPrefix> outsiders) {
            this(network, bridge, segmentVni, locators, outsiders, Optional.empty());
        }

        Attachment(
                String network,
                String bridge,
                int segmentVni,
                List<IpPrefix> locators,
                List<IpPrefix> outsiders,
                Optional<GatewayId> border) {
            this(network, bridge, segmentVni, locators, outsiders, border, List.of());
        }

        /** Those that are routed to this host. */
        List<IpPrefix> locatorsHere() {
            return border.isEmpty() ? locators : List.of();
        }

        Attachment(String network, String bridge, int segmentVni) {
            this(network, bridge, segmentVni, List.of(), List.of());
        }
    }

    /** The words of a QEMU command line, with {@code ${variables}}. */
    public record Template(List<String> command) {}
}

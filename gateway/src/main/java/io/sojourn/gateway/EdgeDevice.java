// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.PeerAddress;
import io.sojourn.mechanism.Segment;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.Vxlan;
import java.lang.foreign.MemorySegment;

/**
 * A LAN of the network that lies beyond an edge which is not ours, a VXLAN device (RFC 7348) of any make: what is written to it goes there in the open, under the VNI of the
 * network's segment at our place. What comes from it is handed in by {@link SegmentPath}, so there is nothing to read. Forwarder's thread only.
 */
final class EdgeDevice implements BridgelessDevice {
    private final WanPort wan;
    private final VirtualNetwork network;
    private final PeerAddress address;
    private final FrameRun one = new FrameRun();

    EdgeDevice(WanPort wan, VirtualNetwork network, PeerAddress address) {
        this.wan = wan;
        this.network = network;
        this.address = address;
    }

    PeerAddress address() {
        return address;
    }

    /** What VXLAN leaves of the underlay's 1,500 octets, as nobody there can be asked. */
    int mtuBytes() {
        return Math.min(network.mtuBytes, Peer.DEFAULT_UNDERLAY_MTU - new Segment().addedBytes(!address.isIpv4()));
    }

    @Override
    public int write(MemorySegment frame, long at, int length) {
        return write(one.frame(frame, at, length, false));
    }

    @Override
    public int write(FrameRun run) {
        wan.sendToEdge(address, run, network.segmentVni);
        return run.frameLength() + Vxlan.HEADER_BYTES;
    }
}

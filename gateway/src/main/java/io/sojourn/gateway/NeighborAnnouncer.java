// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.wire.ArpFrames;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.NdFrames;
import io.sojourn.wire.NeighborDiscovery;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Tells the stations on our LANs at which MAC address a VM answers from now on: gratuitous ARP (RFC 5227, section 3) and unsolicited Neighbor Advertisement (RFC 4861, section 7.2.6).
 * The forwarder's thread only.
 */
final class NeighborAnnouncer {
    private final MemorySegment frame = Arena.ofAuto().allocate(128, 8);

    /** The guest's own address if it is here, ours if it is not. */
    void announce(VmEntry vm) {
        for (VmEntry.Nic nic : vm.nics) {
            LanPort port = nic.network().port;
            if (port == null) {
                continue;
            }
            long mac = vm.local ? nic.mac() : LanPort.ANYCAST_MAC;
            int flags = NeighborDiscovery.OVERRIDE | (vm.router ? NeighborDiscovery.ROUTER : 0);
            for (IpAddress a : nic.addresses()) {
                int length = a.isV6()
                        ? NdFrames.unsolicited(frame, 0, mac, a.high(), a.low(), flags)
                        : ArpFrames.gratuitous(frame, 0, mac, a.low());
                // The frame itself comes from us: a bridge must not learn the guest's address on our port.
                Ethernet.putSource(frame, 0, LanPort.ANYCAST_MAC);
                port.write(frame, 0, length);
            }
        }
    }
}

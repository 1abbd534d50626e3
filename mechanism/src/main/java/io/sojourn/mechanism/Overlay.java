// SPDX-License-Identifier: Apache-2.0
package io.sojourn.mechanism;

import io.sojourn.wire.DropReason;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.Udp;
import io.sojourn.wire.Vxlan;
import java.lang.foreign.MemorySegment;

/** {@code overlay}: members keep their address anywhere; frames travel in VXLAN framing (RFC 7348). */
public final class Overlay implements Mechanism {
    @Override
    public String name() {
        return "overlay";
    }

    @Override
    public Carriage carriage() {
        return Carriage.DATAGRAM;
    }

    @Override
    public int headroomBytes() {
        return Vxlan.HEADER_BYTES;
    }

    /** 50 over IPv4, 70 over IPv6. */
    @Override
    public int addedBytes(boolean underlayV6) {
        int outer = underlayV6 ? Ipv6.HEADER_BYTES : Ipv4.HEADER_BYTES;
        return outer + Udp.HEADER_BYTES + Vxlan.HEADER_BYTES + Ethernet.HEADER_BYTES;
    }

    @Override
    public long encapsulate(
            MemorySegment buffer, long frameAt, int vni, long epoch, boolean partialChecksum, boolean passedOn) {
        long at = frameAt - Vxlan.HEADER_BYTES;
        Vxlan.write(buffer, at, vni, epoch, partialChecksum, passedOn);
        return at;
    }

    @Override
    public boolean accepts(int firstOctet) {
        return Vxlan.isVxlan(firstOctet);
    }

    @Override
    public DropReason decapsulate(MemorySegment packet, long at, int length, Inbound result) {
        if (length < Vxlan.HEADER_BYTES + Ethernet.HEADER_BYTES) {
            return DropReason.TOO_SHORT;
        }
        if (!Vxlan.isVxlan(Vxlan.flags(packet, at))) {
            return DropReason.BAD_VXLAN;
        }
        result.set(
                at + Vxlan.HEADER_BYTES,
                length - Vxlan.HEADER_BYTES,
                Vxlan.vni(packet, at),
                Vxlan.epoch(packet, at),
                Vxlan.isPartialChecksum(packet, at),
                Vxlan.isPassedOn(packet, at));
        return DropReason.NONE;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.mechanism;

import io.sojourn.wire.DropReason;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.Udp;
import io.sojourn.wire.Vxlan;
import java.lang.foreign.MemorySegment;

/**
 * {@code segment} (network segmentation, Kanada and Tarui 2011): VXLAN as RFC 7348 has it, reserved bits 0, with a VNI for each network and place, so that whoever sends says
 * by the VNI where. What our own header would say beside that stands where the gateway's own MAC address would, in the inner frame's source:
 *
 * <pre>
 *   02:53:4c | epoch, low 24 bits        from the sender's own LAN
 *   02:53:4d | epoch, low 24 bits        passed on
 * </pre>
 *
 * Any other source is that of a station beyond an edge that is not ours: no epoch. Checksums inside are complete.
 */
public final class Segment implements Mechanism {
    private static final long PREFIX_MASK = 0xFFFF_FE00_0000L;
    private static final long PREFIX = 0x0253_4C00_0000L;
    private static final long PASSED_ON = 0x0100_0000L;
    private static final long EPOCH_MASK = 0xFF_FFFFL;

    @Override
    public String name() {
        return "segment";
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

    /** @param vni the segment's, not the network's @param partialChecksum must be false */
    @Override
    public long encapsulate(
            MemorySegment buffer, long frameAt, int vni, long epoch, boolean partialChecksum, boolean passedOn) {
        Ethernet.putSource(buffer, frameAt, source(epoch, passedOn));
        return header(buffer, frameAt, vni);
    }

    /** The header only: the frame goes as it is. Where it now begins. */
    public static long header(MemorySegment buffer, long frameAt, int vni) {
        long at = frameAt - Vxlan.HEADER_BYTES;
        Vxlan.write(buffer, at, vni, 0);
        return at;
    }

    /** The inner frame's source address between gateways. */
    static long source(long epoch, boolean passedOn) {
        return PREFIX | (passedOn ? PASSED_ON : 0) | epoch & EPOCH_MASK;
    }

    @Override
    public boolean accepts(int firstOctet) {
        return firstOctet == Vxlan.FLAGS;
    }

    @Override
    public DropReason decapsulate(MemorySegment packet, long at, int length, Inbound result) {
        if (length < Vxlan.HEADER_BYTES + Ethernet.HEADER_BYTES) {
            return DropReason.TOO_SHORT;
        }
        if (!accepts(Vxlan.flags(packet, at))) {
            return DropReason.BAD_VXLAN;
        }
        long frameAt = at + Vxlan.HEADER_BYTES;
        long source = Ethernet.source(packet, frameAt);
        boolean ours = (source & PREFIX_MASK) == PREFIX;
        result.set(
                frameAt,
                length - Vxlan.HEADER_BYTES,
                Vxlan.vni(packet, at),
                ours ? (int) (source & EPOCH_MASK) : 0,
                false,
                ours && (source & PASSED_ON) != 0);
        return DropReason.NONE;
    }
}

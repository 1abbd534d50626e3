// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Ethernet frames that share one decision: one frame, or the segments of one TCP or UDP flow that follow each other without a gap and
 * differ in nothing but what follows from their place (RFC 9293, 768; what Linux calls a GSO packet).
 *
 * <pre>
 *   as read from a tap       | headers | payload: segment 0 | segment 1 | ... | last, may be shorter |
 *   as collected             | headers | segment 0 |  ...  | headers | segment 1 |  ...  | headers | last |
 * </pre>
 *
 * <p>No payload is moved: {@link #writeHeader} makes the headers of one segment, {@link #pieceAt} says where its payload is, and
 * {@link #prepareWhole} turns the first headers into those of the whole. Checksums stay <i>partial</i> (the field holds the sum of the
 * pseudo-header only, linux/virtio_net.h NEEDS_CSUM) where they are; {@link #copySegment} alone computes one over payload.
 *
 * <p><i>Order</i>: segments are in order. <i>Ownership</i>: refers to the caller's memory. <i>Locking</i>: none, one thread; nothing is
 * allocated after construction. Hostile octets are never joined, and never throw.
 */
public final class FrameRun {
    /** Collected segments at most. */
    public static final int COLLECTED_MAX = 128;

    private static final int IP_MAX_BYTES = 0xFFFF;
    private static final int L3 = Ethernet.HEADER_BYTES;
    private static final int CWR = 0x80;
    private static final MemorySegment NOTHING = Arena.global().allocate(1);

    private MemorySegment memory = NOTHING;
    private long frameAt;
    private int frameLength;
    private boolean partial;

    private int count;
    /** Of one segment: Ethernet, IP and transport; 0 when the frame is not TCP or UDP, or was not looked at. */
    private int headerBytes;

    private int l4;
    private boolean v6;
    private boolean tcp;
    private int segmentBytes;
    private int payloadBytes;
    private int lastFlags;
    private long pseudo;
    private final CommonHeaders common = new CommonHeaders();
    private long firstSequence;
    /** Of the IPv4 header, without length, identification and checksum; 0: not taken yet. */
    private long ipSum;

    private boolean joinable;
    private boolean collected;
    private boolean firstVerified;
    private final long[] pieceAt = new long[COLLECTED_MAX];

    // --- making one

    /** One frame that goes as it is, padding excluded. @param partialChecksum only for TCP and UDP, whole and directly behind IP */
    public FrameRun frame(MemorySegment s, long at, int length, boolean partialChecksum) {
        memory = s;
        frameAt = at;
        frameLength = length;
        partial = partialChecksum;
        count = 1;
        headerBytes = 0;
        joinable = false;
        collected = false;
        ipSum = 0;
        return this;
    }

    /**
     * What a tap hands over for later segmentation (virtio_net_hdr with a gso_type), as parsed; its checksum is partial.
     *
     * @return false when it is nothing that can be divided: neither TCP nor UDP, a fragment, or of no payload
     */
    public boolean whole(MemorySegment s, ParsedFrame f, int bytesPerSegment) {
        frame(s, f.frameAt(), f.unpaddedLength(), true);
        if (!locate() || bytesPerSegment <= 0 || f.isFragment() || f.l4At() != frameAt + l4) {
            headerBytes = 0;
            return false;
        }
        segmentBytes = bytesPerSegment;
        payloadBytes = frameLength - headerBytes;
        count = Math.max(1, (payloadBytes + bytesPerSegment - 1) / bytesPerSegment);
        lastFlags = tcp ? Tcp.flags(s, frameAt + l4) : 0;
        return payloadBytes > 0;
    }

    /** One frame that others may {@link #join}. */
    public void begin(MemorySegment s, long at, int length, boolean partialChecksum) {
        frame(s, at, length, partialChecksum);
        firstVerified = partialChecksum;
        if (!locate() || frameLength <= headerBytes || !isWhole(s, at, length)) {
            headerBytes = 0;
            return;
        }
        segmentBytes = payloadBytes = length - headerBytes;
        pieceAt[0] = at + headerBytes;
        lastFlags = tcp ? Tcp.flags(s, at + l4) : 0;
        joinable = !tcp || lastFlags == Tcp.ACK;
        if (joinable) {
            common.take(s, at, v6, tcp, headerBytes);
            ipSum = v6 ? 0 : ipSum();
            firstSequence = tcp ? Tcp.sequence(s, at + l4) : 0;
        }
    }

    /** Adds the frame if it is the next segment; if not, nothing has changed. */
    public boolean join(MemorySegment s, long at, int length, boolean partialChecksum) {
        int piece = length - headerBytes;
        if (!joinable
                || !s.equals(memory)
                || piece <= 0
                || piece > segmentBytes
                || count == COLLECTED_MAX
                || headerBytes - L3 + payloadBytes + piece > IP_MAX_BYTES
                || !continues(s, at, length)) {
            return false;
        }
        if (!partialChecksum && !isIntact(s, at, length)) {
            return false;
        }
        if (!firstVerified) {
            if (!isIntact(memory, frameAt, frameLength)) {
                joinable = false;
                return false;
            }
            firstVerified = true;
        }
        collected = true;
        partial = true;
        pieceAt[count++] = at + headerBytes;
        payloadBytes += piece;
        if (tcp) {
            lastFlags = Tcp.flags(s, at + l4);
        }
        joinable = piece == segmentBytes && (!tcp || lastFlags == Tcp.ACK);
        return true;
    }

    /** Finds the transport header; false unless it is TCP or UDP directly behind IP, whole, and inside the frame. */
    private boolean locate() {
        int type = frameLength < L3 + Ipv4.HEADER_BYTES ? 0 : Ethernet.type(memory, frameAt);
        long ip = frameAt + L3;
        int protocol;
        if (type == EtherType.IPV4) {
            if (Ipv4.version(memory, ip) != 4
                    || (Ipv4.fragmentField(memory, ip) & (Ipv4.MORE_FRAGMENTS | Ipv4.FRAGMENT_OFFSET_MASK)) != 0) {
                return false;
            }
            v6 = false;
            l4 = L3 + Ipv4.headerLength(memory, ip);
            protocol = Ipv4.protocol(memory, ip);
        } else if (type == EtherType.IPV6 && frameLength >= L3 + Ipv6.HEADER_BYTES) {
            v6 = true;
            l4 = L3 + Ipv6.HEADER_BYTES;
            protocol = Ipv6.nextHeader(memory, ip);
        } else {
            return false;
        }
        tcp = protocol == IpProtocol.TCP;
        if (l4 < L3 + Ipv4.HEADER_BYTES
                || !tcp && protocol != IpProtocol.UDP
                || frameLength < l4 + (tcp ? Tcp.HEADER_BYTES : Udp.HEADER_BYTES)) {
            return false;
        }
        int transport = tcp ? Tcp.headerLength(memory, frameAt + l4) : Udp.HEADER_BYTES;
        headerBytes = l4 + transport;
        if (tcp && transport < Tcp.HEADER_BYTES || headerBytes > frameLength) {
            headerBytes = 0;
            return false;
        }
        pseudo = v6
                ? Checksum.pseudoHeader6(
                        Ipv6.sourceHigh(memory, ip),
                        Ipv6.sourceLow(memory, ip),
                        Ipv6.destinationHigh(memory, ip),
                        Ipv6.destinationLow(memory, ip),
                        protocol,
                        0)
                : Checksum.pseudoHeader4(Ipv4.source(memory, ip), Ipv4.destination(memory, ip), protocol, 0);
        return true;
    }

    /** Whether the frame ends where its IP and UDP headers say; IPv4 without options and intact, UDP with a checksum. */
    private boolean isWhole(MemorySegment s, long at, int length) {
        long ip = at + L3;
        return isOfLength(s, at, length)
                && (v6
                        || Ipv4.headerLength(s, ip) == Ipv4.HEADER_BYTES
                                && Checksum.isIntact(Checksum.sum(s, ip, Ipv4.HEADER_BYTES)));
    }

    private boolean isOfLength(MemorySegment s, long at, int length) {
        long ip = at + L3;
        boolean ipFits = v6
                ? Ipv6.payloadLength(s, ip) == length - L3 - Ipv6.HEADER_BYTES
                : Ipv4.totalLength(s, ip) == length - L3;
        return ipFits && (tcp || Udp.length(s, at + l4) == length - l4 && (partial || Udp.checksum(s, at + l4) != 0));
    }

    /** Whether a frame has the headers that the next segment must have. */
    private boolean continues(MemorySegment s, long at, int length) {
        return common.areIn(s, at)
                && isOfLength(s, at, length)
                && (v6 || isIpv4Next(s, at + L3))
                && (!tcp || Tcp.sequence(s, at + l4) == (firstSequence + payloadBytes & 0xFFFF_FFFFL));
    }

    /** What is the same in all of them is intact. RFC 6864: the identification means nothing with DF; without, the segments must keep theirs. */
    private boolean isIpv4Next(MemorySegment s, long ip) {
        int id = Ipv4.identification(s, ip);
        return Ipv4.checksum(s, ip) == Checksum.finish(ipSum + Ipv4.totalLength(s, ip) + id)
                && (Ipv4.dontFragment(s, ip) || id == (Ipv4.identification(memory, frameAt + L3) + count & 0xFFFF));
    }

    /** What all IPv4 headers of the run have in common. */
    private long ipSum() {
        long ip = frameAt + L3;
        return Checksum.sum(memory, ip, l4 - L3)
                + (~Ipv4.totalLength(memory, ip) & 0xFFFF)
                + (~Ipv4.identification(memory, ip) & 0xFFFF)
                + (~Ipv4.checksum(memory, ip) & 0xFFFF);
    }

    private boolean isIntact(MemorySegment s, long at, int length) {
        int l4Length = length - l4;
        return Checksum.isIntact(pseudo + l4Length + Checksum.sum(s, at + l4, l4Length));
    }

    /** The frame ends there: what follows is padding. Of a single frame only. */
    public void trim(int length) {
        if (count == 1) {
            frameLength = length;
        }
    }

    // --- what it is

    public MemorySegment memory() {
        return memory;
    }

    /** Where the headers begin: of the only frame, of the first, or of all. */
    public long frameAt() {
        return frameAt;
    }

    /** Frames on a wire. */
    public int count() {
        return count;
    }

    /** Octets at {@link #frameAt} that belong together: the only frame, or the headers and, as read from a tap, all payload. */
    public int frameLength() {
        return frameLength;
    }

    /** What TCP flags are set in any of them; {@code f} is the first, parsed. */
    public int tcpFlags(ParsedFrame f) {
        return count > 1 && tcp ? f.tcpFlags() | lastFlags : f.tcpFlags();
    }

    /** Whether all its octets stand together at {@link #frameAt}, under headers that are those of the whole. */
    public boolean isInOnePiece() {
        return !collected;
    }

    /** True when checksums are partial: all frames' are, or none's. */
    public boolean isPartial() {
        return partial;
    }

    /** The transport checksum cannot be what a partial one is for: hostile, or a mistake. Valid for a single frame. */
    public boolean isPartialInVain() {
        return partial && headerBytes == 0 && !locate();
    }

    /** Of the longest of its frames: IP header and payload. */
    public int longestIpBytes() {
        return (count == 1 ? frameLength : headerBytes + segmentBytes) - L3;
    }

    /** Ethernet, IP and transport headers of each segment, when there are several. */
    public int headerBytes() {
        return headerBytes;
    }

    /** Payload octets of each segment but the last, when there are several. */
    public int segmentBytes() {
        return segmentBytes;
    }

    public long pieceAt(int i) {
        return collected ? pieceAt[i] : frameAt + headerBytes + (long) i * segmentBytes;
    }

    public int pieceLength(int i) {
        return i == count - 1 ? payloadBytes - i * segmentBytes : segmentBytes;
    }

    // --- taking it apart

    /** Writes the headers of segment {@code i} of several, with a partial checksum; their length. */
    public int writeHeader(int i, MemorySegment to, long at) {
        MemorySegment.copy(memory, frameAt, to, at, headerBytes);
        if (!v6 && (i == 0 || ipSum == 0)) {
            ipSum = ipSum(); // others may have changed addresses since
        }
        boolean last = i == count - 1;
        fit(to, at, pieceLength(i), i);
        if (tcp) {
            long t = at + l4;
            long sequence = Tcp.sequence(memory, frameAt + l4) + (long) i * segmentBytes;
            BigEndian.putU32(to, t + Tcp.SEQUENCE_OFFSET, sequence & 0xFFFF_FFFFL);
            int flags = last ? lastFlags : lastFlags & ~(Tcp.PSH | Tcp.FIN);
            BigEndian.putU8(to, t + Tcp.FLAGS_OFFSET, i == 0 ? flags : flags & ~CWR);
        }
        return headerBytes;
    }

    /** Makes the headers at {@link #frameAt} those of all payload together, with a partial checksum. Of several segments only. */
    public void prepareWhole() {
        ipSum = v6 ? 0 : ipSum();
        fit(memory, frameAt, payloadBytes, 0);
        if (tcp) {
            BigEndian.putU8(memory, frameAt + l4 + Tcp.FLAGS_OFFSET, lastFlags);
        }
    }

    /** Lengths, identification, and the sums that follow from them. */
    private void fit(MemorySegment to, long at, int payload, int idAdded) {
        int ipBytes = headerBytes - L3 + payload;
        int l4Length = headerBytes - l4 + payload;
        long ip = at + L3;
        if (v6) {
            BigEndian.putU16(to, ip + Ipv6.PAYLOAD_LENGTH_OFFSET, ipBytes - Ipv6.HEADER_BYTES);
        } else {
            int id = Ipv4.identification(memory, frameAt + L3) + idAdded & 0xFFFF;
            BigEndian.putU32(to, ip + Ipv4.TOTAL_LENGTH_OFFSET, (long) ipBytes << 16 | id);
            BigEndian.putU16(to, ip + Ipv4.CHECKSUM_OFFSET, Checksum.finish(ipSum + ipBytes + id));
        }
        if (!tcp) {
            BigEndian.putU16(to, at + l4 + Udp.LENGTH_OFFSET, l4Length);
        }
        BigEndian.putU16(to, checksumAt(at), Checksum.fold(pseudo + l4Length));
    }

    private long checksumAt(long at) {
        return at + l4 + (tcp ? Tcp.CHECKSUM_OFFSET : Udp.CHECKSUM_OFFSET);
    }

    /** Copies frame {@code i} as it belongs on a wire, its checksum complete; its length. */
    public int copySegment(int i, MemorySegment to, long at) {
        int length;
        if (count == 1) {
            length = frameLength;
            MemorySegment.copy(memory, frameAt, to, at, length);
            if (!partial || headerBytes == 0 && !locate()) {
                return length;
            }
        } else {
            length = writeHeader(i, to, at) + pieceLength(i);
            MemorySegment.copy(memory, pieceAt(i), to, at + headerBytes, pieceLength(i));
        }
        complete(to, at, length);
        return length;
    }

    private void complete(MemorySegment to, long at, int length) {
        BigEndian.putU16(to, checksumAt(at), 0);
        int l4Length = length - l4;
        int checksum = Checksum.finish(pseudo + l4Length + Checksum.sum(to, at + l4, l4Length));
        // RFC 768: a sum of zero goes as all ones, since zero says that there is none.
        BigEndian.putU16(to, checksumAt(at), checksum == 0 && !tcp ? 0xFFFF : checksum);
    }

    /** Completes the checksum of a single frame where it stands; a frame whose checksum is complete stays as it is. */
    public void completeInPlace() {
        if (count == 1 && partial && (headerBytes != 0 || locate())) {
            complete(memory, frameAt, frameLength);
        }
        partial = false;
    }

    /** Writes the virtio_net_hdr (10 octets) that goes before it into a tap; after {@link #prepareWhole} when there are several. */
    public void writeVirtioHeader(MemorySegment to, long at) {
        if (!partial || headerBytes == 0 && !locate()) {
            VirtioNetHeader.write(to, at, 0, VirtioNetHeader.GSO_NONE, 0, 0, 0, 0);
            return;
        }
        int type = VirtioNetHeader.GSO_NONE;
        if (count > 1) {
            type = !tcp ? VirtioNetHeader.GSO_UDP_L4 : v6 ? VirtioNetHeader.GSO_TCPV6 : VirtioNetHeader.GSO_TCPV4;
        }
        VirtioNetHeader.write(
                to,
                at,
                VirtioNetHeader.NEEDS_CHECKSUM,
                type,
                headerBytes,
                count > 1 ? segmentBytes : 0,
                l4,
                tcp ? Tcp.CHECKSUM_OFFSET : Udp.CHECKSUM_OFFSET);
    }
}

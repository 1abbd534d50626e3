// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.wire.AddressRewriter;
import io.sojourn.wire.AddressTranslation;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Checksum;
import io.sojourn.wire.Icmp4;
import io.sojourn.wire.IcmpErrors;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.Tcp;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * ICMP errors about connections that have moved (RFC 792; RFC 4443, section 3). They quote a segment as it was on the underlay, and the host that sent it knows it by other ends; what RFC 5508, section 4.2
 * asks of a NAT is done here. Without it a host would never hear that a packet was too big for its new path.
 *
 * <p><i>Order</i>: none. <i>Ownership</i>: in place; checksums are updated (RFC 1624), never computed. <i>Locking</i>: none, one thread; allocates nothing.
 */
final class QuoteRewriter implements AddressTranslation {
    private final AddressRewriter addresses = new AddressRewriter(this);
    private final Segment quoted = new Segment();
    private @Nullable Flow flow;
    private long high;
    private long low;

    /** Of an error from the underlay; false: it is about no connection that has moved, and is as it was. */
    boolean rewrite(MemorySegment s, ParsedFrame f, FlowTable flows) {
        if (!f.isIcmpError()
                || f.isFragment()
                || !quoted.locateQuoted(
                        s, f.l4At() + IcmpErrors.QUOTE_OFFSET, f.l4Length() - IcmpErrors.QUOTE_OFFSET)) {
            return false;
        }
        Flow about = flows.departed(quoted);
        if (about == null || !about.remapped) {
            return false;
        }
        flow = about;
        addresses.rewrite(s, f, false);
        flow = null;
        ports(s, f.l4At() + Icmp4.CHECKSUM_OFFSET, about.own.port(), about.peer.port());
        return true;
    }

    private void ports(MemorySegment s, long checksumAt, int source, int destination) {
        long change = Checksum.change(
                (long) quoted.sourcePort << 16 | quoted.destinationPort, (long) source << 16 | destination);
        BigEndian.putU16(s, quoted.tcp + Tcp.SOURCE_PORT_OFFSET, source);
        BigEndian.putU16(s, quoted.tcp + Tcp.DESTINATION_PORT_OFFSET, destination);
        if (quoted.tcpBytes >= Tcp.CHECKSUM_OFFSET + 2) {
            int old = Tcp.checksum(s, quoted.tcp);
            int now = Checksum.update(old, change);
            BigEndian.putU16(s, quoted.tcp + Tcp.CHECKSUM_OFFSET, now);
            change += Checksum.change(old, now);
        }
        BigEndian.putU16(s, checksumAt, Checksum.update(BigEndian.u16(s, checksumAt), change));
    }

    @Override
    public boolean find(boolean isV6, long addressHigh, long addressLow) {
        Flow about = flow;
        return about != null
                && (isThat(about.ownPlace, about.own, isV6, addressHigh, addressLow)
                        || isThat(about.peerPlace, about.peer, isV6, addressHigh, addressLow));
    }

    private boolean isThat(Place there, Place here, boolean isV6, long addressHigh, long addressLow) {
        IpAddress address = there.address();
        high = here.address().high();
        low = here.address().low();
        return address.low() == addressLow && address.high() == addressHigh && address.isV6() == isV6;
    }

    @Override
    public long high() {
        return high;
    }

    @Override
    public long low() {
        return low;
    }
}

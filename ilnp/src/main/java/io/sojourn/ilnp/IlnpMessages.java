// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import io.sojourn.model.location.Locator64;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.IlnpHeaders;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv6;
import io.sojourn.wire.LocatorUpdate;
import io.sojourn.wire.NonceOption;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** What nodes say to each other about locators, as whole IPv6 packets. Control path: it allocates. */
public final class IlnpMessages {
    /** RFC 8200 leaves it to the sender; what Linux takes. */
    private static final int HOP_LIMIT = 64;

    private IlnpMessages() {}

    /** Octets of the packet that {@link #writeUpdate} writes. */
    public static int updateBytes(Nonce nonce, int locators) {
        return Ipv6.HEADER_BYTES + NonceOption.headerBytes(nonce.bytes()) + LocatorUpdate.V6.bytes(locators);
    }

    /**
     * Writes a Locator Update.
     *
     * @param operation {@link LocatorUpdate#ADVERTISEMENT} or {@link LocatorUpdate#ACKNOWLEDGEMENT}
     * @return its octets
     */
    public static int writeUpdate(
            MemorySegment s,
            long at,
            long sourceLocator,
            long sourceNid,
            long destinationLocator,
            long destinationNid,
            Nonce nonce,
            int operation,
            List<Advertised> listed) {
        int update = LocatorUpdate.V6.bytes(listed.size());
        int header = NonceOption.headerBytes(nonce.bytes());
        Ipv6.write(
                s,
                at,
                0,
                header + update,
                IpProtocol.DESTINATION_OPTIONS,
                HOP_LIMIT,
                sourceLocator,
                sourceNid,
                destinationLocator,
                destinationNid);
        NonceOption.write(s, at + Ipv6.HEADER_BYTES, IpProtocol.ICMPV6, nonce.bytes(), nonce.high(), nonce.low());
        long message = at + Ipv6.HEADER_BYTES + header;
        LocatorUpdate.V6.writeHeader(s, message, operation, listed.size());
        for (int i = 0; i < listed.size(); i++) {
            Advertised entry = listed.get(i);
            LocatorUpdate.V6.writeLocator(s, message, i, entry.locator().bits(), entry.preference(), entry.lifetimeS());
        }
        LocatorUpdate.V6.putChecksum(s, at, message, update);
        return Ipv6.HEADER_BYTES + header + update;
    }

    /**
     * Writes a packet that holds a nonce and nothing behind it (No Next Header, RFC 8200 section 4.7): it opens or refreshes a session without a guest's packet having to carry the option,
     * and having to be lost where the option is not known.
     *
     * @return its octets
     */
    public static int writeNonce(
            MemorySegment s,
            long at,
            long sourceLocator,
            long sourceNid,
            long destinationLocator,
            long destinationNid,
            Nonce nonce) {
        int header = NonceOption.headerBytes(nonce.bytes());
        Ipv6.write(
                s,
                at,
                0,
                header,
                IpProtocol.DESTINATION_OPTIONS,
                HOP_LIMIT,
                sourceLocator,
                sourceNid,
                destinationLocator,
                destinationNid);
        NonceOption.write(
                s, at + Ipv6.HEADER_BYTES, IpProtocol.NO_NEXT_HEADER, nonce.bytes(), nonce.high(), nonce.low());
        return Ipv6.HEADER_BYTES + header;
    }

    /** Whether the update or acknowledgement that {@code headers} has found in the packet at {@code ip} may be read by {@link #listed}. */
    public static DropReason checkUpdate(MemorySegment s, long ip, IlnpHeaders headers) {
        long at = ip + headers.upperOffset();
        int length = headers.upperLength();
        DropReason bad = LocatorUpdate.V6.check(s, at, length);
        if (bad.isDrop()) {
            return bad;
        }
        return LocatorUpdate.V6.isIntact(s, ip, at, length) ? DropReason.NONE : DropReason.BAD_TRANSPORT_CHECKSUM;
    }

    /** What a message lists that {@link #checkUpdate} has found well formed. */
    public static List<Advertised> listed(MemorySegment s, long ip, IlnpHeaders headers) {
        long at = ip + headers.upperOffset();
        List<Advertised> listed = new ArrayList<>();
        for (int i = 0; i < LocatorUpdate.count(s, at); i++) {
            listed.add(new Advertised(
                    new Locator64(LocatorUpdate.V6.locator(s, at, i)),
                    LocatorUpdate.V6.preference(s, at, i),
                    LocatorUpdate.V6.lifetimeS(s, at, i)));
        }
        return listed;
    }
}

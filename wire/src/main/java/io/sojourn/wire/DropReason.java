// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.util.Locale;

/**
 * Why a packet went no further. Each is a counter; {@link #label} is its stable name in metrics and must never change.
 */
public enum DropReason {
    /** Not dropped. */
    NONE,

    // the octets themselves
    TOO_SHORT,
    VLAN_TAGGED,
    GROUP_SOURCE,
    UNKNOWN_ETHER_TYPE,
    BAD_ARP,
    BAD_IP_VERSION,
    BAD_IP_HEADER_LENGTH,
    BAD_IP_LENGTH,
    BAD_IP_CHECKSUM,
    BAD_FRAGMENT,
    BAD_EXTENSION_HEADERS,
    BAD_TRANSPORT_LENGTH,
    BAD_TRANSPORT_CHECKSUM,
    BAD_NEIGHBOR_DISCOVERY,
    /** ILNP: an update without locators, of an unknown operation, or cut off. */
    BAD_LOCATOR_UPDATE,
    /** ILNP: two nonces, or one of neither 32 nor 96 bits. */
    BAD_NONCE_OPTION,
    BAD_VXLAN,
    MARTIAN_SOURCE,
    MARTIAN_DESTINATION,

    // where it was going
    NOT_FOR_US,
    LINK_LOCAL,
    MULTICAST,
    UNKNOWN_NETWORK,
    /** Its destination is in our page, and stands for nobody. */
    NO_PAGE,
    UNKNOWN_SOURCE,
    NO_ROUTE,
    NO_NEIGHBOR,
    LOOP,
    HAIRPIN,
    TTL_EXPIRED,
    TOO_BIG,
    SPOOFED,
    FILTERED,
    /** More than its station is allowed. */
    RATE_LIMITED,
    /** More than its station's share, while there was not enough for all. */
    FAIR_SHARE,

    // flows with the world outside
    /** From outside, for an address of ours, and of no flow that began here. */
    NO_FLOW,
    /** A fragment whose first one has not been seen. */
    NO_FIRST_FRAGMENT,
    /** Every flow that is remembered is alive. */
    FLOW_TABLE_FULL,
    /** No address and port is left to translate to. */
    NO_PORT,

    // who sent it
    UNKNOWN_PEER,
    UNKNOWN_DATAGRAM,
    UNAUTHENTICATED,
    REPLAYED,
    MALFORMED_CONTROL,
    /** ILNP: an update without a nonce. */
    NO_NONCE,
    /** ILNP: a nonce that is not the one its sender was known by. */
    WRONG_NONCE,
    /** ILNP: a known identifier from a place it is not known to be at, without a nonce. */
    UNKNOWN_LOCATOR,
    /** ILNP: an update from, or an acknowledgement by, somebody whom there is no session with. */
    UNKNOWN_CORRESPONDENT,
    /** ILNP: there is room for no more correspondents. */
    CACHE_FULL,
    /** ILNP: an acknowledgement of what is not, or no longer, waited for. */
    STALE_ACKNOWLEDGEMENT,
    /** Label: a control message about a connection that is not known here. */
    UNKNOWN_LABEL,
    /** Label: a connection would go on from a place where another one is. */
    PLACE_TAKEN,
    /** Label: a segment from or to an address of another site, of a connection that is not known here. */
    UNKNOWN_FLOW,

    // the sealed transport
    /** There is no session with the gateway that it was for, yet or any more. */
    NO_SESSION,
    /** Sealed for a session that is not, or no longer, held here. */
    UNKNOWN_SESSION,
    /** It came in the open from a gateway whose packets must be sealed. */
    UNSEALED,
    /** A handshake in a flood of them: its sender was sent a cookie to come back with. */
    COOKIE_REQUIRED,
    /** A handshake in a flood, from somebody who did come back with a cookie. */
    HANDSHAKE_FLOOD,

    // the state of a binding
    STALE_EPOCH,
    FUTURE_EPOCH,
    TOMBSTONE,
    HELD_TOO_LONG,
    BUFFER_FULL,
    BUFFER_EXPIRED,
    ABORTED,

    // the machine
    TAP_FULL,
    TAP_ERROR,
    SOCKET_FULL,
    SOCKET_ERROR,
    SHUTTING_DOWN;

    private final String label = name().toLowerCase(Locale.ROOT).replace('_', '-');

    /** The name in counters, such as {@code bad-ip-length}. */
    public String label() {
        return label;
    }

    public boolean isDrop() {
        return this != NONE;
    }

    @Override
    public String toString() {
        return label;
    }
}

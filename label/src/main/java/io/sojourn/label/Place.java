// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

import io.sojourn.model.identity.IpAddress;

/** One end of a TCP connection: as its host knows it, or as it is found on the underlay. */
public record Place(IpAddress address, int port) implements Comparable<Place> {
    public Place {
        if (port < 0 || port > 0xFFFF) {
            throw new IllegalArgumentException(port + " is not a port");
        }
    }

    @Override
    public int compareTo(Place other) {
        int byAddress = address.compareTo(other.address);
        return byAddress != 0 ? byAddress : Integer.compare(port, other.port);
    }

    /** {@code 192.0.2.1:80}, {@code [2001:db8::1]:80}. */
    @Override
    public String toString() {
        return address.isV6() ? "[" + address + "]:" + port : address + ":" + port;
    }
}

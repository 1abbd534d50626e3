// SPDX-License-Identifier: Apache-2.0
package io.sojourn.model.identity;

/** What a packet is looked up by: an address inside one virtual network. A VM has one or several. */
public record Identifier(NetworkId network, IpAddress address) {
    @Override
    public String toString() {
        return address + "@" + network;
    }
}

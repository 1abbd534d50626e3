// SPDX-License-Identifier: Apache-2.0
package io.sojourn.model.identity;

/**
 * A virtual network: addresses mean something only inside one. On the wire it is the 24-bit VNI of RFC 7348, section 5.
 *
 * @param vni 1 to 16,777,214; 0 and 2^24-1 are kept for the gateways' own use
 */
public record NetworkId(int vni) implements Comparable<NetworkId> {
    public static final int MAX_VNI = 0xFF_FFFE;

    public NetworkId {
        if (vni < 1 || vni > MAX_VNI) {
            throw new IllegalArgumentException("VNI " + vni + ": must be 1 to " + MAX_VNI);
        }
    }

    @Override
    public int compareTo(NetworkId other) {
        return Integer.compare(vni, other.vni);
    }

    @Override
    public String toString() {
        return Integer.toString(vni);
    }
}

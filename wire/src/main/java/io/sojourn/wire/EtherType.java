// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

/** EtherTypes (IEEE 802 numbers, IANA registry) that a gateway tells apart. */
public final class EtherType {
    public static final int IPV4 = 0x0800;
    public static final int ARP = 0x0806;
    public static final int RARP = 0x8035;
    public static final int IPV6 = 0x86DD;

    /** IEEE 802.1Q customer tag. */
    public static final int VLAN = 0x8100;
    /** IEEE 802.1ad service tag. */
    public static final int SERVICE_VLAN = 0x88A8;
    /** The service tag used before 802.1ad. */
    public static final int OLD_SERVICE_VLAN = 0x9100;
    /** Values below are IEEE 802.3 lengths, not types. */
    public static final int LOWEST = 0x0600;

    private EtherType() {}

    public static boolean isVlan(int type) {
        return type == VLAN || type == SERVICE_VLAN || type == OLD_SERVICE_VLAN;
    }
}

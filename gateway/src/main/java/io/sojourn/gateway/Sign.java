// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.ParsedFrame.Family;

/** What a frame with a registered MAC says about its VM: whether that runs behind this port, and whether it may. */
enum Sign {
    /** Says nothing: link-local chatter, an address not chosen yet. */
    NONE,
    /** RARP. QEMU writes it for a guest that has arrived, also for one that has not been continued: it may run soon. */
    ARRIVED,
    /** Gratuitous ARP or unsolicited NA for an address registered with this MAC: the guest runs and says so. */
    ANNOUNCED,
    /** A frame from an address registered with this MAC: the guest runs. */
    SPOKE,
    /** From an address that is not registered with this MAC: whoever that is has no right to the VM's traffic. */
    FOREIGN;

    static Sign of(ParsedFrame f, VmEntry.Nic nic) {
        if (f.family() == Family.RARP) {
            return ARRIVED;
        }
        if (f.isDuplicateAddressProbe()) {
            return NONE; // asks whether it may have the address
        }
        boolean gratuitous = f.isGratuitous();
        switch (f.family()) {
            case ARP -> {
                return f.arpSenderIp() == 0 ? NONE : own(nic, false, 0, f.arpSenderIp(), gratuitous);
            }
            case IPV4 -> {
                return f.sourceLow() == 0 || f.sourceLow() >>> 16 == 0xA9FE // RFC 3927: 169.254/16
                        ? NONE
                        : own(nic, false, 0, f.sourceLow(), false);
            }
            case IPV6 -> {
                if (gratuitous) {
                    return isLinkScoped(f.ndTargetHigh(), f.ndTargetLow())
                            ? NONE
                            : own(nic, true, f.ndTargetHigh(), f.ndTargetLow(), true);
                }
                return isLinkScoped(f.sourceHigh(), f.sourceLow())
                        ? NONE
                        : own(nic, true, f.sourceHigh(), f.sourceLow(), false);
            }
            default -> {
                return NONE;
            }
        }
    }

    /** fe80::/10 and the unspecified address (RFC 4291). */
    private static boolean isLinkScoped(long high, long low) {
        return high >>> 54 == 0x3FA || high == 0 && low == 0;
    }

    private static Sign own(VmEntry.Nic nic, boolean isV6, long high, long low, boolean gratuitous) {
        return !nic.has(isV6, high, low) ? FOREIGN : gratuitous ? ANNOUNCED : SPOKE;
    }

    boolean isAnnouncement() {
        return this == ARRIVED || this == ANNOUNCED;
    }
}

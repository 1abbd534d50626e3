// SPDX-License-Identifier: Apache-2.0
package io.sojourn.dns;

import org.xbill.DNS.Name;
import org.xbill.DNS.Type;

/** Names a locator for IPv6: preference, 64 bits (RFC 6742 section 2.3). {@code host1.example.com. IN L64 10 2001:0DB8:1140:1000} */
public final class L64Record extends PreferredBits {
    private static final long serialVersionUID = 1;

    /** For dnsjava, which then has it read. */
    public L64Record() {}

    public L64Record(Name owner, long ttlS, int preference, long bits) {
        super(owner, Type.L64, ttlS, preference, bits);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.dns;

import org.xbill.DNS.Name;
import org.xbill.DNS.Type;

/** Names an identifier of a node: preference, 64 bits (RFC 6742 section 2.1). {@code host1.example.com. IN NID 10 0014:4fff:ff20:ee64} */
public final class NidRecord extends PreferredBits {
    private static final long serialVersionUID = 1;

    /** For dnsjava, which then has it read. */
    public NidRecord() {}

    public NidRecord(Name owner, long ttlS, int preference, long bits) {
        super(owner, Type.NID, ttlS, preference, bits);
    }
}

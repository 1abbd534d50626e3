// SPDX-License-Identifier: Apache-2.0
package io.sojourn.dns;

import org.xbill.DNS.Type;

/** dnsjava knows the four types by name and number, but not what is in them. */
final class IlnpRecords {
    static {
        Type.register(Type.NID, "NID", NidRecord::new);
        Type.register(Type.L32, "L32", L32Record::new);
        Type.register(Type.L64, "L64", L64Record::new);
        Type.register(Type.LP, "LP", LpRecord::new);
    }

    private IlnpRecords() {}

    /** From here on they are read and written. May be called often. */
    static void register() {
        // when this class is there, it is done
    }
}

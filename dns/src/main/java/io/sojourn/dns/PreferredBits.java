// SPDX-License-Identifier: Apache-2.0
package io.sojourn.dns;

import java.io.IOException;
import org.xbill.DNS.Compression;
import org.xbill.DNS.DClass;
import org.xbill.DNS.DNSInput;
import org.xbill.DNS.DNSOutput;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Tokenizer;

/** A preference, the lower the better, and 64 bits: what NID and L64 have in common. */
abstract class PreferredBits extends Record {
    private static final long serialVersionUID = 1;

    private int preference;
    private long bits;

    PreferredBits() {}

    PreferredBits(Name owner, int type, long ttlS, int preference, long bits) {
        super(owner, type, DClass.IN, ttlS);
        this.preference = preference;
        this.bits = bits;
    }

    public final int preference() {
        return preference;
    }

    public final long bits() {
        return bits;
    }

    @Override
    protected final void rrFromWire(DNSInput in) throws IOException {
        preference = in.readU16();
        bits = in.readU32() << 32 | in.readU32();
    }

    @Override
    protected final void rrToWire(DNSOutput out, Compression c, boolean canonical) {
        out.writeU16(preference);
        out.writeU32(bits >>> 32);
        out.writeU32(bits & 0xFFFF_FFFFL);
    }

    @Override
    protected final String rrToString() {
        return preference + " " + HexGroups.format(bits);
    }

    @Override
    protected final void rdataFromString(Tokenizer st, Name origin) throws IOException {
        preference = st.getUInt16();
        bits = HexGroups.parse(st.getString());
    }
}

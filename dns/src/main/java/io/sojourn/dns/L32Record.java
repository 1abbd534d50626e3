// SPDX-License-Identifier: Apache-2.0
package io.sojourn.dns;

import io.sojourn.model.identity.IpAddress;
import java.io.IOException;
import org.xbill.DNS.Compression;
import org.xbill.DNS.DClass;
import org.xbill.DNS.DNSInput;
import org.xbill.DNS.DNSOutput;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Tokenizer;
import org.xbill.DNS.Type;

/** Names a locator for IPv4: preference, 32 bits (RFC 6742 section 2.2). {@code host1.example.com. IN L32 10 10.1.2.0} */
public final class L32Record extends Record {
    private static final long serialVersionUID = 1;

    private int preference;
    private int bits;

    /** For dnsjava, which then has it read. */
    public L32Record() {}

    public L32Record(Name owner, long ttlS, int preference, int bits) {
        super(owner, Type.L32, DClass.IN, ttlS);
        this.preference = preference;
        this.bits = bits;
    }

    public int preference() {
        return preference;
    }

    public int bits() {
        return bits;
    }

    @Override
    protected void rrFromWire(DNSInput in) throws IOException {
        preference = in.readU16();
        bits = (int) in.readU32();
    }

    @Override
    protected void rrToWire(DNSOutput out, Compression c, boolean canonical) {
        out.writeU16(preference);
        out.writeU32(bits & 0xFFFF_FFFFL);
    }

    @Override
    protected String rrToString() {
        return preference + " " + IpAddress.v4(bits);
    }

    @Override
    protected void rdataFromString(Tokenizer st, Name origin) throws IOException {
        preference = st.getUInt16();
        String text = st.getString();
        try {
            IpAddress address = IpAddress.parse(text);
            if (!address.isV6()) {
                bits = (int) address.low();
                return;
            }
        } catch (IllegalArgumentException e) {
            // the same complaint
        }
        throw st.exception("'" + text + "' is no locator such as 10.1.2.0");
    }
}

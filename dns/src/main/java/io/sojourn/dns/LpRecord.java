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
import org.xbill.DNS.Type;

/**
 * Names a name that has locators: preference and a name, never compressed (RFC 6742 section 2.4). Of all nodes that point at one name, one record says where they
 * are. {@code host1.example.com. IN LP 10 l64-subnet1.example.com.}
 */
public final class LpRecord extends Record {
    private static final long serialVersionUID = 1;

    private int preference;
    private Name target = Name.root;

    /** For dnsjava, which then has it read. */
    public LpRecord() {}

    /** @throws IllegalArgumentException if it pointed at its own owner, which RFC 6742 forbids */
    public LpRecord(Name owner, long ttlS, int preference, Name target) {
        super(owner, Type.LP, DClass.IN, ttlS);
        if (owner.equals(target)) {
            throw new IllegalArgumentException("LP of " + owner + " points at itself");
        }
        this.preference = preference;
        this.target = target;
    }

    public int preference() {
        return preference;
    }

    public Name target() {
        return target;
    }

    @Override
    protected void rrFromWire(DNSInput in) throws IOException {
        preference = in.readU16();
        target = new Name(in);
    }

    @Override
    protected void rrToWire(DNSOutput out, Compression c, boolean canonical) {
        out.writeU16(preference);
        target.toWire(out, null, canonical);
    }

    @Override
    protected String rrToString() {
        return preference + " " + target;
    }

    @Override
    protected void rdataFromString(Tokenizer st, Name origin) throws IOException {
        preference = st.getUInt16();
        target = st.getName(origin);
    }
}

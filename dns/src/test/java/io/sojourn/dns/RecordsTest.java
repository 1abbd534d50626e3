// SPDX-License-Identifier: Apache-2.0
package io.sojourn.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.util.HexFormat;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.TextParseException;
import org.xbill.DNS.Type;

/** The examples of RFC 6742, as text and as octets. */
class RecordsTest {
    private static final Name OWNER = ZoneSettings.absolute("host1.example.com");

    @BeforeAll
    static void register() {
        IlnpRecords.register();
    }

    private static Record parse(int type, String text) throws IOException {
        return Record.fromString(OWNER, type, DClass.IN, 5, text, Name.root);
    }

    private static void check(int type, String text, String rdata, String shown) throws IOException {
        Record record = parse(type, text);
        assertThat(HexFormat.of().formatHex(record.rdataToWireCanonical())).isEqualTo(rdata);
        assertThat(record.rdataToString()).isEqualTo(shown);
        Record read = Record.fromWire(record.toWire(Section.ANSWER), Section.ANSWER);
        assertThat(read).isEqualTo(record).hasSameClassAs(record);
        assertThat(parse(type, shown)).isEqualTo(record);
    }

    @Test
    void areReadAndWrittenAsTheRfcHasThem() throws IOException {
        check(Type.NID, "10 0014:4fff:ff20:ee64", "000a" + "00144fffff20ee64", "10 0014:4fff:ff20:ee64");
        check(Type.L32, "10 10.1.2.0", "000a" + "0a010200", "10 10.1.2.0");
        check(Type.L64, "10 2001:0DB8:1140:1000", "000a" + "20010db811401000", "10 2001:0db8:1140:1000");
        check(
                Type.LP,
                "10 l64-subnet1.example.com.",
                "000a" + "0b6c36342d7375626e657431" + "076578616d706c65" + "03636f6d" + "00",
                "10 l64-subnet1.example.com.");
    }

    @Test
    void wrongTextIsRefused() {
        for (String wrong :
                new String[] {"10 0014::ee64", "10 0014:4fff:ff20", "10 0014:4fff:ff20:gg64", "65536 1:2:3:4", "1:2:3:4"
                }) {
            assertThatThrownBy(() -> parse(Type.NID, wrong)).as(wrong).isInstanceOf(TextParseException.class);
        }
        assertThatThrownBy(() -> parse(Type.L32, "10 2001::1")).isInstanceOf(TextParseException.class);
        assertThatThrownBy(() -> parse(Type.L32, "10 10.1.2")).isInstanceOf(TextParseException.class);
    }

    @Test
    void aPointerMayNotPointAtItself() {
        assertThatThrownBy(() -> new LpRecord(OWNER, 5, 10, OWNER)).hasMessageContaining("points at itself");
    }
}

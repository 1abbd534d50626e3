// SPDX-License-Identifier: Apache-2.0
package io.sojourn.dns;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.NSIDOption;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/** Coverage-guided search from genuine queries. */
@Tag("fuzz")
class ResponderFuzzTest {
    private final Zone zone = Zones.tokyo();
    private final Responder responder = new Responder(() -> zone, "x");

    static Stream<Arguments> queries() {
        return Stream.of(Type.NID, Type.L64, Type.LP, Type.AAAA, Type.ANY).map(type -> {
            Message query =
                    Message.newQuery(Record.newRecord(ZoneSettings.absolute("web1.vms.example.net"), type, DClass.IN));
            query.addRecord(new OPTRecord(1232, 0, 0, 0, new NSIDOption(new byte[0])), Section.ADDITIONAL);
            return Arguments.of((Object) query.toWire());
        });
    }

    @MethodSource("queries")
    @FuzzTest
    void nothingThrows(byte[] query) {
        responder.answer(query, false);
        responder.answer(query, true);
    }
}

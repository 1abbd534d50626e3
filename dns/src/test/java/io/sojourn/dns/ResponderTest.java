// SPDX-License-Identifier: Apache-2.0
package io.sojourn.dns;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.xbill.DNS.DClass;
import org.xbill.DNS.EDNSOption;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.NSIDOption;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.Opcode;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

class ResponderTest {
    private Zone zone = Zones.tokyo();
    private final Responder responder = new Responder(() -> zone, "controller-1");

    private static Message query(String name, int type) {
        return Message.newQuery(Record.newRecord(ZoneSettings.absolute(name), type, DClass.IN));
    }

    private Message ask(Message query, boolean tcp) throws IOException {
        byte[] answer = responder.answer(query.toWire(), tcp).orElseThrow();
        Message response = new Message(answer);
        assertThat(response.getHeader().getID()).isEqualTo(query.getHeader().getID());
        assertThat(response.getHeader().getFlag(Flags.QR)).isTrue();
        return response;
    }

    private Message ask(String name, int type) throws IOException {
        return ask(query(name, type), false);
    }

    private static List<String> texts(Message message, int section) {
        return message.getSection(section).stream()
                .filter(record -> record.getType() != Type.OPT)
                .map(record -> record.getName() + " " + record.getTTL() + " " + Type.string(record.getType()) + " "
                        + record.rdataToString())
                .toList();
    }

    @Test
    void namesAVmsIdentifierAndWithItWhereItIs() throws IOException {
        Message m = ask("web1.vms.example.net", Type.NID);
        assertThat(m.getRcode()).isEqualTo(Rcode.NOERROR);
        assertThat(m.getHeader().getFlag(Flags.AA)).isTrue();
        assertThat(m.getHeader().getFlag(Flags.RA)).isFalse();
        assertThat(texts(m, Section.ANSWER)).containsExactly("web1.vms.example.net. 3600 NID 10 0014:4fff:ff20:ee64");
        assertThat(texts(m, Section.ADDITIONAL))
                .containsExactlyInAnyOrder(
                        "web1.vms.example.net. 5 L64 10 2001:0db8:000a:0000",
                        "web1.vms.example.net. 5 L32 10 10.1.2.0",
                        "web1.vms.example.net. 5 LP 20 tokyo.sites.vms.example.net.",
                        "tokyo.sites.vms.example.net. 5 L64 10 2001:0db8:000a:0000",
                        "tokyo.sites.vms.example.net. 5 L32 10 10.1.2.0");
    }

    @Test
    void theOtherRecordsComeWithWhatBelongsToThem() throws IOException {
        assertThat(texts(ask("web1.vms.example.net", Type.L64), Section.ANSWER))
                .containsExactly("web1.vms.example.net. 5 L64 10 2001:0db8:000a:0000");
        assertThat(texts(ask("web1.vms.example.net", Type.L64), Section.ADDITIONAL))
                .containsExactly("web1.vms.example.net. 3600 NID 10 0014:4fff:ff20:ee64");
        assertThat(texts(ask("web1.vms.example.net", Type.L32), Section.ANSWER))
                .containsExactly("web1.vms.example.net. 5 L32 10 10.1.2.0");
        Message lp = ask("web1.vms.example.net", Type.LP);
        assertThat(texts(ask("WEB1.vms.Example.net", Type.A), Section.ANSWER))
                .as("as it was asked (draft-vixie-dnsext-dns0x20)")
                .containsExactly("WEB1.vms.Example.net. 5 A 10.1.2.10");
        assertThat(texts(lp, Section.ANSWER))
                .containsExactly("web1.vms.example.net. 5 LP 20 tokyo.sites.vms.example.net.");
        assertThat(texts(lp, Section.ADDITIONAL)).contains("tokyo.sites.vms.example.net. 5 L64 10 2001:0db8:000a:0000");
        assertThat(texts(ask("web1.vms.example.net", Type.AAAA), Section.ANSWER))
                .containsExactly("web1.vms.example.net. 5 AAAA 2001:db8:a:0:14:4fff:ff20:ee64");
        assertThat(texts(ask("web1.vms.example.net", Type.A), Section.ANSWER))
                .containsExactly("web1.vms.example.net. 5 A 10.1.2.10");
        assertThat(texts(ask("vms.example.net", Type.NS), Section.ADDITIONAL))
                .containsExactly("ns.vms.example.net. 3600 A 192.0.2.53");
    }

    @Test
    void afterAMoveTheIdentifierIsTheSame() throws IOException {
        zone = Zones.paris();
        assertThat(texts(ask("web1.vms.example.net", Type.NID), Section.ANSWER))
                .containsExactly("web1.vms.example.net. 3600 NID 10 0014:4fff:ff20:ee64");
        assertThat(texts(ask("web1.vms.example.net", Type.L64), Section.ANSWER))
                .containsExactly("web1.vms.example.net. 5 L64 10 2001:0db8:000b:0000");
        assertThat(texts(ask("web1.vms.example.net", Type.AAAA), Section.ANSWER))
                .containsExactly("web1.vms.example.net. 5 AAAA 2001:db8:b:0:14:4fff:ff20:ee64");
        assertThat(((SOARecord) ask("vms.example.net", Type.SOA)
                                .getSection(Section.ANSWER)
                                .getFirst())
                        .getSerial())
                .isEqualTo(2);
    }

    @Test
    void whatDoesNotExistAndWhatHasNoSuchRecordAreToldApart() throws IOException {
        Message nothing = ask("web9.vms.example.net", Type.A);
        assertThat(nothing.getRcode()).isEqualTo(Rcode.NXDOMAIN);
        assertThat(nothing.getSection(Section.ANSWER)).isEmpty();
        assertThat(nothing.getSection(Section.AUTHORITY)).singleElement().isInstanceOf(SOARecord.class);
        assertThat(nothing.getSection(Section.AUTHORITY).getFirst().getTTL())
                .as("negative answers are kept no longer than locators")
                .isEqualTo(5);
        Message noData = ask("web2.vms.example.net", Type.NID);
        assertThat(noData.getRcode()).isEqualTo(Rcode.NOERROR);
        assertThat(noData.getSection(Section.ANSWER)).isEmpty();
        assertThat(noData.getSection(Section.AUTHORITY)).singleElement().isInstanceOf(SOARecord.class);
        assertThat(ask("sites.vms.example.net", Type.A).getRcode())
                .as("names are below it, so it exists")
                .isEqualTo(Rcode.NOERROR);
        assertThat(ask("a.web1.vms.example.net", Type.A).getRcode()).isEqualTo(Rcode.NXDOMAIN);
    }

    @Test
    void whatIsNotOursIsRefused() throws IOException {
        assertThat(ask("example.net", Type.A).getRcode()).isEqualTo(Rcode.REFUSED);
        assertThat(ask("vms.example.net", Type.AXFR).getRcode()).isEqualTo(Rcode.REFUSED);
        Message chaos =
                Message.newQuery(Record.newRecord(ZoneSettings.absolute("vms.example.net"), Type.TXT, DClass.CH));
        assertThat(ask(chaos, false).getRcode()).isEqualTo(Rcode.REFUSED);
        Message notify = query("vms.example.net", Type.SOA);
        notify.getHeader().setOpcode(Opcode.NOTIFY);
        assertThat(ask(notify, false).getRcode()).isEqualTo(Rcode.NOTIMP);
        assertThat(texts(ask("web1.vms.example.net", Type.ANY), Section.ANSWER))
                .singleElement()
                .asString()
                .contains("RFC8482");
    }

    @Test
    void saysWhichServerItIsToWhoAsks() throws IOException {
        Message asked = query("web1.vms.example.net", Type.AAAA);
        asked.addRecord(new OPTRecord(1232, 0, 0, 0, new NSIDOption(new byte[0])), Section.ADDITIONAL);
        OPTRecord opt = ask(asked, false).getOPT();
        assertThat(opt.getOptions(EDNSOption.Code.NSID))
                .singleElement()
                .isEqualTo(new NSIDOption("controller-1".getBytes(StandardCharsets.UTF_8)));
        Message notAsked = query("web1.vms.example.net", Type.AAAA);
        notAsked.addRecord(new OPTRecord(1232, 0, 0, 0), Section.ADDITIONAL);
        assertThat(ask(notAsked, false).getOPT().getOptions()).isEmpty();
        assertThat(ask("web1.vms.example.net", Type.AAAA).getOPT())
                .as("who sends none gets none")
                .isNull();
        Message later = query("web1.vms.example.net", Type.AAAA);
        later.addRecord(new OPTRecord(1232, 0, 1, 0), Section.ADDITIONAL);
        Message badVersion = ask(later, false);
        assertThat(badVersion.getRcode()).isEqualTo(Rcode.BADVERS);
        assertThat(badVersion.getOPT().getVersion()).isZero();
    }

    @Test
    void whatDoesNotFitIsAskedForByTcp() throws IOException {
        zone = Zones.crowded();
        byte[] datagram = responder
                .answer(query("web1.vms.example.net", Type.AAAA).toWire(), false)
                .orElseThrow();
        assertThat(datagram.length).isLessThanOrEqualTo(512);
        Message truncated = new Message(datagram);
        assertThat(truncated.getHeader().getFlag(Flags.TC)).isTrue();
        assertThat(truncated.getSection(Section.ANSWER)).isEmpty();
        Message large = query("web1.vms.example.net", Type.AAAA);
        large.addRecord(new OPTRecord(60_000, 0, 0, 0), Section.ADDITIONAL);
        assertThat(responder.answer(large.toWire(), false).orElseThrow().length).isLessThanOrEqualTo(1232);
        Message whole = ask(query("web1.vms.example.net", Type.AAAA), true);
        assertThat(whole.getHeader().getFlag(Flags.TC)).isFalse();
        assertThat(whole.getSection(Section.ANSWER)).hasSize(59);
        Message nid = ask("ns.vms.example.net", Type.A);
        assertThat(nid.getSection(Section.ANSWER)).hasSize(1);
    }

    @Test
    void additionalRecordsAreLeftOutBeforeAnAnswerIsTruncated() throws IOException {
        zone = Zones.crowded();
        Message m = ask("web1.vms.example.net", Type.L64);
        assertThat(m.getHeader().getFlag(Flags.TC)).isFalse();
        assertThat(m.getSection(Section.ANSWER)).hasSize(1);
        assertThat(m.getSection(Section.ADDITIONAL)).isEmpty();
    }

    @Test
    void whateverIsSentNothingThrows() {
        SplittableRandom random = new SplittableRandom(7);
        Message seed = query("web1.vms.example.net", Type.NID);
        seed.addRecord(new OPTRecord(1232, 0, 0, 0, new NSIDOption(new byte[0])), Section.ADDITIONAL);
        byte[] genuine = seed.toWire();
        int answered = 0;
        for (int i = 0; i < 50_000; i++) {
            byte[] query =
                    Arrays.copyOf(genuine, random.nextInt(5) == 0 ? random.nextInt(genuine.length) : genuine.length);
            for (int n = random.nextInt(4); n > 0 && query.length > 0; n--) {
                query[random.nextInt(query.length)] = (byte) random.nextInt();
            }
            answered += responder.answer(query, random.nextBoolean()).isPresent() ? 1 : 0;
        }
        assertThat(answered).isGreaterThan(30_000);
        byte[] response = genuine.clone();
        response[2] |= (byte) 0x80;
        assertThat(responder.answer(response, false))
                .as("an answer is not answered")
                .isEmpty();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.dns;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;
import org.xbill.DNS.DClass;
import org.xbill.DNS.EDNSOption;
import org.xbill.DNS.Flags;
import org.xbill.DNS.HINFORecord;
import org.xbill.DNS.Header;
import org.xbill.DNS.Message;
import org.xbill.DNS.NSIDOption;
import org.xbill.DNS.NSRecord;
import org.xbill.DNS.Name;
import org.xbill.DNS.OPTRecord;
import org.xbill.DNS.Opcode;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.SOARecord;
import org.xbill.DNS.Section;
import org.xbill.DNS.Type;

/**
 * What an authoritative server answers (RFC 1035, RFC 2308, RFC 6891, RFC 5001, RFC 6742, RFC 8482). A function of the zone and the query; safe for any thread.
 *
 * <p>Additional section (RFC 6742 section 3): with NID come the node's locators and LPs, and the locators of what those point at; with L32, L64 the identifiers; with LP the
 * locators of its target and the owner's identifiers. What does not fit is left out of it; only an answer that does not fit is truncated.
 */
public final class Responder {
    /** What is sent in one datagram at most, whatever the asker could take: it is not fragmented (DNS flag day 2020). */
    static final int UDP_MAX_BYTES = 1232;

    private static final int UDP_MIN_BYTES = 512;
    private static final int HEADER_BYTES = 12;
    private static final int RESPONSE_BIT = 0x80;

    private final Supplier<Zone> zone;
    private final byte[] nsid;

    /** @param nsid which server this is, for who asks; empty: it does not say */
    public Responder(Supplier<Zone> zone, String nsid) {
        IlnpRecords.register();
        this.zone = zone;
        this.nsid = nsid.getBytes(StandardCharsets.UTF_8);
    }

    /** The answer to one message; empty if it is none that is answered. Any octets may be given. */
    public Optional<byte[]> answer(byte[] query, boolean tcp) {
        if (query.length < HEADER_BYTES || (query[2] & RESPONSE_BIT) != 0) {
            return Optional.empty(); // answering an answer would have two servers talk for ever
        }
        try {
            return Optional.of(respond(new Message(query), tcp));
        } catch (IOException | RuntimeException e) {
            return Optional.of(formatError(query));
        }
    }

    private static byte[] formatError(byte[] query) {
        Header header = new Header((query[0] & 0xFF) << 8 | query[1] & 0xFF);
        header.setFlag(Flags.QR);
        header.setOpcode(query[2] >>> 3 & 0xF);
        header.setRcode(Rcode.FORMERR);
        return header.toWire();
    }

    private byte[] respond(Message query, boolean tcp) {
        Message response = new Message(query.getHeader().getID());
        Header header = response.getHeader();
        header.setFlag(Flags.QR);
        header.setOpcode(query.getHeader().getOpcode());
        if (query.getHeader().getFlag(Flags.RD)) {
            header.setFlag(Flags.RD);
        }
        OPTRecord opt = query.getOPT();
        int extended = Rcode.NOERROR;
        Set<Record> additional = new LinkedHashSet<>();
        if (query.getHeader().getOpcode() != Opcode.QUERY) {
            header.setRcode(Rcode.NOTIMP);
        } else if (query.getHeader().getCount(Section.QUESTION) != 1) {
            header.setRcode(Rcode.FORMERR);
        } else {
            response.addRecord(query.getQuestion(), Section.QUESTION);
            if (opt != null && opt.getVersion() != 0) {
                extended = Rcode.BADVERS;
            } else {
                additional = fill(response, query.getQuestion());
            }
        }
        int most = tcp ? Message.MAXLENGTH : UDP_MIN_BYTES;
        if (!tcp && opt != null) {
            most = Math.clamp(opt.getPayloadSize(), UDP_MIN_BYTES, UDP_MAX_BYTES);
        }
        return fit(response, additional, opt == null ? Optional.empty() : Optional.of(opt(opt, extended)), most);
    }

    private OPTRecord opt(OPTRecord asked, int extendedRcode) {
        List<EDNSOption> options = new ArrayList<>();
        if (nsid.length > 0 && !asked.getOptions(EDNSOption.Code.NSID).isEmpty()) {
            options.add(new NSIDOption(nsid));
        }
        return new OPTRecord(UDP_MAX_BYTES, extendedRcode >> 4, 0, 0, options);
    }

    /** @return what helps, if there is room */
    private Set<Record> fill(Message response, Record question) {
        Zone now = zone.get();
        Name name = question.getName();
        Header header = response.getHeader();
        Set<Record> additional = new LinkedHashSet<>();
        boolean transfer = question.getType() == Type.AXFR || question.getType() == Type.IXFR;
        boolean classKnown = question.getDClass() == DClass.IN || question.getDClass() == DClass.ANY;
        if (!name.subdomain(now.settings().origin()) || transfer || !classKnown) {
            header.setRcode(Rcode.REFUSED);
            return additional;
        }
        header.setFlag(Flags.AA);
        if (!now.exists(name)) {
            header.setRcode(Rcode.NXDOMAIN);
            response.addRecord(negative(now.soa()), Section.AUTHORITY);
            return additional;
        }
        List<Record> answers = question.getType() == Type.ANY
                ? List.of(new HINFORecord(name, DClass.IN, now.settings().identifierTtlS(), "RFC8482", ""))
                : now.find(name, question.getType());
        if (answers.isEmpty()) {
            response.addRecord(negative(now.soa()), Section.AUTHORITY);
            return additional;
        }
        for (Record answer : answers) {
            response.addRecord(answer, Section.ANSWER);
            addAdditional(now, answer, additional);
        }
        answers.forEach(additional::remove);
        return additional;
    }

    /** It does not exist for as long as the zone's minimum says, and no longer (RFC 2308 section 3). */
    private static SOARecord negative(SOARecord soa) {
        return new SOARecord(
                soa.getName(),
                soa.getDClass(),
                Math.min(soa.getTTL(), soa.getMinimum()),
                soa.getHost(),
                soa.getAdmin(),
                soa.getSerial(),
                soa.getRefresh(),
                soa.getRetry(),
                soa.getExpire(),
                soa.getMinimum());
    }

    private static void addAdditional(Zone zone, Record answer, Set<Record> additional) {
        Name owner = answer.getName();
        switch (answer.getType()) {
            case Type.NID -> {
                addLocators(zone, owner, additional);
                for (Record lp : zone.find(owner, Type.LP)) {
                    additional.add(lp);
                    addLocators(zone, ((LpRecord) lp).target(), additional);
                }
            }
            case Type.L32, Type.L64 -> additional.addAll(zone.find(owner, Type.NID));
            case Type.LP -> {
                addLocators(zone, ((LpRecord) answer).target(), additional);
                additional.addAll(zone.find(owner, Type.NID));
            }
            case Type.NS -> {
                Name host = ((NSRecord) answer).getTarget();
                additional.addAll(zone.find(host, Type.A));
                additional.addAll(zone.find(host, Type.AAAA));
            }
            default -> {}
        }
    }

    private static void addLocators(Zone zone, Name name, Set<Record> additional) {
        additional.addAll(zone.find(name, Type.L64));
        additional.addAll(zone.find(name, Type.L32));
    }

    private static byte[] fit(Message response, Set<Record> additional, Optional<OPTRecord> opt, int most) {
        Set<Record> extra = new LinkedHashSet<>(additional);
        while (true) {
            Message whole = response.clone();
            extra.forEach(record -> whole.addRecord(record, Section.ADDITIONAL));
            opt.ifPresent(record -> whole.addRecord(record, Section.ADDITIONAL));
            byte[] wire = whole.toWire();
            if (wire.length <= most) {
                return wire;
            }
            if (extra.isEmpty()) {
                break;
            }
            extra.clear(); // half of a set of records would be taken for all of it
        }
        Message cut = new Message(response.getHeader().getID());
        Header flags = cut.getHeader();
        flags.setFlag(Flags.QR);
        flags.setFlag(Flags.TC);
        if (response.getHeader().getFlag(Flags.AA)) {
            flags.setFlag(Flags.AA);
        }
        if (response.getHeader().getFlag(Flags.RD)) {
            flags.setFlag(Flags.RD);
        }
        flags.setRcode(response.getHeader().getRcode());
        cut.addRecord(response.getQuestion(), Section.QUESTION);
        opt.ifPresent(record -> cut.addRecord(record, Section.ADDITIONAL));
        return cut.toWire();
    }
}

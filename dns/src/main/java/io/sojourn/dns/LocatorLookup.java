// SPDX-License-Identifier: Apache-2.0
package io.sojourn.dns;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.SimpleResolver;
import org.xbill.DNS.TextParseException;
import org.xbill.DNS.Type;

/** Asks a name server where a node is: its NID and L64 records (RFC 6742). Over UDP, and over TCP if the answer is truncated. Blocks; any thread. */
public final class LocatorLookup {
    private static final Duration TIMEOUT = Duration.ofSeconds(2);
    private static final int LIFETIME_LEAST_S = 30;

    /** A locator as the name server has it. @param lifetimeS at least half a minute: what DNS forgets, a session need not */
    public record Located(long locator, int preference, int lifetimeS) {}

    /** @param identifiers 64 bits each, the preferred first */
    public record Answer(List<Long> identifiers, List<Located> locators) {}

    private final SimpleResolver resolver;

    public LocatorLookup(InetSocketAddress server) {
        IlnpRecords.register();
        resolver = new SimpleResolver(server);
        resolver.setTimeout(TIMEOUT);
    }

    /** @throws IOException if the server does not answer, or the name is none */
    public Answer find(String name) throws IOException {
        Name owner = owner(name);
        List<NidRecord> nids = new ArrayList<>();
        List<L64Record> locators = new ArrayList<>();
        for (Record record : ask(owner, Type.NID)) {
            if (record instanceof NidRecord nid) {
                nids.add(nid);
            }
        }
        for (Record record : ask(owner, Type.L64)) {
            if (record instanceof L64Record locator) {
                locators.add(locator);
            }
        }
        nids.sort(Comparator.comparingInt(PreferredBits::preference));
        locators.sort(Comparator.comparingInt(PreferredBits::preference));
        return new Answer(
                nids.stream().map(PreferredBits::bits).toList(),
                locators.stream()
                        .map(l -> new Located(l.bits(), l.preference(), (int)
                                Math.min(0xFFFF, Math.max(LIFETIME_LEAST_S, l.getTTL()))))
                        .toList());
    }

    private List<Record> ask(Name owner, int type) throws IOException {
        Message answer = resolver.send(Message.newQuery(Record.newRecord(owner, type, DClass.IN)));
        return answer.getSection(Section.ANSWER).stream()
                .filter(record -> record.getName().equals(owner))
                .toList();
    }

    private static Name owner(String name) throws IOException {
        try {
            return Name.fromString(name, Name.root);
        } catch (TextParseException e) {
            throw new IOException("'" + name + "' is no name: " + e.getMessage(), e);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.dns;

import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import org.xbill.DNS.Message;
import org.xbill.DNS.Name;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.TSIG;
import org.xbill.DNS.Type;
import org.xbill.DNS.Update;

/**
 * A primary server of somebody else's that is kept up to date: dynamic updates (RFC 2136), signed with a shared key (TSIG, RFC 8945, as RFC 3007 asks). What was confirmed is not said
 * again; what failed is said with the next change, or when asked again. Only names that we have ourselves published are touched. One thread.
 */
public final class OutsideServer {
    private static final int[] TYPES = {Type.A, Type.AAAA, Type.NID, Type.L32, Type.L64, Type.LP};
    private static final int TIMEOUT_MS = 5_000;
    /** A message over TCP has room for thousands of records; this keeps it clear of that. */
    private static final int NAMES_A_MESSAGE = 200;

    private final InetSocketAddress address;
    private final TSIG key;
    /** What the server has confirmed; nothing of a name: it may hold something from before. */
    private final SortedMap<Name, List<Record>> published = new TreeMap<>();

    /**
     * @param algorithm such as {@code hmac-sha256}
     * @param secret base64
     * @throws IllegalArgumentException if the key is none
     */
    public OutsideServer(InetSocketAddress address, String keyName, String algorithm, String secret) {
        IlnpRecords.register();
        this.address = address;
        try {
            key = new TSIG(algorithm, keyName, secret);
        } catch (RuntimeException e) {
            throw new IllegalArgumentException("key '" + keyName + "' of " + algorithm + ": " + e.getMessage(), e);
        }
    }

    /**
     * Has the server say what the zone says.
     *
     * @return empty if it does; else why not, in one line
     */
    public Optional<String> publish(Zone zone) {
        SortedMap<Name, List<Record>> wanted = zone.hosts();
        List<Name> changed = new ArrayList<>();
        wanted.forEach((name, records) -> {
            if (!records.equals(published.get(name))) {
                changed.add(name);
            }
        });
        published.keySet().stream().filter(name -> !wanted.containsKey(name)).forEach(changed::add);
        for (int i = 0; i < changed.size(); i += NAMES_A_MESSAGE) {
            List<Name> some = changed.subList(i, Math.min(changed.size(), i + NAMES_A_MESSAGE));
            Optional<String> problem = send(zone, some, wanted);
            if (problem.isPresent()) {
                return problem;
            }
            for (Name name : some) {
                List<Record> records = wanted.get(name);
                if (records == null) {
                    published.remove(name);
                } else {
                    published.put(name, records);
                }
            }
        }
        return Optional.empty();
    }

    private Optional<String> send(Zone zone, List<Name> names, Map<Name, List<Record>> wanted) {
        Update update = new Update(zone.settings().origin());
        for (Name name : names) {
            Arrays.stream(TYPES).forEach(type -> update.delete(name, type));
            wanted.getOrDefault(name, List.of()).forEach(update::add);
        }
        try {
            Message answer = exchange(update);
            return answer.getRcode() == Rcode.NOERROR
                    ? Optional.empty()
                    : Optional.of(
                            "the update of " + names.size() + " names was answered " + Rcode.string(answer.getRcode()));
        } catch (IOException e) {
            return Optional.of("the update of " + names.size() + " names failed: " + e);
        }
    }

    /** By a connection of its own: one that was kept from the last time the other end may have closed. */
    private Message exchange(Message update) throws IOException {
        key.apply(update, null);
        byte[] query = update.toWire();
        try (Socket socket = new Socket()) {
            socket.connect(address, TIMEOUT_MS);
            socket.setSoTimeout(TIMEOUT_MS);
            DataOutputStream out = new DataOutputStream(new BufferedOutputStream(socket.getOutputStream()));
            out.writeShort(query.length);
            out.write(query);
            out.flush();
            DataInputStream in = new DataInputStream(socket.getInputStream());
            byte[] octets = new byte[in.readUnsignedShort()];
            in.readFully(octets);
            Message answer = new Message(octets);
            if (answer.getRcode() == Rcode.NOERROR && key.verify(answer, octets, update.getTSIG()) != Rcode.NOERROR) {
                throw new IOException("the answer is not signed with the key");
            }
            return answer;
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.dns;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.xbill.DNS.DClass;
import org.xbill.DNS.Flags;
import org.xbill.DNS.Message;
import org.xbill.DNS.Opcode;
import org.xbill.DNS.Rcode;
import org.xbill.DNS.Record;
import org.xbill.DNS.Section;
import org.xbill.DNS.TSIG;
import org.xbill.DNS.Type;

/** Against a primary of a few lines that takes what RFC 2136 section 3.4 allows, and only with the right key. */
class OutsideServerTest {
    private static final String SECRET = "c29qb3Vybi1zb2pvdXJuLXNvam91cm4tMTIzNDU2Nzg=";
    private static final TSIG KEY = new TSIG("hmac-sha256", "sojourn-key", SECRET);

    private final Set<String> held = new ConcurrentSkipListSet<>();
    private final List<Integer> sizes = new CopyOnWriteArrayList<>();
    private ServerSocket socket;
    private Thread acceptor;

    @BeforeEach
    void start() throws IOException {
        start(0);
    }

    private void start(int port) throws IOException {
        ServerSocket listening = new ServerSocket();
        listening.setReuseAddress(true);
        listening.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
        socket = listening;
        acceptor = Thread.ofVirtual().start(() -> {
            while (!listening.isClosed()) {
                try (Socket s = listening.accept()) {
                    DataInputStream in = new DataInputStream(s.getInputStream());
                    byte[] message = new byte[in.readUnsignedShort()];
                    in.readFully(message);
                    byte[] answer = take(message);
                    DataOutputStream out = new DataOutputStream(s.getOutputStream());
                    out.writeShort(answer.length);
                    out.write(answer);
                } catch (IOException e) {
                    // the next one, or the end
                }
            }
        });
    }

    /** Until its thread has seen that, a closed socket may still take a connection. */
    @AfterEach
    void stop() throws Exception {
        socket.close();
        acceptor.join();
    }

    private byte[] take(byte[] octets) throws IOException {
        Message update = new Message(octets);
        Message answer = new Message(update.getHeader().getID());
        answer.getHeader().setFlag(Flags.QR);
        answer.getHeader().setOpcode(Opcode.UPDATE);
        if (update.getTSIG() == null || KEY.verify(update, octets, null) != Rcode.NOERROR) {
            answer.getHeader().setRcode(Rcode.NOTAUTH);
            return answer.toWire();
        }
        List<Record> changes = update.getSection(Section.UPDATE);
        sizes.add(changes.size());
        for (Record change : changes) {
            String prefix = change.getName() + " " + Type.string(change.getType()) + " ";
            if (change.getDClass() == DClass.ANY) {
                held.removeIf(line -> line.startsWith(prefix));
            } else {
                held.add(prefix + change.rdataToString());
            }
        }
        KEY.apply(answer, update.getTSIG());
        return answer.toWire();
    }

    private InetSocketAddress address() {
        return new InetSocketAddress(InetAddress.getLoopbackAddress(), socket.getLocalPort());
    }

    @Test
    void aMoveIsPublishedAndNothingElseIsSaidAgain() {
        OutsideServer server = new OutsideServer(address(), "sojourn-key", "hmac-sha256", SECRET);
        held.add("printer.vms.example.net. A 10.0.0.1");
        assertThat(server.publish(Zones.tokyo())).isEmpty();
        assertThat(held)
                .contains(
                        "printer.vms.example.net. A 10.0.0.1",
                        "web1.vms.example.net. NID 10 0014:4fff:ff20:ee64",
                        "web1.vms.example.net. L64 10 2001:0db8:000a:0000",
                        "web1.vms.example.net. LP 20 tokyo.sites.vms.example.net.",
                        "tokyo.sites.vms.example.net. L64 10 2001:0db8:000a:0000",
                        "web2.vms.example.net. A 10.9.9.9");
        assertThat(server.publish(Zones.paris())).isEmpty();
        assertThat(held)
                .contains("web1.vms.example.net. AAAA 2001:db8:b:0:14:4fff:ff20:ee64")
                .doesNotContain("web1.vms.example.net. AAAA 2001:db8:a:0:14:4fff:ff20:ee64")
                .doesNotContain("web1.vms.example.net. L64 10 2001:0db8:000a:0000");
        assertThat(server.publish(Zones.paris())).isEmpty();
        assertThat(sizes)
                .as("messages: at first, and for the one name that changed")
                .hasSize(2);
        assertThat(sizes.get(1)).isLessThan(sizes.get(0));
    }

    @Test
    void whatIsNoLongerThereIsTakenBack() {
        OutsideServer server = new OutsideServer(address(), "sojourn-key", "hmac-sha256", SECRET);
        server.publish(Zones.tokyo());
        assertThat(server.publish(Zone.of(Zones.SETTINGS, 9, List.of(), Map.of())))
                .isEmpty();
        assertThat(held).isEmpty();
    }

    @Test
    void aWrongKeyAndAServerThatIsAwayAreSaidAndTriedAgain() throws Exception {
        int port = socket.getLocalPort();
        String wrong = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        assertThat(new OutsideServer(address(), "sojourn-key", "hmac-sha256", wrong).publish(Zones.tokyo()))
                .hasValueSatisfying(problem -> assertThat(problem).contains("update of 4 names"));
        assertThat(held).isEmpty();
        OutsideServer server = new OutsideServer(address(), "sojourn-key", "hmac-sha256", SECRET);
        stop();
        assertThat(server.publish(Zones.tokyo())).isPresent();
        start(port);
        assertThat(server.publish(Zones.tokyo())).isEmpty();
        assertThat(held).isNotEmpty();
        assertThatThrownBy(() -> new OutsideServer(address(), "k", "hmac-sha256", "not base64!"))
                .isInstanceOf(IllegalArgumentException.class);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedSelectorException;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.locks.LockSupport;

/**
 * Many small VMs: each is a namespace with one NIC on its site's bridge, registered with its MAC and address, and no hypervisor, so that it
 * stays where it is. Each sends numbered datagrams to the next, at another site, and sends back what comes from the one before.
 *
 * <p>Two threads serve them all: one that speaks, one that hears and answers.
 */
final class Crowd implements AutoCloseable {
    private static final int PORT = 7_001;
    private static final int ROUND_MS = 100;
    private static final int DATAGRAM_BYTES = 64;
    private static final int RECEIVE_BYTES = 1 << 20;
    private static final byte ASKED = 1;
    private static final byte ANSWERED = 2;
    /** A reply that takes longer is lost. */
    private static final long REPLY_NS = 3_000_000_000L;

    /** One of them. */
    record Member(String name, Topology.Site site, Place place, int number) {
        String address() {
            return site.lan4(100 + number);
        }

        String mac() {
            return String.format("52:54:00:20:%02x:%02x", site.number(), number);
        }
    }

    private final List<Member> members;
    private final List<DatagramChannel> channels = new ArrayList<>();
    private final Selector selector;
    private final List<List<Integer>> answered = new ArrayList<>();
    private volatile boolean speaking = true;
    private volatile int rounds;
    private volatile boolean closed;

    /** Makes their places and hangs them on the bridges; to be called before anything runs there. */
    static List<Member> furnish(Lab lab, int count) {
        List<Member> members = new ArrayList<>();
        List<Topology.Site> sites = lab.topology().sites();
        for (int i = 0; i < count; i++) {
            Topology.Site site = sites.get(i % sites.size());
            int number = i / sites.size();
            String name = "small" + i;
            Member member = new Member(name, site, lab.addPlace(name), number);
            String port = "small" + number;
            lab.place(site.name())
                    .ip(List.of(
                            "link add " + port + " type veth peer name eth0 netns "
                                    + member.place().namespace(),
                            "link set " + port + " master " + Lab.BRIDGE,
                            "link set " + port + " up"));
            member.place()
                    .ip(List.of(
                            "link set eth0 address " + member.mac(),
                            "addr add " + member.address() + "/24 dev eth0",
                            "link set eth0 up",
                            "route add default via " + site.lan4(1)));
            members.add(member);
        }
        return members;
    }

    /** @param members registered here, and speaking when this returns */
    Crowd(Lab lab, List<Member> members) {
        this.members = members;
        try {
            selector = Selector.open();
            for (Member member : members) {
                register(lab, member);
                DatagramChannel channel = member.place()
                        .call(() -> DatagramChannel.open(StandardProtocolFamily.INET)
                                .setOption(StandardSocketOptions.SO_RCVBUF, RECEIVE_BYTES)
                                .bind(new InetSocketAddress(member.address(), PORT)));
                channel.configureBlocking(false);
                channel.register(selector, SelectionKey.OP_READ, channels.size());
                channels.add(channel);
                answered.add(new ArrayList<>());
            }
        } catch (IOException e) {
            throw new LabException("cannot open a socket of the crowd: " + e.getMessage(), e);
        }
        Thread.ofPlatform().daemon().name("crowd-hears").start(this::hear);
        Thread.ofPlatform().daemon().name("crowd-speaks").start(this::speak);
    }

    /** With the controller; it answers, though nobody has a hypervisor for it. */
    static void register(Lab lab, Member member) {
        lab.rest()
                .post(
                        "/v1/vms",
                        Map.of(
                                "name",
                                member.name(),
                                "site",
                                member.site().name(),
                                "nics",
                                List.of(Map.of(
                                        "mac",
                                        member.mac(),
                                        "network",
                                        Lab.NETWORK,
                                        "addresses",
                                        List.of(member.address())))));
    }

    /** Rounds that have been spoken so far; one is a datagram of each. */
    int rounds() {
        return rounds;
    }

    /** Which members have lost how many of the rounds from one to another, exclusive. */
    Map<String, Integer> lost(int from, int to) {
        long deadlineNs = System.nanoTime() + REPLY_NS;
        Map<String, Integer> lost = new TreeMap<>();
        do {
            lost.clear();
            for (int i = 0; i < members.size(); i++) {
                List<Integer> mine = answered.get(i);
                synchronized (mine) {
                    int heard = (int) mine.stream()
                            .filter(round -> round >= from && round < to)
                            .distinct()
                            .count();
                    if (heard < to - from) {
                        lost.put(members.get(i).name(), to - from - heard);
                    }
                }
            }
            LockSupport.parkNanos(50_000_000);
        } while (!lost.isEmpty() && System.nanoTime() < deadlineNs);
        return lost;
    }

    private void speak() {
        ByteBuffer datagram = ByteBuffer.allocateDirect(DATAGRAM_BYTES);
        long nextNs = System.nanoTime();
        while (speaking) {
            for (int i = 0; i < channels.size() && speaking; i++) {
                Member to = members.get((i + 1) % members.size());
                datagram.clear();
                datagram.put(0, ASKED).putInt(4, rounds).putInt(8, i);
                try {
                    channels.get(i).send(datagram, new InetSocketAddress(to.address(), PORT));
                } catch (IOException e) {
                    // what is not sent is not answered, and counts as lost
                }
            }
            rounds++;
            nextNs += ROUND_MS * 1_000_000L;
            LockSupport.parkNanos(Math.max(0, nextNs - System.nanoTime()));
        }
    }

    private void hear() {
        ByteBuffer datagram = ByteBuffer.allocateDirect(DATAGRAM_BYTES);
        while (!closed) {
            try {
                selector.select(key -> take((DatagramChannel) key.channel(), (Integer) key.attachment(), datagram));
            } catch (IOException | ClosedSelectorException e) {
                return;
            }
        }
    }

    private void take(DatagramChannel channel, int member, ByteBuffer datagram) {
        try {
            datagram.clear();
            for (SocketAddress from = channel.receive(datagram); from != null; from = channel.receive(datagram)) {
                datagram.flip();
                if (datagram.get(0) == ASKED) {
                    datagram.put(0, ANSWERED);
                    channel.send(datagram, from);
                } else if (datagram.getInt(8) == member) {
                    List<Integer> mine = answered.get(member);
                    synchronized (mine) {
                        mine.add(datagram.getInt(4));
                    }
                }
                datagram.clear();
            }
        } catch (IOException e) {
            // what is not answered counts as lost
        }
    }

    @Override
    public void close() {
        speaking = false;
        closed = true;
        for (DatagramChannel channel : channels) {
            try {
                channel.close();
            } catch (IOException e) {
                // it was to go
            }
        }
        try {
            selector.close();
        } catch (IOException e) {
            // likewise
        }
    }
}

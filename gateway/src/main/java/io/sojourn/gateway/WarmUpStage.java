// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.handoff.HandoffPlan;
import io.sojourn.handoff.SourceHandoff;
import io.sojourn.linux.Links;
import io.sojourn.linux.PacketSocket;
import io.sojourn.linux.Tap;
import io.sojourn.linux.Tap.Offload;
import io.sojourn.mechanism.Mechanism;
import io.sojourn.mechanism.Overlay;
import io.sojourn.mechanism.Page;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.MacAddress;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.Locator;
import io.sojourn.model.location.SiteId;
import io.sojourn.rpc.Gateway;
import io.sojourn.rpc.Network;
import io.sojourn.rpc.Nic;
import io.sojourn.rpc.Subnet;
import io.sojourn.rpc.TableUpdate;
import io.sojourn.rpc.Vm;
import io.sojourn.seal.SealPrivateKey;
import io.sojourn.wire.ArpFrames;
import io.sojourn.wire.NdFrames;
import io.sojourn.wire.PathProbe;
import io.sojourn.wire.SojournDatagram;
import io.sojourn.wire.VirtioNetHeader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.util.EnumSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.helpers.NOPLogger;

/** One gateway of the warm-up: all of the packet path, on a tap that no bridge knows, with one host and one VM that do not exist. */
final class WarmUpStage implements Outside.Control, ForwardingTable.Changes, Inside.Sightings, AutoCloseable {
    private static final String NETWORK = "warm-up";
    private static final int TURNS = 64;
    private static final int BINDINGS_AT_ONCE = 10_000;
    private static final long FIRST_MAC = 0x0201_0000_0000L;
    private static final int HANDSHAKE_TURNS = 1_000;
    private static final long KEPT_BYTES = 8L << 20;
    private static final Runnable NO_MORE = () -> {};
    /** Longer than any UDP datagram: refused by the kernel (EMSGSIZE), as the search for a path's MTU is. */
    private static final int TOO_LONG_BYTES = 65_520;

    private static final byte[] NOTHING = new byte[0];
    /** What is written to a page's device is addressed to it, which is not the device's: this host's kernel takes it for somebody else's. */
    private static final long NOBODYS_MAC = 0x0200_0000_00FDL;

    private static final int FIRST_PAGE_NUMBER = 64;

    /** Its page, and what carries native packets to the other's. */
    private record Underlay(PagePath path, Tap tap, PacketSocket wire, MemorySegment frame) {}

    final Counters counters = new Counters();
    private final int number;
    private final GatewayId id;
    private final SealPrivateKey key = SealPrivateKey.generate(new SecureRandom()::nextBytes);
    private final WanPort wan;
    private final ForwardingTable table;
    private final Inside inside;
    private final Outside outside;
    private final LocalDelivery delivery;
    private final PacketPath path;
    private final Sealing sealing;
    private final Links links = new Links();
    private final Tap tap;
    private final PacketSocket station;
    private final Stations stations = new Stations();
    private final MemorySegment request = Arena.ofAuto().allocate(128, 8);
    private final Shares shares = new Shares();
    private final Accounts accounts;
    private final Witness witness = new Witness();
    private boolean counting;
    private @Nullable FlowPath world;
    private @Nullable Underlay underlay;

    WarmUpStage(String name) {
        number = name.equals("near") ? 1 : 2;
        id = new GatewayId(name);
        Mechanism mechanism = new Overlay();
        tap = Tap.openTap("sjwarm%d", Set.of(Tap.Flag.VNET_HDR));
        tap.setOffloads(EnumSet.of(Offload.CSUM, Offload.TSO4, Offload.TSO6));
        tap.trySetOffloads(EnumSet.of(Offload.CSUM, Offload.TSO4, Offload.TSO6, Offload.USO4, Offload.USO6));
        links.up(tap.ifindex());
        station = PacketSocket.open(tap.ifindex(), 0, Set.of(PacketSocket.Flag.VNET_HDR));
        wan = WanPort.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), mechanism, counters);
        table = new ForwardingTable(id, new SiteId(name), this);
        delivery = new LocalDelivery(table, counters);
        inside = new Inside(table, wan, delivery, counters, this);
        sealing = new Sealing(
                key,
                new GatewayConfig.Transport(true, Set.of(), GatewayConfig.Transport.REKEY_AFTER_S),
                wan,
                counters,
                NOPLogger.NOP_LOGGER); // nobody is to hear of gateways that do not exist
        Relays relays = new Relays(Set.of(), table, wan, counters);
        outside = new Outside(table, wan, mechanism, sealing, delivery, counters, relays, this);
        path = new PacketPath(table, wan, delivery, outside, counters, marker -> {});
        inside.sharedBy(shares);
        accounts = new Accounts(table, new Timers(), counters, account -> {});
        witness.accounts(accounts);
        wan.watchedBy(witness);
        outside.watchedBy(witness);
        delivery.watchedBy(witness);
    }

    /** From now on its VM can go by paging, too: by a device behind which there is no kernel's routing, as frames on it are for somebody else. Before {@link #meet}. */
    void openPage() {
        Tap device = PagePort.make("sjwarmp%d", links);
        links.up(device.ifindex());
        PacketSocket wire =
                PacketSocket.open(device.ifindex(), PacketSocket.WHOLE_FRAMES, Set.of(PacketSocket.Flag.VNET_HDR));
        PagePort.Opened port = new PagePort.Opened(new BridgedTap(0, device, stations), NOBODYS_MAC);
        PagePath pages = new PagePath(table, new PageTable(Page.parse(page4(), page6())), port, outside, counters);
        pages.watchedBy(witness);
        wan.bypassedBy(pages);
        outside.inOrderWith(List.of(pages.underlay()));
        underlay = new Underlay(pages, device, wire, Arena.ofAuto().allocate(WanPort.frameBytes(), 8));
    }

    /** Of the addresses for measurements (RFC 2544); the IPv6 ones are for documentation. */
    private String page4() {
        return "198." + (17 + number) + ".0.0/16";
    }

    private String page6() {
        return "2001:db8:" + number + "::/48";
    }

    /** What has been sent natively gets to the other; nothing if there is no page. */
    void carryTo(WarmUpStage other) {
        Underlay from = underlay;
        Underlay to = other.underlay;
        if (from == null || to == null) {
            return;
        }
        for (int i = 0; i < PagePort.QUEUE_FRAMES; i++) {
            int bytes = from.wire.receive(from.frame, 0, (int) from.frame.byteSize());
            if (bytes <= 0) {
                return;
            }
            to.wire.send(from.frame, 0, bytes);
        }
    }

    /** Both VMs go by their pages, or by the overlay. */
    void pages(boolean natively, WarmUpStage other) {
        for (VmId vm : List.of(resident(), other.resident())) {
            entry(vm).mechanism = natively ? VirtualNetwork.PAGING : VirtualNetwork.OVERLAY;
        }
    }

    // --- its stations: documentation addresses (RFC 5737, 3849), locally administered MACs

    long host4() {
        return 0xC000_0200L | number << 6 | 10;
    }

    long vm4() {
        return 0xC000_0200L | number << 6 | 20;
    }

    long prefix6() {
        return 0x2001_0db8_0000_0000L | number;
    }

    long host6() {
        return 10;
    }

    long vm6() {
        return 20;
    }

    long hostMac() {
        return 0x0200_0000_0010L | number;
    }

    long vmMac() {
        return 0x0200_0000_0020L | number;
    }

    /** An IPv4 address, or the lower half of an IPv6 one; so are {@link #vm} and {@link #gateway}, which is the gateway's own. */
    long host(boolean v6) {
        return v6 ? host6() : host4();
    }

    long vm(boolean v6) {
        return v6 ? vm6() : vm4();
    }

    long gateway(boolean v6) {
        return v6 ? 1 : 0xC000_0200L | number << 6 | 1;
    }

    /** Learns of the other. */
    void meet(WarmUpStage other) {
        InetSocketAddress address = other.wan.localAddress();
        table.apply(TableUpdate.newBuilder()
                .addGateways(Gateway.newBuilder()
                        .setName(other.id.name())
                        .setSite(other.id.name())
                        .setSealKey(other.key.publicKey().toString())
                        .setPage4(other.page4())
                        .setPage6(other.page6())
                        .setLocator(new Locator(address.getAddress(), address.getPort()).toString()))
                .addNetworks(Network.newBuilder()
                        .setName(NETWORK)
                        .setVni(1)
                        .addAllSubnets(subnets())
                        .addAllSubnets(other.subnets()))
                .addVms(vm())
                .addVms(other.vm())
                .build());
        sealing.peers(table.peers());
        outside.reindexPeers();
        if (underlay != null) {
            underlay.path.tableChanged();
        }
        long now = System.nanoTime();
        port().neighbours.learn(false, 0, host4(), hostMac(), now);
        port().neighbours.learn(true, prefix6(), host6(), hostMac(), now);
    }

    /** Both have learned of each other; they get a session. */
    void connect(WarmUpStage other) {
        for (int i = 0; i < HANDSHAKE_TURNS && !(isUp() && other.isUp()); i++) {
            turn();
            other.turn();
        }
    }

    private boolean isUp() {
        return table.peers().stream().allMatch(peer -> peer.seal != null && peer.seal.isUp());
    }

    private List<Subnet> subnets() {
        return List.of(
                Subnet.newBuilder()
                        .setPrefix("192.0.2." + (number << 6) + "/26")
                        .setGatewayAddress("192.0.2." + (number << 6 | 1))
                        .setHomeSite(id.name())
                        .setPageNumber(FIRST_PAGE_NUMBER * number)
                        .build(),
                Subnet.newBuilder()
                        .setPrefix("2001:db8:0:" + number + "::/64")
                        .setGatewayAddress("2001:db8:0:" + number + "::1")
                        .setHomeSite(id.name())
                        .setPageNumber(FIRST_PAGE_NUMBER * number)
                        .build());
    }

    private Vm vm() {
        return Vm.newBuilder()
                .setName(id.name())
                .setGateway(id.name())
                .setEpoch(1)
                .addNics(Nic.newBuilder()
                        .setMac(new MacAddress(vmMac()).toString())
                        .setNetwork(NETWORK)
                        .addAddresses("192.0.2." + (number << 6 | 20))
                        .addAddresses("2001:db8:0:" + number + "::14")
                        .addPageNumbers(number)
                        .addPageNumbers(number))
                .build();
    }

    /** Learns that {@code count} VMs are at the other's, each with one address from {@code firstAddress} on. */
    void bind(WarmUpStage other, int firstAddress, int count) {
        for (int from = 0; from < count; from += BINDINGS_AT_ONCE) {
            TableUpdate.Builder update = TableUpdate.newBuilder();
            for (int i = from; i < Math.min(count, from + BINDINGS_AT_ONCE); i++) {
                update.addVms(Vm.newBuilder()
                        .setName("vm" + i)
                        .setGateway(other.id.name())
                        .setEpoch(1)
                        .addNics(Nic.newBuilder()
                                .setMac(new MacAddress(FIRST_MAC + i).toString())
                                .setNetwork(NETWORK)
                                .addAddresses(IpAddress.v4(firstAddress + i).toString())));
            }
            table.apply(update.build());
        }
    }

    /** The epoch of the binding of the VM that has the address; 0 if there is none. */
    long routeEpoch(int address) {
        VmEntry vm = Objects.requireNonNull(table.network(NETWORK)).vmByAddress.get(false, 0, address & 0xFFFF_FFFFL);
        return vm == null || vm.route == null ? 0 : vm.routeEpoch;
    }

    // --- a VM moves from here to the other and is said to: what that asks of the packet path, step by step

    /** Both are armed: the one that it leaves watches its port, the other keeps what comes for it. */
    void arm(WarmUpStage other, VmId vm, Epoch move) {
        VmEntry here = entry(vm);
        VmEntry there = other.entry(vm);
        here.singly = true;
        here.watched = true;
        other.path.startBuffering(there, move, move, KEPT_BYTES);
        other.path.holdFrom(there, move, id, KEPT_BYTES, NO_MORE);
        other.path.holdOutbound(there, move, id, KEPT_BYTES, NO_MORE);
    }

    /** What comes for it waits here first, and then goes after it. */
    void redirect(WarmUpStage other, VmId vm, Epoch move, boolean unread) {
        path.redirectOn(entry(vm), move, other.id, move, unread);
    }

    void letGo(VmId vm, Epoch move) {
        path.letGo(entry(vm), move);
    }

    /** It has come from the other: what was kept goes before what comes now. */
    void resume(VmId vm, Epoch move) {
        VmEntry here = entry(vm);
        here.watched = true;
        long now = System.nanoTime();
        path.flushBuffer(here, move, now);
        path.deliverLive(here, move, now);
    }

    /** Everybody knows. */
    void settle(WarmUpStage other, VmId vm, Epoch move) {
        VmEntry here = entry(vm);
        VmEntry there = other.entry(vm);
        table.bind(here, other.id, move);
        other.table.bind(there, other.id, move);
        path.forwardLate(here, move, other.id, move);
        other.path.releaseHold(there, move, id);
        other.path.releaseOutbound(there, move, id);
    }

    /** Nothing of the move is left. */
    void release(WarmUpStage other, VmId vm, Epoch move) {
        VmEntry here = entry(vm);
        VmEntry there = other.entry(vm);
        path.deleteState(here, move);
        path.finish(here, move);
        other.delivery.drop(there);
        there.keeping = Whereabouts.Keeping.NOTHING;
        other.path.finish(there, move);
        here.singly = here.watched = there.watched = false;
    }

    /** The VM that is at home here. */
    VmId resident() {
        return new VmId(id.name());
    }

    private VmEntry entry(VmId vm) {
        return Objects.requireNonNull(table.vm(vm));
    }

    void plain(boolean plain) {
        table.peers().forEach(peer -> peer.plain = plain);
    }

    /** A station says something, a virtio_net_hdr before it. */
    void inject(MemorySegment frame, int bytes) {
        station.send(frame, 0, bytes);
    }

    /** Its host asks who has the address of the other's (RFC 826, 4861), and is asked itself. */
    void askFor(WarmUpStage other, boolean v6) {
        VirtioNetHeader.write(request, 0, 0, VirtioNetHeader.GSO_NONE, 0, 0, 0, 0);
        long at = LanPort.VNET_BYTES;
        if (v6) {
            inject(
                    request,
                    LanPort.VNET_BYTES
                            + NdFrames.solicitation(
                                    request, at, hostMac(), prefix6(), host6(), other.prefix6(), other.host6()));
            return;
        }
        inject(request, LanPort.VNET_BYTES + ArpFrames.request(request, at, hostMac(), host4(), other.host4()));
        inject(
                request,
                LanPort.VNET_BYTES
                        + ArpFrames.reply(request, at, hostMac(), host4(), LanPort.ANYCAST_MAC, gateway(false)));
    }

    /** Each of the datagrams that are Sojourn's own in turn, empty but for their headers; a keepalive; and what goes alone, one that is too long among them. */
    void sendOwn(int i) {
        byte[] datagram = new byte[PathProbe.BYTES];
        datagram[0] = SojournDatagram.MAGIC;
        datagram[SojournDatagram.TYPE_OFFSET] = (byte) (1 + i / 4 % SojournDatagram.PATH_PROBE_REPLY);
        datagram[PathProbe.FLAGS_OFFSET] = (byte) (i % 8 == 2 ? PathProbe.FLAG_DIRECT : 0);
        table.peers().forEach(peer -> {
            wan.sendBytes(peer, datagram);
            wan.sendBytes(peer, NOTHING);
            wan.sendAlone(peer, datagram.length);
            wan.sendBytes(peer, datagram);
            if (i % 8 == 6) {
                wan.sendAlone(peer, TOO_LONG_BYTES);
            }
        });
    }

    /** From now on packets are counted as for a move of its VM, or no more. */
    void counts(boolean counted, WarmUpStage other) {
        if (counted == counting) {
            return;
        }
        counting = counted;
        VmEntry vm = Objects.requireNonNull(table.vm(new VmId(id.name())));
        HandoffPlan plan = WarmUp.plan(0, vm.id, id, other.id, new GatewayId("third"));
        if (counted) {
            accounts.begin(
                    Handoff.atSource(SourceHandoff.arm(plan, System.nanoTime()).state(), vm, GuestSide.NONE));
        } else {
            accounts.close(plan.migration(), false);
        }
    }

    /** Its VM gets a way to the world: that tap. */
    FlowBook openWorld(Tap device, long mac, GatewayConfig.Egress egress) {
        FlowBook book = new FlowBook(table, egress.flows());
        FlowGuard guard = new FlowGuard(book, counters);
        PagePort.Opened port = new PagePort.Opened(new BridgedTap(0, device, stations), mac);
        world = new FlowPath(table, book, guard, egress, port, inside, counters);
        world.tableChanged();
        inside.outOf(world, guard);
        return book;
    }

    /** As the forwarder does, until there is nothing to do. */
    void turn() {
        for (int i = 0; i < TURNS; i++) {
            long now = System.nanoTime();
            sealing.tick(now);
            int work = outside.poll(now) + inside.poll(port(), now) + delivery.flushDue(now);
            if (world != null) {
                world.at(now);
                UnderlayPort beyond = world.underlay();
                work += beyond == null ? 0 : beyond.poll();
            }
            if (underlay != null) {
                work += underlay.path.underlay().poll();
            }
            shares.turn(inside.mayHaveMore(), now);
            wan.flush();
            if (work == 0) {
                return;
            }
        }
    }

    private LanPort port() {
        VirtualNetwork network = table.network(NETWORK);
        if (network == null || network.port == null) {
            throw new GatewayException("the network of the warm-up has no port");
        }
        return network.port;
    }

    @Override
    public void networkAdded(VirtualNetwork network) {
        network.port = LanPort.detached(network, tap, stations, counters);
    }

    @Override
    public void close() {
        if (underlay != null) {
            underlay.wire.close();
            underlay.tap.close();
        }
        wan.close();
        station.close();
        tap.close();
        stations.close();
        links.close();
    }

    @Override
    public void networkRemoved(VirtualNetwork network) {}

    @Override
    public void tableSays(VmEntry vm, GatewayId gateway, Epoch epoch) {}

    @Override
    public void vmRemoved(VmEntry vm) {}

    @Override
    public void sighted(VmEntry vm, Sign sign, long now) {}

    @Override
    public void usurped(VmEntry vm, long now) {}

    @Override
    public void signal(Peer from, byte[] datagram, long now) {}

    @Override
    public void stream(Peer from, MemorySegment s, long at, int length, long now) {}

    @Override
    public void probe(Peer from, MemorySegment s, long at, int length) {}

    @Override
    public void probeReply(Peer from, MemorySegment s, long at, int length, long now) {}

    @Override
    public void damaged(Peer at, long now) {}

    @Override
    public void late(VmEntry vm, Peer from, long now) {}
}

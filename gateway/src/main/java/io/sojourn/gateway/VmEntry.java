// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.flow.RuleSet;
import io.sojourn.handoff.MigrationId;
import io.sojourn.ilnp.Transparency;
import io.sojourn.linux.PacketSocket;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.rpc.Floating;
import io.sojourn.wire.Vxlan;
import it.unimi.dsi.fastutil.longs.Long2ObjectOpenHashMap;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** One VM as the forwarder sees it: where its packets go at this moment. The forwarder's thread only. */
final class VmEntry extends Whereabouts {
    private static final long LATELY_NS = TimeUnit.SECONDS.toNanos(2);

    /**
     * One virtual NIC. {@code mac} is 48 bits; {@code tap} is empty when not told.
     *
     * @param pageNumbers of each address in a page, in the order of addresses; 0 or absent: none
     */
    record Nic(long mac, VirtualNetwork network, List<IpAddress> addresses, String tap, List<Integer> pageNumbers) {
        Nic(long mac, VirtualNetwork network, List<IpAddress> addresses, String tap) {
            this(mac, network, addresses, tap, List.of());
        }

        int pageNumber(int address) {
            return address < pageNumbers.size() ? pageNumbers.get(address) : 0;
        }

        boolean has(boolean isV6, long high, long low) {
            for (int i = 0; i < addresses.size(); i++) {
                IpAddress a = addresses.get(i);
                if (a.low() == low && a.high() == high && a.isV6() == isV6) {
                    return true;
                }
            }
            return false;
        }
    }

    final VmId id;
    List<Nic> nics;
    /** How packets to it, and from it to hosts, are carried; empty: as its networks say. */
    String mechanism = "";
    /** Who may notice its moves by ILNP; empty: as its networks say. */
    Optional<Transparency> transparency = Optional.empty();
    /** The binding that this gateway acts by. It may run ahead of the controller's table, never behind it. */
    GatewayId gateway;

    Epoch epoch;
    /** The highest epoch that this gateway has heard of for the VM, burnt ones too; the next claim goes beyond it. */
    long highestEpoch;
    /** It has called itself a router on our own LAN; its neighbours there must not be told otherwise (RFC 4861, section 7.2.5). */
    boolean router;

    @Nullable
    KeptFrames kept;
    /** The epoch of the latest move that has set how packets go here; what earlier ones still want of that is void. */
    long pathEpoch;
    /** The epoch of the move that {@code kept} belongs to. */
    long markedEpoch;
    /** Source, taking back: whose marked packets are the returned ones. */
    @Nullable
    GatewayId returnsFrom;
    /** Source, taking back: so many of those that are returned first are nowhere else ({@link io.sojourn.hypervisor.ReceiveQueues}). */
    long readInVain;
    /** Source, taking back: so many of those that are returned next still wait in the port's queue as well. */
    long rescuedHere;
    /** Destination, aborted: where packets marked with {@code returnEpoch} go at once. */
    @Nullable
    Peer returnTo;

    long returnEpoch;
    /** Set while {@code kept} is being given to the guest. */
    boolean flushing;

    final FlushPace pace = new FlushPace();
    /** To the VM: straight from this gateway's side (our own LAN under our own name). */
    final Map<GatewayId, Hold> holds = new HashMap<>();
    /** From the VM: what comes from this gateway. */
    final Map<GatewayId, Hold> outboundHolds = new HashMap<>();
    /** Where it was bound before, and since when it no longer is; null: not known. */
    @Nullable
    GatewayId cameFrom;

    long movedNs;
    /** Late senders are told where the VM is, in the name of the move that took it away; null: they are not. */
    @Nullable
    MigrationId tombstone;

    long movedSaidNs = Long.MIN_VALUE / 2;
    /** When a packet last came over the old path and was sent on; 0: never. */
    long lastForwardedNs;
    /** The neighbours are told where the VM is as soon as it is no longer captured. */
    boolean neighboursWait;
    /** When its neighbours may reach it without us again. */
    long answeredNs;
    /** When that last ended with the guest here; frames that the bridge had brought to us before are still read after it. */
    long givenBackNs = Long.MIN_VALUE / 2;
    /** The guest's bridge ports, in the order of {@code nics}; -1 where not known. Set while a handoff is under way. */
    List<Integer> guestPorts = List.of();
    /** Ways to the guest's ports past the bridge, by MAC. */
    final Long2ObjectOpenHashMap<PacketSocket> direct = new Long2ObjectOpenHashMap<>(0);
    /**
     * Frames are delivered one by one, their checksums complete: the queue of the guest's port is being watched, and what is left in it
     * may have to follow the guest.
     */
    boolean singly;
    /** True while a handoff of this VM is under way at this gateway. */
    boolean onMove;

    /** What may begin between it and others; its own rules, then those of its networks. */
    RuleSet rules = RuleSet.NONE;

    List<String> ownRules = List.of();
    /** When it got its first rule. */
    long guardedSinceNs = Long.MIN_VALUE / 2;
    /** Addresses by which the world outside reaches it. */
    List<Floating> floating = List.of();

    /** Which one it is in the table of flows; -1: it has not been there. */
    int flowVm = -1;

    /** Where it came from last, if flows of it may still be there that are not known here. */
    @Nullable
    GatewayId flowsAwaitedFrom;

    /** Until then its flows may still be on their way here from where it was; whose flow is not known leaves there. */
    long flowsAwaitedUntilNs = Long.MIN_VALUE / 2;

    final Counts counts = new Counts();
    /** What it sends on a LAN of ours. */
    final Shares.Share share = new Shares.Share();

    VmEntry(VmId id, List<Nic> nics, GatewayId gateway, Epoch epoch) {
        this.id = id;
        this.nics = nics;
        this.gateway = gateway;
        this.epoch = epoch;
        boundEpoch = epoch.number();
    }

    /** What became of one VM's packets around a move; for the certificate. */
    static final class Counts {
        long redirected;
        long buffered;
        long refused;
        long flushed;
        long held;
        long forwardedLate;
        long returned;
        long rescued;

        Map<String, Long> snapshot() {
            Map<String, Long> out = new LinkedHashMap<>();
            out.put("redirected", redirected);
            out.put("buffered", buffered);
            out.put("refused-by-bound", refused);
            out.put("flushed", flushed);
            out.put("held", held);
            out.put("forwarded-late", forwardedLate);
            out.put("returned", returned);
            out.put("rescued", rescued);
            return out;
        }

        void reset() {
            redirected = buffered = refused = flushed = held = forwardedLate = returned = rescued = 0;
        }
    }

    /**
     * What a packet to the VM has to wait in; null: in none.
     *
     * @param via whom it came straight from; our own gateway for our own LAN
     * @param packetEpoch what it came with, low 24 bits; 0: none
     * @param source the VM that sent it, straight; null: a host, or it was passed on
     */
    @Nullable
    Hold holdOf(GatewayId via, int packetEpoch, @Nullable VmEntry source) {
        Hold hold = holds.get(via);
        if (hold != null) {
            boolean before = packetEpoch != 0 && Vxlan.compareEpochs(packetEpoch, hold.epoch()) < 0;
            return before ? null : hold;
        }
        return source == null ? null : crossing(source);
    }

    /**
     * Where packets wait of a VM that has moved as well, until what it sent from where it was before has come round; and all that it sends after one that waits. Null:
     * nowhere.
     */
    @Nullable
    Hold crossing(VmEntry source) {
        GatewayId before = source.cameFrom;
        Hold round = before == null ? null : holds.get(before);
        if (round != null && round.sinceNs() - source.movedNs < LATELY_NS) {
            return round;
        }
        for (Hold hold : holds.values()) {
            if (hold.concerns(source)) {
                return hold;
            }
        }
        return null;
    }

    /** Whether somebody has said which of its flows may begin. */
    boolean guarded() {
        return !rules.isEmpty();
    }

    /** Whether its packets in this network go natively, by page addresses. */
    boolean isPaged(VirtualNetwork network) {
        return mechanismIn(network).equals(VirtualNetwork.PAGING);
    }

    /** Whether they go natively where a mapping says so. */
    boolean isMat(VirtualNetwork network) {
        return mechanismIn(network).equals(VirtualNetwork.MAT);
    }

    /** Whether they go in a segment of the network. */
    boolean isSegmented(VirtualNetwork network) {
        return mechanismIn(network).equals(VirtualNetwork.SEGMENT);
    }

    /** Whether they go natively by locators. */
    boolean isIlnp(VirtualNetwork network) {
        return mechanismIn(network).equals(VirtualNetwork.ILNP);
    }

    /** Whether its TCP goes natively, by labels. */
    boolean isLabelled(VirtualNetwork network) {
        return mechanismIn(network).equals(VirtualNetwork.LABEL);
    }

    Transparency transparencyIn(VirtualNetwork network) {
        return transparency.orElse(network.transparency);
    }

    String mechanismIn(VirtualNetwork network) {
        return mechanism.isEmpty() ? network.mechanism : mechanism;
    }

    /** The NIC with this MAC address, if it is one of the VM's. */
    @Nullable
    Nic nicWithMac(long mac) {
        for (int i = 0; i < nics.size(); i++) {
            if (nics.get(i).mac() == mac) {
                return nics.get(i);
            }
        }
        return null;
    }

    @Nullable
    Nic nicIn(VirtualNetwork network, long mac) {
        for (int i = 0; i < nics.size(); i++) {
            Nic nic = nics.get(i);
            if (nic.mac() == mac && nic.network() == network) {
                return nic;
            }
        }
        return null;
    }

    @Override
    public String toString() {
        return id + " " + epoch + (local ? " here" : " at " + gateway);
    }
}

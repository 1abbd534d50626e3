// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.Ipv6;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Frames read from a LAN's tap a few at once, to where they will be sent from: short ones, and at most one long one behind them.
 *
 * <p>Order: as they came. Ownership: the memory is the {@link WanPort}'s, and theirs until {@link #release}. Locking: forwarder's thread; nothing is allocated.
 */
final class ReadAhead {
    /** Of so many a first-level cache holds what a packet needs. */
    private static final int CACHED_VMS = 1_000;

    private final WanPort wan;
    private final long[] at = new long[WanPort.AHEAD];
    private final int[] bytes = new int[WanPort.AHEAD];
    private final int[] slot = new int[WanPort.AHEAD];
    private final @Nullable VmEntry[] vm = new VmEntry[WanPort.AHEAD];
    private boolean mayHaveMore;
    /** Of no meaning, but the compiler must not find that out. */
    private long touched;

    ReadAhead(WanPort wan) {
        this.wan = wan;
    }

    /** Reads; how many. */
    int read(LanPort port) {
        wan.release(); // if the last time ended with an error
        mayHaveMore = true;
        long next = wan.aheadAt();
        int n = 0;
        int length = 0;
        while (n < WanPort.AHEAD && length <= WanPort.AHEAD_BYTES) {
            length = port.read(wan.frames(), next - LanPort.VNET_BYTES, WanPort.frameBytes()) - LanPort.VNET_BYTES;
            if (length <= 0) {
                mayHaveMore = false;
                break;
            }
            at[n] = next;
            bytes[n++] = length;
            next = WanPort.behind(next, length);
        }
        if (n > 0) {
            wan.reserve(next);
        }
        return n;
    }

    void release() {
        wan.release();
    }

    /** The last {@link #read} did not find the end of what waits there. */
    boolean mayHaveMore() {
        return mayHaveMore;
    }

    /** Where frame {@code i} stands in {@link WanPort#frames}, behind its virtio_net_hdr. */
    long at(int i) {
        return at[i];
    }

    int bytes(int i) {
        return bytes[i];
    }

    /** Where all of them stand: as many are of meaning as have been read. */
    long[] places() {
        return at;
    }

    /**
     * Where so many VMs are known that hardly any is in the processor's cache, it waits a microsecond for what it has to know of one.
     * Asked for one behind the other they come at the same time: first all slots, which mostly know the next hop as well, then all VMs whose slot does not.
     */
    void touch(VirtualNetwork network, int n) {
        VmTable vms = network.vmByAddress;
        if (vms.size() < CACHED_VMS) {
            return;
        }
        MemorySegment s = wan.frames();
        for (int i = 0; i < n; i++) {
            // Nobody has looked at the frame yet: it is whatever stands where an address would.
            long ip = at[i] + Ethernet.HEADER_BYTES;
            slot[i] = Ethernet.type(s, at[i]) == EtherType.IPV6
                    ? vms.likely(Ipv6.destinationHigh(s, ip), Ipv6.destinationLow(s, ip))
                    : vms.likely(0, Ipv4.destination(s, ip));
        }
        for (int i = 0; i < n; i++) {
            vm[i] = vms.nextHop(slot[i]) != NextHop.NONE ? null : vms.peek(slot[i]);
        }
        long sum = 0;
        for (int i = 0; i < n; i++) {
            VmEntry entry = vm[i];
            sum += entry == null ? 0 : entry.touch();
        }
        touched = sum;
    }
}

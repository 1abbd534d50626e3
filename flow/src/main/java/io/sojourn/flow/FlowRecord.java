// SPDX-License-Identifier: Apache-2.0
package io.sojourn.flow;

import java.nio.ByteBuffer;

/**
 * A flow on its way from one gateway to another, with its VM:
 *
 * <pre>
 *   flags: v6 1, local end first 2 | state (8) | protocol (8) | 0 | idle seconds (32) | owner (64) | realm (32) | ports: local, remote (16 each) | addresses: local, remote (4 or 16 octets each)
 * </pre>
 *
 * What another gateway wants to know of a translation is whose it is; address and port of it stay there. The owner is named by the number of its gateway.
 */
public final class FlowRecord {
    /** The longest. */
    public static final int MOST_BYTES = 24 + 32;

    private static final int V6 = 1;
    private static final int LOCAL_FIRST = 2;

    public final FlowKey key = new FlowKey();
    private FlowState state = FlowState.INVALID;
    private int idleS;
    private long owner;
    private boolean localFirst;

    public FlowState state() {
        return state;
    }

    public int idleS() {
        return idleS;
    }

    public long owner() {
        return owner;
    }

    public boolean isLocalFirst() {
        return localFirst;
    }

    /** Reads one; what follows it is the next. @throws java.nio.BufferUnderflowException when it is cut off */
    public void read(ByteBuffer in) {
        int flags = in.get();
        state = FlowState.of(in.get());
        int protocol = in.get() & 0xFF;
        in.get();
        idleS = in.getInt();
        owner = in.getLong();
        int realm = in.getInt();
        int localPort = in.getShort() & 0xFFFF;
        int remotePort = in.getShort() & 0xFFFF;
        boolean v6 = (flags & V6) != 0;
        localFirst = (flags & LOCAL_FIRST) != 0;
        long localHigh = v6 ? in.getLong() : 0;
        long localLow = v6 ? in.getLong() : in.getInt() & 0xFFFF_FFFFL;
        long remoteHigh = v6 ? in.getLong() : 0;
        long remoteLow = v6 ? in.getLong() : in.getInt() & 0xFFFF_FFFFL;
        key.set(realm, v6, protocol, localHigh, localLow, localPort, remoteHigh, remoteLow, remotePort);
    }

    /** Writes a flow of the table. @param ownerNumber of the gateway that it leaves by */
    public void write(FlowTable table, int flow, long ownerNumber, int nowS, ByteBuffer out) {
        table.key(flow, key);
        out.put((byte) ((key.isV6 ? V6 : 0) | (table.isLocalFirst(flow) ? LOCAL_FIRST : 0)));
        out.put((byte) table.state(flow).ordinal());
        out.put((byte) key.protocol);
        out.put((byte) 0);
        out.putInt(nowS - table.seenS(flow));
        out.putLong(ownerNumber);
        out.putInt(key.realm);
        out.putShort((short) key.localPort);
        out.putShort((short) key.remotePort);
        address(out, key.localHigh, key.localLow);
        address(out, key.remoteHigh, key.remoteLow);
    }

    private void address(ByteBuffer out, long high, long low) {
        if (key.isV6) {
            out.putLong(high).putLong(low);
        } else {
            out.putInt((int) low);
        }
    }
}

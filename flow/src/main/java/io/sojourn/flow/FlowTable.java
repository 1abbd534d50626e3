// SPDX-License-Identifier: Apache-2.0
package io.sojourn.flow;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Flows by their key, and those that are translated by what the outside knows of them as well. Memory is bounded, and given: two cache lines for a flow and eight octets for each of four places in an
 * open-addressed index that is at most half full. Nothing is allocated for a packet or a flow.
 *
 * <p>A flow is a number from 1 on, good until it is removed. When the table is full, what makes room is first a flow that is closed, the longest ago; then one that nobody has answered; then one whose time is over. Never a
 * live one: then there is no room, and {@link #add} says so.
 *
 * <p>One thread.
 */
public final class FlowTable {
    /** There is no such flow. */
    public static final int NONE = 0;

    /** Its owner is this gateway. */
    public static final int HERE = 0;

    private static final int FLOW_BYTES = 128;
    /** For each flow: two keys, at half load. */
    private static final int PLACES = 4;

    // Places in a flow's memory. First line: what identifies it, and what every packet changes.
    private static final int LOCAL_HIGH = 0;
    private static final int LOCAL_LOW = 8;
    private static final int REMOTE_HIGH = 16;
    private static final int REMOTE_LOW = 24;
    private static final int REALM = 32;
    private static final int LOCAL_PORT = 36;
    private static final int REMOTE_PORT = 38;
    private static final int PROTOCOL = 40;
    private static final int FLAGS = 41;
    private static final int STATE = 42;
    private static final int SEEN = 44;
    private static final int OWNER = 48;
    private static final int VM = 52;
    private static final int EPOCH = 56;
    // Second line: what the outside knows of it, and its places in lists.
    private static final int OUTER_HIGH = 64;
    private static final int OUTER_LOW = 72;
    private static final int OUTER_PORT = 80;
    private static final int CHANGED = 84;
    private static final int VM_NEXT = 88;
    private static final int VM_PREVIOUS = 92;
    private static final int AGE_NEXT = 96;
    private static final int AGE_PREVIOUS = 100;
    private static final int SINCE = 104;

    private static final int V6 = 1;
    private static final int LOCAL_FIRST = 2;
    private static final int TRANSLATED = 4;
    private static final int USED = 8;

    /** Of an index place: the key's hash, whether it is the outer key, the flow. */
    private static final long OUTER = 1L << 31;

    private static final long FLOW = OUTER - 1;

    /** How many make room at most are looked at again. */
    private static final int SECOND_CHANCES = 16;
    /** An unanswered flow that has spoken so lately goes behind the others once. */
    private static final int LATELY_S = 10;

    private static final int SWEPT_FOR_ROOM = 1_024;
    private static final int CLOSED_LIST = 0;
    private static final int UNANSWERED_LIST = 1;
    private static final int NO_LIST = 2;
    private static final Verdict TIME_ONLY = (flow, over) -> over;

    private final MemorySegment flows;
    private final MemorySegment index;
    private final int capacity;
    private final int mask;
    private final long secret;
    private final FlowTiming timing;
    private final FlowKey scratch = new FlowKey();
    /** First and last of the closed and of the unanswered, the oldest first. */
    private final int[] first = new int[2];

    private final int[] last = new int[2];
    private int[] vmFirst = new int[16];
    private int[] vmCount = new int[16];
    private int free;
    private int fresh = 1;
    private int size;
    private int changes;
    private int swept = 1;
    private long evicted;

    /** Octets of a table for so many flows. */
    public static long bytes(int flows) {
        return (long) FLOW_BYTES * (flows + 1) + 8L * places(flows);
    }

    private static int places(int flows) {
        return Integer.highestOneBit(Math.max(flows, 16) * PLACES - 1) << 1;
    }

    /**
     * @param memory zeroed, of {@link #bytes}, aligned to a cache line
     * @param secret random: by it the index is ordered
     */
    public FlowTable(MemorySegment memory, int capacity, FlowTiming timing, long secret) {
        if (capacity < 1 || capacity > 1 << 26) {
            throw new IllegalArgumentException("a flow table has 1 to 67,108,864 flows, not " + capacity);
        }
        this.flows = memory.asSlice(0, (long) FLOW_BYTES * (capacity + 1));
        this.index = memory.asSlice((long) FLOW_BYTES * (capacity + 1), 8L * places(capacity));
        this.mask = places(capacity) - 1;
        this.capacity = capacity;
        this.timing = timing;
        this.secret = secret;
    }

    // --- lookup

    /** The flow of a key, or {@link #NONE}. */
    public int find(FlowKey key) {
        return find(key, 0);
    }

    /** The flow that the outside knows by this key: its local end is that of the translation. */
    public int findOuter(FlowKey key) {
        return find(key, OUTER);
    }

    private int find(FlowKey key, long side) {
        int hash = key.hash(secret);
        for (int i = hash & mask; ; i = i + 1 & mask) {
            long place = index.getAtIndex(JAVA_LONG, i);
            if (place == 0) {
                return NONE;
            }
            int flow = (int) (place & FLOW);
            if ((int) (place >>> 32) == hash && (place & OUTER) == side && is(flow, key, side)) {
                return flow;
            }
        }
    }

    private boolean is(int flow, FlowKey key, long side) {
        long at = at(flow);
        boolean outer = side != 0;
        return flows.get(JAVA_LONG, at + (outer ? OUTER_LOW : LOCAL_LOW)) == key.localLow
                && flows.get(JAVA_LONG, at + REMOTE_LOW) == key.remoteLow
                && flows.get(JAVA_LONG, at + (outer ? OUTER_HIGH : LOCAL_HIGH)) == key.localHigh
                && flows.get(JAVA_LONG, at + REMOTE_HIGH) == key.remoteHigh
                && flows.get(JAVA_SHORT, at + (outer ? OUTER_PORT : LOCAL_PORT)) == (short) key.localPort
                && flows.get(JAVA_SHORT, at + REMOTE_PORT) == (short) key.remotePort
                && flows.get(JAVA_BYTE, at + PROTOCOL) == (byte) key.protocol
                && (flag(flow, V6) == key.isV6)
                && (outer ? FlowKey.OUTSIDE : flows.get(JAVA_INT, at + REALM)) == key.realm;
    }

    /**
     * The flow of a key if it stands in the first or second place where it may be, else one that means nothing. There is no branch in it to predict, so that the processor waits for the memory of
     * many such at once, as it does not for {@link #find}.
     */
    public int likely(FlowKey key) {
        int hash = key.hash(secret);
        long place = index.getAtIndex(JAVA_LONG, hash & mask);
        long other = place >>> 32 ^ hash & 0xFFFF_FFFFL;
        int further = (int) ((other | -other) >>> 63);
        return (int) (index.getAtIndex(JAVA_LONG, (hash & mask) + further & mask) & FLOW);
    }

    /** Brings what a packet needs of a flow into the processor's cache; what comes back means nothing. */
    public long touch(int flow) {
        return flows.get(JAVA_LONG, at(flow)) + flows.get(JAVA_LONG, at(flow) + OUTER_HIGH);
    }

    // --- a flow

    public FlowState state(int flow) {
        return FlowState.of(flows.get(JAVA_BYTE, at(flow) + STATE));
    }

    public int protocol(int flow) {
        return flows.get(JAVA_BYTE, at(flow) + PROTOCOL) & 0xFF;
    }

    /** Whose translation it is, as the caller counts gateways; {@link #HERE}: ours. */
    public int owner(int flow) {
        return flows.get(JAVA_INT, at(flow) + OWNER);
    }

    public int vm(int flow) {
        return flows.get(JAVA_INT, at(flow) + VM);
    }

    /** Of the binding that it was last known under. */
    public long epoch(int flow) {
        return flows.get(JAVA_LONG, at(flow) + EPOCH);
    }

    public int seenS(int flow) {
        return flows.get(JAVA_INT, at(flow) + SEEN);
    }

    public int sinceS(int flow) {
        return flows.get(JAVA_INT, at(flow) + SINCE);
    }

    public boolean isTranslated(int flow) {
        return flag(flow, TRANSLATED);
    }

    public boolean isLocalFirst(int flow) {
        return flag(flow, LOCAL_FIRST);
    }

    /** Of {@link #isTranslated}. */
    public long outerHigh(int flow) {
        return flows.get(JAVA_LONG, at(flow) + OUTER_HIGH);
    }

    public long outerLow(int flow) {
        return flows.get(JAVA_LONG, at(flow) + OUTER_LOW);
    }

    public int outerPort(int flow) {
        return flows.get(JAVA_SHORT, at(flow) + OUTER_PORT) & 0xFFFF;
    }

    public long localHigh(int flow) {
        return flows.get(JAVA_LONG, at(flow) + LOCAL_HIGH);
    }

    public long localLow(int flow) {
        return flows.get(JAVA_LONG, at(flow) + LOCAL_LOW);
    }

    public int localPort(int flow) {
        return flows.get(JAVA_SHORT, at(flow) + LOCAL_PORT) & 0xFFFF;
    }

    public int realm(int flow) {
        return flows.get(JAVA_INT, at(flow) + REALM);
    }

    /** Its key, into {@code key}. */
    public FlowKey key(int flow, FlowKey key) {
        long at = at(flow);
        return key.set(
                flows.get(JAVA_INT, at + REALM),
                flag(flow, V6),
                protocol(flow),
                localHigh(flow),
                localLow(flow),
                localPort(flow),
                flows.get(JAVA_LONG, at + REMOTE_HIGH),
                flows.get(JAVA_LONG, at + REMOTE_LOW),
                flows.get(JAVA_SHORT, at + REMOTE_PORT) & 0xFFFF);
    }

    public int size() {
        return size;
    }

    public int capacity() {
        return capacity;
    }

    /** Flows that had to make room for others. */
    public long evicted() {
        return evicted;
    }

    // --- changes

    /**
     * A new flow; {@link #NONE} when there is no room. The key is nobody's yet.
     *
     * @param vm the VM at the local end, from 0 on, as the caller counts them
     * @param localFirst the local end speaks first
     */
    public int add(FlowKey key, int vm, long epoch, int owner, boolean localFirst, FlowState state, int nowS) {
        int flow = room(nowS);
        if (flow == NONE) {
            return NONE;
        }
        long at = at(flow);
        flows.set(JAVA_LONG, at + LOCAL_HIGH, key.localHigh);
        flows.set(JAVA_LONG, at + LOCAL_LOW, key.localLow);
        flows.set(JAVA_LONG, at + REMOTE_HIGH, key.remoteHigh);
        flows.set(JAVA_LONG, at + REMOTE_LOW, key.remoteLow);
        flows.set(JAVA_INT, at + REALM, key.realm);
        flows.set(JAVA_SHORT, at + LOCAL_PORT, (short) key.localPort);
        flows.set(JAVA_SHORT, at + REMOTE_PORT, (short) key.remotePort);
        flows.set(JAVA_BYTE, at + PROTOCOL, (byte) key.protocol);
        flows.set(JAVA_BYTE, at + FLAGS, (byte) (USED | (key.isV6 ? V6 : 0) | (localFirst ? LOCAL_FIRST : 0)));
        flows.set(JAVA_INT, at + SEEN, nowS);
        flows.set(JAVA_INT, at + SINCE, nowS);
        flows.set(JAVA_INT, at + OWNER, owner);
        flows.set(JAVA_INT, at + VM, vm);
        flows.set(JAVA_LONG, at + EPOCH, epoch);
        flows.set(JAVA_BYTE, at + STATE, (byte) state.ordinal());
        index(key.hash(secret), flow);
        linkAge(flow, list(state));
        linkVm(flow, vm);
        size++;
        return flow;
    }

    /** From now on the outside knows the flow by this address and port, which together with its remote end are nobody else's. */
    public void translate(int flow, long high, long low, int port) {
        long at = at(flow);
        if (isTranslated(flow)) {
            unindex(outerKey(flow).hash(secret), OUTER | flow);
        }
        flows.set(JAVA_LONG, at + OUTER_HIGH, high);
        flows.set(JAVA_LONG, at + OUTER_LOW, low);
        flows.set(JAVA_SHORT, at + OUTER_PORT, (short) port);
        flows.set(JAVA_BYTE, at + FLAGS, (byte) (flows.get(JAVA_BYTE, at + FLAGS) | TRANSLATED));
        index(outerKey(flow).hash(secret), OUTER | flow);
    }

    private FlowKey outerKey(int flow) {
        return key(flow, scratch).local(FlowKey.OUTSIDE, outerHigh(flow), outerLow(flow), outerPort(flow));
    }

    /** A packet of the flow has come. @param tcpFlags 0 of any other protocol */
    public void saw(int flow, boolean fromLocal, int tcpFlags, int nowS) {
        long at = at(flow);
        if (flows.get(JAVA_INT, at + SEEN) != nowS) {
            flows.set(JAVA_INT, at + SEEN, nowS);
        }
        int was = flows.get(JAVA_BYTE, at + STATE);
        FlowState before = FlowState.of(was);
        FlowState after = before.after(protocol(flow), fromLocal, fromLocal == flag(flow, LOCAL_FIRST), tcpFlags);
        if (after != before) {
            if (before == FlowState.CLOSED) {
                firstIs(flow, fromLocal);
            }
            state(flow, after);
        }
    }

    private void firstIs(int flow, boolean local) {
        long at = at(flow) + FLAGS;
        int others = flows.get(JAVA_BYTE, at) & ~LOCAL_FIRST;
        flows.set(JAVA_BYTE, at, (byte) (others | (local ? LOCAL_FIRST : 0)));
    }

    public void state(int flow, FlowState state) {
        int from = list(state(flow));
        int to = list(state);
        flows.set(JAVA_BYTE, at(flow) + STATE, (byte) state.ordinal());
        if (from != to) {
            unlinkAge(flow, from);
            linkAge(flow, to);
        }
        changed(flow);
    }

    /** It is that gateway's, by a later binding. */
    public void owner(int flow, int owner, long epoch) {
        flows.set(JAVA_INT, at(flow) + OWNER, owner);
        flows.set(JAVA_LONG, at(flow) + EPOCH, epoch);
        changed(flow);
    }

    public void epoch(int flow, long epoch) {
        flows.set(JAVA_LONG, at(flow) + EPOCH, epoch);
    }

    public void seenS(int flow, int atS) {
        flows.set(JAVA_INT, at(flow) + SEEN, atS);
    }

    public void remove(int flow) {
        long at = at(flow);
        unindex(key(flow, scratch).hash(secret), flow);
        if (isTranslated(flow)) {
            unindex(outerKey(flow).hash(secret), OUTER | flow);
        }
        unlinkAge(flow, list(state(flow)));
        unlinkVm(flow);
        flows.set(JAVA_BYTE, at + FLAGS, (byte) 0);
        flows.set(JAVA_INT, at + VM_NEXT, free);
        free = flow;
        size--;
    }

    // --- of one VM, what changed last first

    /** Grows with every flow that begins or changes its state; what is given to {@link #isChanged}. */
    public int changes() {
        return changes;
    }

    public boolean isChanged(int flow, int since) {
        return flows.get(JAVA_INT, at(flow) + CHANGED) - since > 0;
    }

    /** The VM's flow that began or changed its state last; {@link #NONE}: it has none. */
    public int firstOf(int vm) {
        return vm < vmFirst.length ? vmFirst[vm] : NONE;
    }

    public int nextOf(int flow) {
        return flows.get(JAVA_INT, at(flow) + VM_NEXT);
    }

    public int countOf(int vm) {
        return vm < vmCount.length ? vmCount[vm] : 0;
    }

    // --- time

    public boolean isOver(int flow, int nowS) {
        return nowS - seenS(flow) > timing.seconds(protocol(flow), state(flow));
    }

    /** Whether a flow may be forgotten. */
    public interface Verdict {
        boolean forgets(int flow, boolean isOver);
    }

    /** Looks at so many more flows, and removes those whose time is over; how many those were. */
    public int sweep(int most, int nowS) {
        return sweep(most, nowS, TIME_ONLY);
    }

    /** The same by a verdict of the caller's. */
    public int sweep(int most, int nowS, Verdict verdict) {
        int removed = 0;
        for (int i = 0; i < most && fresh > 1; i++) {
            swept = swept + 1 < fresh ? swept + 1 : 1;
            if (isUsed(swept) && verdict.forgets(swept, isOver(swept, nowS))) {
                remove(swept);
                removed++;
            }
        }
        return removed;
    }

    /** Flows have numbers below this. */
    public int limit() {
        return fresh;
    }

    /** Whether there is such a flow now. */
    public boolean isUsed(int flow) {
        return flag(flow, USED);
    }

    // --- room

    private int room(int nowS) {
        if (free == NONE && fresh > capacity && !makeRoom(nowS)) {
            return NONE;
        }
        if (free == NONE) {
            return fresh++;
        }
        int flow = free;
        free = flows.get(JAVA_INT, at(flow) + VM_NEXT);
        return flow;
    }

    private boolean makeRoom(int nowS) {
        int flow = first[CLOSED_LIST];
        if (flow == NONE) {
            flow = first[UNANSWERED_LIST];
            for (int i = 0; i < SECOND_CHANCES && flow != NONE && nowS - seenS(flow) < LATELY_S; i++) {
                unlinkAge(flow, UNANSWERED_LIST);
                linkAge(flow, UNANSWERED_LIST);
                flow = first[UNANSWERED_LIST];
            }
        }
        if (flow != NONE) {
            remove(flow);
            evicted++;
            return true;
        }
        return sweep(SWEPT_FOR_ROOM, nowS) > 0; // the next one that wants room goes on from here
    }

    // --- lists

    private static int list(FlowState state) {
        return state == FlowState.CLOSED ? CLOSED_LIST : state.isLive() ? NO_LIST : UNANSWERED_LIST;
    }

    private void linkAge(int flow, int list) {
        if (list == NO_LIST) {
            return;
        }
        int before = last[list];
        flows.set(JAVA_INT, at(flow) + AGE_NEXT, NONE);
        flows.set(JAVA_INT, at(flow) + AGE_PREVIOUS, before);
        last[list] = flow;
        if (before == NONE) {
            first[list] = flow;
        } else {
            flows.set(JAVA_INT, at(before) + AGE_NEXT, flow);
        }
    }

    private void unlinkAge(int flow, int list) {
        if (list == NO_LIST) {
            return;
        }
        int next = flows.get(JAVA_INT, at(flow) + AGE_NEXT);
        int previous = flows.get(JAVA_INT, at(flow) + AGE_PREVIOUS);
        if (previous == NONE) {
            first[list] = next;
        } else {
            flows.set(JAVA_INT, at(previous) + AGE_NEXT, next);
        }
        if (next == NONE) {
            last[list] = previous;
        } else {
            flows.set(JAVA_INT, at(next) + AGE_PREVIOUS, previous);
        }
    }

    private void changed(int flow) {
        int vm = vm(flow);
        if (vmFirst[vm] == flow) {
            flows.set(JAVA_INT, at(flow) + CHANGED, ++changes);
            return;
        }
        unlinkVm(flow);
        linkVm(flow, vm);
    }

    private void linkVm(int flow, int vm) {
        if (vm >= vmFirst.length) {
            vmFirst = Arrays.copyOf(vmFirst, Math.max(vm + 1, 2 * vmFirst.length));
            vmCount = Arrays.copyOf(vmCount, vmFirst.length);
        }
        int next = vmFirst[vm];
        flows.set(JAVA_INT, at(flow) + CHANGED, ++changes);
        flows.set(JAVA_INT, at(flow) + VM_NEXT, next);
        flows.set(JAVA_INT, at(flow) + VM_PREVIOUS, NONE);
        if (next != NONE) {
            flows.set(JAVA_INT, at(next) + VM_PREVIOUS, flow);
        }
        vmFirst[vm] = flow;
        vmCount[vm]++;
    }

    private void unlinkVm(int flow) {
        int vm = vm(flow);
        int next = flows.get(JAVA_INT, at(flow) + VM_NEXT);
        int previous = flows.get(JAVA_INT, at(flow) + VM_PREVIOUS);
        if (previous == NONE) {
            vmFirst[vm] = next;
        } else {
            flows.set(JAVA_INT, at(previous) + VM_NEXT, next);
        }
        if (next != NONE) {
            flows.set(JAVA_INT, at(next) + VM_PREVIOUS, previous);
        }
        vmCount[vm]--;
    }

    // --- the index

    private void index(int hash, long sideAndFlow) {
        int i = hash & mask;
        while (index.getAtIndex(JAVA_LONG, i) != 0) {
            i = i + 1 & mask;
        }
        index.setAtIndex(JAVA_LONG, i, (long) hash << 32 | sideAndFlow);
    }

    /** What had to go further for the sake of this place moves up (Knuth, volume 3, 6.4, algorithm R). */
    private void unindex(int hash, long sideAndFlow) {
        long place = (long) hash << 32 | sideAndFlow;
        int hole = hash & mask;
        while (index.getAtIndex(JAVA_LONG, hole) != place) {
            hole = hole + 1 & mask;
        }
        for (int i = hole + 1 & mask; index.getAtIndex(JAVA_LONG, i) != 0; i = i + 1 & mask) {
            long moved = index.getAtIndex(JAVA_LONG, i);
            int home = (int) (moved >>> 32) & mask;
            if ((i - home & mask) >= (i - hole & mask)) {
                index.setAtIndex(JAVA_LONG, hole, moved);
                hole = i;
            }
        }
        index.setAtIndex(JAVA_LONG, hole, 0);
    }

    private boolean flag(int flow, int bit) {
        return (flows.get(JAVA_BYTE, at(flow) + FLAGS) & bit) != 0;
    }

    private static long at(int flow) {
        return (long) FLOW_BYTES * flow;
    }
}

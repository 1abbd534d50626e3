// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.Tap;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.VirtioNetHeader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The device by which packets come and go natively, whatever rewrites them. What comes is checked and described before it is handed on; super-frames pass whole.
 *
 * <p>Order: as called, and nothing waits here. Ownership: what was taken is valid, and may be rewritten where it stands, until the next is. Locking: forwarder's thread.
 */
final class UnderlayPort implements AutoCloseable {
    /** Takes what has come: {@link #memory}, {@link #frameAt} and the parsed frame describe it. */
    interface Taker {
        /** {@link DropReason#NONE} if it went on. */
        DropReason take();

        /** So many frames stand there and will be taken one after the other; nobody has looked at them yet. */
        default void ahead(MemorySegment frames, long[] frameAt, int n) {}
    }

    private static final int BURST = 64;
    /** As many as the underlay's queue holds: a signal waits for what came before it, and for no more than that. */
    private static final int DRAINED_MOST = 8 * PagePort.QUEUE_FRAMES;

    /** Short frames that are read before the first of them is dealt with, and the room that each has. */
    private static final int AHEAD = 16;

    private static final int AHEAD_BYTES = 2_048;
    private static final int AHEAD_ROOM = AHEAD_BYTES + 64;

    private final LanDevice device;
    private final long mac;
    private final ParsedFrame f;
    private final Counters counters;
    private final Taker taker;
    private final FrameRun one = new FrameRun();
    private final MemorySegment in =
            Arena.ofAuto().allocate(AHEAD * AHEAD_ROOM + LanPort.VNET_BYTES + WanPort.frameBytes(), 64);
    private final long[] aheadAt = new long[AHEAD];
    private final int[] aheadBytes = new int[AHEAD];
    private long frameAt;
    private int length;
    /** The last read found nothing. */
    private boolean empty = true;

    private boolean superFrame;
    private int segmentBytes;
    private boolean partial;

    /** @param f what comes is parsed into it */
    UnderlayPort(PagePort.Opened port, ParsedFrame f, Counters counters, Taker taker) {
        this.device = port.device();
        this.mac = port.mac();
        this.f = f;
        this.counters = counters;
        this.taker = taker;
    }

    int fd() {
        return device.fd();
    }

    /** Of the device's own end: what is written is addressed to it. */
    long mac() {
        return mac;
    }

    /** Gives frames to the host's own routing. */
    void send(FrameRun run) {
        MemorySegment s = run.memory();
        long at = run.frameAt();
        Ethernet.putDestination(s, at, mac);
        Ethernet.putSource(s, at, LanPort.ANYCAST_MAC);
        int n = device.write(run);
        if (n < 0) {
            for (int i = 0; i < run.count(); i++) {
                counters.drop(n == Tap.AGAIN ? DropReason.SOCKET_FULL : DropReason.TAP_ERROR);
            }
        }
    }

    /** The same of a run in whatever shape: what is not in one piece goes frame by frame, by way of {@code scratch}. */
    void sendEach(FrameRun run, MemorySegment scratch) {
        if (run.isInOnePiece()) {
            send(run);
        } else {
            for (int i = 0; i < run.count(); i++) {
                send(one.frame(scratch, 0, run.copySegment(i, scratch, 0), false));
            }
        }
        counters.add(Counters.Kind.NATIVE_OUT, run.count());
    }

    // --- in

    /** Takes at most a burst; how many frames it was. */
    int poll() {
        return take(BURST);
    }

    /** Whether the last poll has left something. */
    boolean mayHaveMore() {
        return !empty;
    }

    /** Takes all that has come until now. */
    void drain() {
        take(DRAINED_MOST);
    }

    private int take(int most) {
        int taken = 0;
        empty = false;
        while (!empty && taken < most) {
            int n = readAhead();
            taken += n;
            if (n > 1) {
                taker.ahead(in, aheadAt, n);
            }
            for (int i = 0; i < n; i++) {
                frameAt = aheadAt[i];
                DropReason bad = parse(aheadBytes[i]);
                if (!bad.isDrop()) {
                    bad = taker.take();
                }
                if (bad.isDrop()) {
                    counters.drop(bad);
                }
            }
        }
        return taken;
    }

    /** Short frames, and at most one long one behind them; how many. */
    private int readAhead() {
        for (int n = 0; n < AHEAD; n++) {
            long at = (long) n * AHEAD_ROOM;
            int length = device.read(in, at, (int) (in.byteSize() - at)) - LanPort.VNET_BYTES;
            if (length <= 0) {
                empty = true;
                return n;
            }
            aheadAt[n] = at + LanPort.VNET_BYTES;
            aheadBytes[n] = length;
            if (length > AHEAD_BYTES) {
                return n + 1;
            }
        }
        return AHEAD;
    }

    private DropReason parse(int frameBytes) {
        length = frameBytes;
        long header = frameAt - LanPort.VNET_BYTES;
        superFrame = VirtioNetHeader.gsoType(in, header) != VirtioNetHeader.GSO_NONE;
        segmentBytes = VirtioNetHeader.gsoSize(in, header);
        partial = (VirtioNetHeader.flags(in, header) & VirtioNetHeader.NEEDS_CHECKSUM) != 0;
        if (!superFrame && partial && one.frame(in, frameAt, length, true).isPartialInVain()) {
            if (!VirtioNetHeader.complete(in, frameAt, length, header)) {
                return DropReason.BAD_TRANSPORT_LENGTH;
            }
            partial = false;
        }
        return f.parse(in, frameAt, length);
    }

    MemorySegment memory() {
        return in;
    }

    long frameAt() {
        return frameAt;
    }

    /** The sum over the payload is still to be made. */
    boolean isPartial() {
        return partial;
    }

    /** Payload of each segment of a super-frame; 0: it is one frame. */
    int segmentBytes() {
        return superFrame ? segmentBytes : 0;
    }

    /** Describes what was taken, as its headers are now; false if its lengths do not fit. */
    boolean describe(FrameRun run) {
        if (superFrame) {
            return run.whole(in, f, segmentBytes);
        }
        run.frame(in, frameAt, f.unpaddedLength(), partial);
        return true;
    }

    @Override
    public void close() {
        device.close();
    }
}

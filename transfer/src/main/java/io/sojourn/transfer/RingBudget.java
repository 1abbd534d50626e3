// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

/**
 * How much memory the rings of all streams of a process may come to, however many guests move at once. A stream that comes when there is little left gets a smaller
 * ring, which bounds its rate over a long path (ring / round trip), and never none: each takes at most half of what is left, and at least {@link #LEAST_BYTES}.
 *
 * <p>Locking: any thread.
 */
final class RingBudget {
    /** 16 MB/s over a round trip of 250 ms. */
    static final int LEAST_BYTES = StreamFormat.INITIAL_WINDOW_BYTES;

    /** Three of the usual 64 MiB, then 32, 16, 8 and 4: gateways run with room for four times as much off-heap memory, which guests' packets share. */
    static final RingBudget OF_PROCESS = new RingBudget(256L << 20);

    private long leftBytes;

    RingBudget(long bytes) {
        leftBytes = bytes;
    }

    /** A ring of a budget; what it takes comes back when both its sides have closed. */
    ByteRing ring(int wantedBytes) {
        int bytes = take(wantedBytes);
        return new ByteRing(bytes, () -> giveBack(bytes));
    }

    private synchronized int take(int wantedBytes) {
        int bytes = wantedBytes;
        while (bytes > LEAST_BYTES && bytes > leftBytes / 2) {
            bytes /= 2;
        }
        leftBytes -= bytes;
        return bytes;
    }

    private synchronized void giveBack(int bytes) {
        leftBytes += bytes;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

/**
 * Which counters have arrived, over the last {@value #WINDOW} of them: the ring of words of RFC 6479, in which a word is
 * cleared when the window moves on to it and nothing is ever shifted. Locking: none, one thread.
 */
public final class ReplayWindow {
    private static final int BITS = 8192;
    private static final int WORDS = BITS / Long.SIZE;
    /** One word is given up, so that the word being entered may be cleared whole. */
    static final int WINDOW = BITS - Long.SIZE;

    private final long[] seen = new long[WORDS];
    /** One more than the highest counter accepted. */
    private long next;

    /** Whether a counter could be accepted; to be asked before the cost of opening is paid. Counters are below 2^62. */
    public boolean mayAccept(long counter) {
        if (counter < 0) {
            return false;
        }
        if (counter >= next) {
            return true;
        }
        return next - counter <= WINDOW && (seen[word(counter)] & bit(counter)) == 0;
    }

    /** Notes a counter that was authentic and for which {@link #mayAccept} is true; whether it is the highest yet. */
    public boolean accept(long counter) {
        boolean newest = counter >= next;
        if (newest) {
            long entered = next == 0 ? -1 : (next - 1) / Long.SIZE;
            long steps = Math.min(counter / Long.SIZE - entered, WORDS);
            for (long i = 1; i <= steps; i++) {
                seen[(int) ((entered + i) % WORDS)] = 0;
            }
            next = counter + 1;
        }
        seen[word(counter)] |= bit(counter);
        return newest;
    }

    private static int word(long counter) {
        return (int) (counter / Long.SIZE % WORDS);
    }

    private static long bit(long counter) {
        return 1L << counter;
    }
}

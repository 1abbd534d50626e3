// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import java.util.concurrent.TimeUnit;

/**
 * How fast a guest that has just resumed is given what was kept for it. It reads slowly at first, and its sockets hold little: what came at some rate it could take at that rate, so it is given
 * what waited at twice that, in turns of {@link #TURN_NS}. It begins with one datagram of each correspondent, for each of them has somebody waiting for the answer.
 *
 * <p>Forwarder's thread only.
 */
final class FlushPace {
    static final long TURN_NS = TimeUnit.MILLISECONDS.toNanos(1);

    private static final double CATCH_UP = 2;
    private static final double LEAST_FRAMES_PER_TURN = 4;
    /** With no correspondent's datagram to begin with, so many frames, and one more each turn: a guest that drowns in interrupts answers nobody. */
    private static final int FIRST_TURN_FRAMES = 3;

    private static final int MOST_PAIRS_PER_TURN = 16;
    /**
     * So long the second turn waits for the guest's answers to the first. Its driver hands out answers when it has dealt with all that it found: what costs it milliseconds while it is cold
     * must not stand beside what it answers at once.
     */
    private static final long FIRST_ANSWERS_NS = TimeUnit.MILLISECONDS.toNanos(12);
    /**
     * And so long what is patient waits for them. Guests without KVM have answered after 7 to 14 ms, or, if the patient came after 12, after 20 to 44: one move in four of a tour of thirty, and none
     * between.
     */
    private static final long PATIENCE_NS = TimeUnit.MILLISECONDS.toNanos(25);

    private long keptSinceNs;
    private double framesPerTurn;
    private int turns;
    /** So much it has still to say to have answered the first turn; until then, or until {@link #answersDueNs}, it is given no more than that. */
    private int answersDue;

    private long answersDueNs;
    private long patienceEndsNs;

    /** The first frame that is kept has come. */
    void keeps(long nowNs) {
        keptSinceNs = nowNs;
    }

    /** It finds this many datagrams in its port when it runs: its first turn. */
    void led(int datagrams) {
        answersDue = datagrams;
    }

    /**
     * It runs.
     *
     * @param kept how many frames wait for it, what it was led with not among them
     */
    void begin(long nowNs, int led, int kept) {
        double turnsWaited = Math.max(1, (double) (nowNs - keptSinceNs) / TURN_NS);
        framesPerTurn = Math.max(LEAST_FRAMES_PER_TURN, Math.ceil(CATCH_UP * kept / turnsWaited));
        turns = led == 0 ? 0 : 1;
        answersDue = led == 0 ? 0 : answersDue;
        answersDueNs = nowNs + FIRST_ANSWERS_NS;
        patienceEndsNs = nowNs + PATIENCE_NS;
    }

    /** How many go to lead with, of so many correspondents' oldest. */
    static int lead(int pairs) {
        return Math.min(pairs, MOST_PAIRS_PER_TURN);
    }

    /**
     * How many frames go now.
     *
     * @param pairs correspondents whose oldest datagram waits: these go first, and never wait for the answers to others
     */
    int turn(long nowNs, int pairs) {
        int oldest = lead(pairs);
        boolean isFirst = turns == 0 && oldest > 0;
        if (isFirst || turns > 0 && answersDue > 0 && answersDueNs - nowNs > 0) {
            turns = Math.max(turns, 1);
            answersDue += oldest;
            return oldest;
        }
        int growing = (int) Math.min(framesPerTurn, FIRST_TURN_FRAMES + turns);
        turns++;
        return Math.max(oldest, growing);
    }

    /** Whether what is patient has to wait in this turn, as the guest still owes answers. */
    boolean patientWait(long nowNs) {
        return turns > 0 && answersDue > 0 && patienceEndsNs - nowNs > 0;
    }

    /** It has said something; whether it is an answer or not: what it had sent before it stopped comes out first. */
    void said() {
        if (answersDue > 0) {
            answersDue--;
        }
    }
}

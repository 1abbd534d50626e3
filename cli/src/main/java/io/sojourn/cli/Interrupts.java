// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import sun.misc.Signal;

/** Ctrl-C as something a command can answer: the first one interrupts the thread that waits, a second one ends the process. */
final class Interrupts {
    private static final int EXIT_STATUS = 130;

    private final Thread waiting;
    private volatile boolean happened;

    private Interrupts(Thread waiting) {
        this.waiting = waiting;
    }

    static Interrupts ofThisThread() {
        Interrupts interrupts = new Interrupts(Thread.currentThread());
        Signal.handle(new Signal("INT"), signal -> interrupts.interrupt());
        return interrupts;
    }

    private void interrupt() {
        if (happened) {
            Runtime.getRuntime().halt(EXIT_STATUS);
        }
        happened = true;
        waiting.interrupt();
    }

    boolean happened() {
        return happened;
    }

    /** Takes note of it; from now on Ctrl-C ends the process. */
    void clear() {
        Thread.interrupted();
        Signal.handle(new Signal("INT"), signal -> Runtime.getRuntime().halt(EXIT_STATUS));
        happened = false;
    }
}

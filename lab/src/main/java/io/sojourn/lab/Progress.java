// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.PrintStream;

/** What a person sees while the lab works. With {@code lively} a line may replace the one before it; else each change is a line, without colour. */
public final class Progress {
    private static final String CLEAR_LINE = "\r\u001b[2K";

    private final PrintStream out;
    private final boolean lively;
    private boolean unfinished;

    public Progress(PrintStream out, boolean lively) {
        this.out = out;
        this.lively = lively;
    }

    /** Says nothing. */
    static Progress silent() {
        return new Progress(new PrintStream(java.io.OutputStream.nullOutputStream()), false);
    }

    /** A step that is over, or a fact. */
    public synchronized void say(String line) {
        finish();
        out.println(line);
        out.flush();
    }

    /** How far the present step is; shown where lines can be replaced. */
    public synchronized void show(String line) {
        if (lively) {
            out.print(CLEAR_LINE + line);
            out.flush();
            unfinished = true;
        }
    }

    boolean lively() {
        return lively;
    }

    private void finish() {
        if (unfinished) {
            out.print(CLEAR_LINE);
            unfinished = false;
        }
    }
}

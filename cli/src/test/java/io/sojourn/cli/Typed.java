// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.io.PrintWriter;
import java.io.StringWriter;

/** What a command line, typed, came to. */
record Typed(int status, String out, String err) {
    static Typed run(String... words) {
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        int status = Sojourn.commandLine()
                .setOut(new PrintWriter(out, true))
                .setErr(new PrintWriter(err, true))
                .execute(words);
        return new Typed(status, out.toString(), err.toString());
    }

    static Typed at(FakeController controller, String... words) {
        String[] all = java.util.Arrays.copyOf(words, words.length + 2);
        all[words.length] = "--controller";
        all[words.length + 1] = controller.url();
        return run(all);
    }
}

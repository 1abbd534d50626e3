// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import picocli.CommandLine.ExitCode;

/** A command cannot do what was asked. The message is the one line that a person sees: what, where, what to do. */
final class CommandFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int status;

    CommandFailure(String message) {
        super(message);
        status = ExitCode.SOFTWARE;
    }

    CommandFailure(String message, Throwable cause) {
        super(message, cause);
        status = ExitCode.SOFTWARE;
    }

    private CommandFailure(String message, int status) {
        super(message);
        this.status = status;
    }

    /** What was typed makes no sense; nothing has been tried. */
    static CommandFailure wrongUse(String message) {
        return new CommandFailure(message, ExitCode.USAGE);
    }

    /** Exit status of the command: 1 failed, 2 wrong use. */
    int status() {
        return status;
    }

    /** What an exception says, as one line; its kind if it says nothing. */
    static String reason(Throwable failure) {
        String message = failure.getMessage();
        return message == null || message.isBlank()
                ? failure.getClass().getSimpleName()
                : message.strip().replaceAll("\\s*\\R\\s*", "; ");
    }
}

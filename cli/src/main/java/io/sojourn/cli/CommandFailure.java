// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

/** A command cannot do what was asked. The message is the one line that a person sees: what, where, what to do. */
final class CommandFailure extends RuntimeException {
    private static final long serialVersionUID = 1L;

    CommandFailure(String message) {
        super(message);
    }

    CommandFailure(String message, Throwable cause) {
        super(message, cause);
    }

    /** What an exception says, as one line; its kind if it says nothing. */
    static String reason(Throwable failure) {
        String message = failure.getMessage();
        return message == null || message.isBlank()
                ? failure.getClass().getSimpleName()
                : message.strip().replaceAll("\\s*\\R\\s*", "; ");
    }
}

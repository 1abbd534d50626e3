// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

/** A system call failed for a reason other than "try again"; the message names the operation, its object and the error. */
public final class SyscallException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final Errno errno;
    private final int number;

    /** @param op what was tried and on what, e.g. {@code "bind 10.0.0.1:7400"}; @param number the positive errno value */
    public SyscallException(String op, int number) {
        this(op, number, Errno.of(number).text());
    }

    SyscallException(String op, int number, String text) {
        super(op + ": " + text + " (errno " + number + ")");
        this.errno = Errno.of(number);
        this.number = number;
    }

    public Errno errno() {
        return errno;
    }

    /** The raw error number, also for values that {@link Errno} does not name. */
    public int number() {
        return number;
    }
}

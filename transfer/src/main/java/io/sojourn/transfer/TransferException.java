// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

/** A carrier could not be set up. The message is one line for a person: what, where, what to do. */
public final class TransferException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public TransferException(String message, Throwable cause) {
        super(message, cause);
    }
}

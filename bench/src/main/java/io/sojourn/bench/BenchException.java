// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

/** A benchmark cannot go on; the message says why and what to do. */
public final class BenchException extends RuntimeException {
    private static final long serialVersionUID = 1;

    BenchException(String message) {
        super(message);
    }

    BenchException(String message, Throwable cause) {
        super(message, cause);
    }
}

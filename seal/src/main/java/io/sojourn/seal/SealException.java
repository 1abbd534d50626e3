// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

/** A key that is no key, or a JDK without an algorithm that every JDK 25 has. Never the answer to hostile bytes. */
public final class SealException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public SealException(String message) {
        super(message);
    }

    public SealException(String message, Throwable cause) {
        super(message, cause);
    }
}

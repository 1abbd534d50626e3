// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

/** The store cannot do its work. The message is one line for a person: what, where, what to do. */
public class RegistryException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public RegistryException(String message) {
        super(message);
    }

    public RegistryException(String message, Throwable cause) {
        super(message, cause);
    }
}

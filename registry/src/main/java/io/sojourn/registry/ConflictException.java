// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

/** A compare-and-set found something else than expected; nothing of the commit has happened. */
public final class ConflictException extends RegistryException {
    private static final long serialVersionUID = 1;

    public ConflictException(String message) {
        super(message);
    }
}

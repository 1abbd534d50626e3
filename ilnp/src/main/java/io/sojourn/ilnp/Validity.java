// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

/**
 * The four states of a locator or identifier in the cache (RFC 6741 section 5.1). They follow from two facts, which are all that is stored: is it past its
 * lifetime, and has it been used of late.
 */
public enum Validity {
    /** May be used, and is not. */
    VALID,
    /** Is used. */
    ACTIVE,
    /** Is used beyond its lifetime, for want of another. */
    EXPIRED,
    /** Was used, is beyond its lifetime, and is kept in case that nothing else is heard. */
    AGED;

    public static Validity of(boolean pastLifetime, boolean inUse) {
        if (pastLifetime) {
            return inUse ? EXPIRED : AGED;
        }
        return inUse ? ACTIVE : VALID;
    }
}

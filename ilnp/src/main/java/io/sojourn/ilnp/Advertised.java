// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import io.sojourn.model.location.Locator64;

/**
 * A locator as a Locator Update lists it (RFC 6743 section 3).
 *
 * @param preference 0 to 65535, low is preferred
 * @param lifetimeS 0 to 65535 seconds
 */
public record Advertised(Locator64 locator, int preference, int lifetimeS) {
    private static final int MAX = 0xFFFF;

    public Advertised {
        if (preference < 0 || preference > MAX || lifetimeS < 0 || lifetimeS > MAX) {
            throw new IllegalArgumentException(
                    locator + ": preference " + preference + " and lifetime " + lifetimeS + " must be 0 to " + MAX);
        }
    }
}

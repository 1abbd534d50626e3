// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import io.sojourn.model.location.Locator64;

/** Where a correspondent can be reached, as far as is known. */
final class RemoteLocator {
    static final long NEVER = Long.MIN_VALUE;

    private final long locator;
    private final int preference;
    private long expiresMs;
    /** When an update no longer listed it; {@link #NEVER}: it is listed. */
    private long replacedMs = NEVER;

    private long usedMs = NEVER;

    RemoteLocator(long locator, int preference, long expiresMs) {
        this.locator = locator;
        this.preference = preference;
        this.expiresMs = expiresMs;
    }

    long bits() {
        return locator;
    }

    int preference() {
        return preference;
    }

    long expiresMs() {
        return expiresMs;
    }

    long replacedMs() {
        return replacedMs;
    }

    long usedMs() {
        return usedMs;
    }

    boolean isReplaced() {
        return replacedMs != NEVER;
    }

    void used(long now) {
        usedMs = now;
    }

    void replaced(long now) {
        replacedMs = now;
        expiresMs = Math.min(expiresMs, now);
    }

    boolean isPastLifetime(long now) {
        return now >= expiresMs;
    }

    Validity validity(long now, IlccTiming timing) {
        boolean inUse = !isReplaced() && usedMs != NEVER && now - usedMs < timing.inUseMs();
        return Validity.of(isPastLifetime(now), inUse);
    }

    @Override
    public String toString() {
        return new Locator64(locator) + " preference " + preference + (isReplaced() ? " replaced" : "");
    }
}

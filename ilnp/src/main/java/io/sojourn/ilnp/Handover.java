// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

/** What becomes of the locator that a node leaves (RFC 6740 section 6.2). */
public enum Handover {
    /** It goes on being used until each correspondent has confirmed the new one. */
    SOFT,
    /** It is gone at once: what is still sent to it is lost. */
    HARD
}

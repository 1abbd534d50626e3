// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

/** Who may notice that a node has moved: the three cases of RFC 6748 section 6. */
public enum Transparency {
    /** Within a site: nobody outside ever saw where in it the node was (6.1). */
    LOCAL,
    /** Between sites, by way of the site that correspondents know; they may have plain IPv6 (6.2). */
    INVISIBLE,
    /** Between sites, and correspondents that know ILNP are told: they take the direct way. The others are as in {@link #INVISIBLE} (6.3). */
    VISIBLE
}

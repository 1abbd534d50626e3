// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import io.sojourn.model.identity.NodeIdentifier;
import java.util.LinkedHashMap;
import java.util.Map;

/** A node at a site, for which the site's border speaks ILNP. */
public final class LocalNode {
    private final long internal;
    private final Ilcc cache;
    private final Transparency transparency;
    private final Map<Correspondent, UpdateSending> telling = new LinkedHashMap<>();

    /** @param internal the locator in the node's own address, which is the same wherever it goes (RFC 6748 section 2: localised numbering) */
    LocalNode(long internal, Ilcc cache, Transparency transparency) {
        this.internal = internal;
        this.cache = cache;
        this.transparency = transparency;
    }

    public NodeIdentifier nid() {
        return cache.local();
    }

    public long internal() {
        return internal;
    }

    public Ilcc cache() {
        return cache;
    }

    public Transparency transparency() {
        return transparency;
    }

    /** How far each correspondent that has to be told is with it. */
    Map<Correspondent, UpdateSending> telling() {
        return telling;
    }

    /** For a correspondent that was never told anything: settled. */
    public UpdateSending telling(Correspondent c) {
        return telling.getOrDefault(c, UpdateSending.SETTLED);
    }
}

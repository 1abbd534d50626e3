// SPDX-License-Identifier: Apache-2.0
package io.sojourn.model.location;

/** The name of a site: a data centre, a cloud region, a rack with an uplink of its own. */
public record SiteId(String name) implements Comparable<SiteId> {
    public SiteId {
        Labels.check("site", name);
    }

    @Override
    public int compareTo(SiteId other) {
        return name.compareTo(other.name);
    }

    @Override
    public String toString() {
        return name;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import io.sojourn.model.identity.NodeIdentifier;
import io.sojourn.model.location.Locator64;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Which of a site's locators a session is to use (RFC 6748 section 5): {@code srcI=…, dstI=…, use L}. Of several that fit the most specific wins: one that names both ends, then one that names
 * the node, then one that names the correspondent, then one that names neither; of equals the first.
 *
 * @param node of this site; empty: any
 * @param correspondent empty: any
 * @param knownAs tells correspondents apart that have an identifier which is not universal: the locator in the address by which the node calls it; empty: any
 */
public record TrafficRule(
        Optional<NodeIdentifier> node,
        Optional<NodeIdentifier> correspondent,
        Optional<Locator64> knownAs,
        Locator64 use) {
    public TrafficRule(Optional<NodeIdentifier> node, Optional<NodeIdentifier> correspondent, Locator64 use) {
        this(node, correspondent, Optional.empty(), use);
    }

    boolean fits(NodeIdentifier itsNode, NodeIdentifier itsCorrespondent, long itsKnownAs) {
        return node.map(itsNode::equals).orElse(true)
                && correspondent.map(itsCorrespondent::equals).orElse(true)
                && (NodeIdentifier.isUniversal(itsCorrespondent.bits())
                        || knownAs.map(at -> at.bits() == itsKnownAs).orElse(true));
    }

    private int specificity() {
        return (node.isPresent() ? 2 : 0) + (correspondent.isPresent() ? 1 : 0);
    }

    /** The rule that counts. */
    static Optional<TrafficRule> choose(
            List<TrafficRule> rules, NodeIdentifier node, NodeIdentifier correspondent, long knownAs) {
        return rules.stream()
                .filter(rule -> rule.fits(node, correspondent, knownAs))
                .min(Comparator.comparingInt(rule -> -rule.specificity()));
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.flow;

import java.util.List;

/**
 * Which flows may begin between a VM and others: the VM's own rules, then its networks', the first that fits; what none fits may. Once it has begun, a flow goes on whatever the rules say.
 */
public final class RuleSet {
    public static final RuleSet NONE = new RuleSet(List.of());

    private final Rule[] rules;

    public RuleSet(List<Rule> rules) {
        this.rules = rules.toArray(Rule[]::new);
    }

    public boolean isEmpty() {
        return rules.length == 0;
    }

    /** Whether the flow may begin. @param inwards the remote end speaks first */
    public boolean allows(FlowKey key, boolean inwards) {
        for (Rule rule : rules) {
            if (rule.fits(key, inwards)) {
                return rule.allow();
            }
        }
        return true;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.List;
import java.util.Map;

/**
 * Rules say which of the site's two locators a session uses (RFC 6748 section 5), and of several that fit the most specific counts: both ends, then the node, then the correspondent. A change is told
 * by Locator Updates, and nothing is lost.
 */
final class IlnpTrafficEngineering extends IlnpUplinks {
    private static final String NEAR = "hiroshima";
    private static final String FAR = "gainesville";

    IlnpTrafficEngineering() {
        super(
                "ilnp-traffic-engineering",
                "rules choose the uplink of a session; the most specific wins, and a change is told");
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        count(options);
        return (stage, findings) -> {
            String node = stage.mover().plan().address6();
            String near = topology.site(NEAR).lan6(20);
            String far = topology.site(FAR).lan6(20);
            expect(stage, "no rule", List.of(), true, true, findings);
            expect(stage, "to " + FAR + " by the second", List.of(to(far, second())), true, false, findings);
            expect(
                    stage,
                    "this VM to " + FAR + " by the first, which is more specific",
                    List.of(to(far, second()), rule(node, far, first())),
                    true,
                    true,
                    findings);
            expect(
                    stage,
                    "this VM by the second, which is more specific than to " + NEAR + " by the first",
                    List.of(to(near, first()), of(node, second())),
                    false,
                    false,
                    findings);
            expect(stage, "no rule", List.of(), true, true, findings);
            return false;
        };
    }

    private static Map<String, Object> to(String correspondent, String use) {
        return Map.of("correspondent", correspondent, "use", use);
    }

    private static Map<String, Object> of(String node, String use) {
        return Map.of("node", node, "use", use);
    }

    private static Map<String, Object> rule(String node, String correspondent, String use) {
        return Map.of("node", node, "correspondent", correspondent, "use", use);
    }

    private static void expect(
            Stage stage,
            String what,
            List<Map<String, Object>> rules,
            boolean nearByFirst,
            boolean farByFirst,
            Findings findings) {
        stage.mover().traffic().moveStarts();
        policy(stage, Map.of("locatorRules", rules));
        awaitBy(stage, NEAR, nearByFirst, findings);
        awaitBy(stage, FAR, farByFirst, findings);
        stage.calmDown(WATCHED);
        awaitBy(stage, NEAR, nearByFirst, findings);
        awaitBy(stage, FAR, farByFirst, findings);
        judge(stage, what, false, findings);
    }
}

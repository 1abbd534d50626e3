// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.util.List;
import java.util.Map;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** {@code network=blue,mac=52:54:00:00:01:0a,address=10.10.1.10,address=fd10:10:1::10,tap=tap-web1}: one interface in one word. */
final class NicOption {
    private static final List<String> KEYS = List.of("network", "mac", "address", "tap");

    private NicOption() {}

    static ObjectNode parse(String text) {
        ObjectNode nic = JsonNodeFactory.instance.objectNode();
        ArrayNode addresses = nic.putArray("addresses");
        for (Map.Entry<String, String> part : Words.pairs("--nic", text, KEYS)) {
            if (part.getKey().equals("address")) {
                addresses.add(part.getValue());
            } else {
                nic.put(part.getKey(), part.getValue());
            }
        }
        return nic;
    }
}

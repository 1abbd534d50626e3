// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import io.sojourn.lab.Progress;
import java.util.Map;

/** What the number of bindings costs. */
final class Flows {
    private Flows() {}

    static Map<String, Object> run(Progress progress) {
        throw new BenchException("flows is not here yet");
    }
}

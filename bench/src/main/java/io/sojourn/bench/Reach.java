// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import io.sojourn.lab.Child;
import io.sojourn.lab.Command;
import java.util.List;
import java.util.Map;

/** Waits until host B answers host A. */
final class Reach {
    private static final long BOUND_NS = 30_000_000_000L;

    private Reach() {}

    static void await(Way way) {
        answered(way, Bed.HOST_B);
        if (way.carriesV6()) {
            answered(way, Bed.HOST_B_6);
        }
    }

    private static void answered(Way way, String address) {
        long deadline = System.nanoTime() + BOUND_NS;
        List<String> ping = way.bed().hostA.command(List.of("ping", "-n", "-c", "1", "-W", "1", address));
        while (Command.attempt(ping, Map.of(), null).status() != 0) {
            way.carriers().forEach(Child::requireAlive);
            if (System.nanoTime() > deadline) {
                throw new BenchException(way.name() + ": " + address + " does not answer within 30 s; logs are in "
                        + way.bed().run.folder());
            }
        }
    }
}

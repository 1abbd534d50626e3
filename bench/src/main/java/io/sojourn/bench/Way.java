// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import io.sojourn.lab.Child;
import java.util.List;

/** One way for packets between two hosts, built and running: what a benchmark compares. */
interface Way {
    /** Such as {@code direct} or {@code sojourn-plain}; stable, it is in reports. */
    String name();

    /** Of the software that carries the packets. */
    String version();

    Bed bed();

    /** The processes that carry packets; none where the kernel does. */
    default List<Child> carriers() {
        return List.of();
    }

    /** Whether IPv6 between the hosts is carried. */
    default boolean carriesV6() {
        return true;
    }

    /** Ends the processes that carry packets and starts them afresh; returns as soon as they say that they are ready. */
    default void restart() {
        throw new BenchException(name() + " has no process to restart");
    }
}

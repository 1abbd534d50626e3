// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import tools.jackson.databind.JsonNode;

/**
 * One asynchronous QMP message.
 *
 * @param timestampUs QEMU's wall clock when it happened, microseconds since 1970
 * @param receivedNs {@link System#nanoTime()} when its line was complete here
 */
public record QmpEvent(String name, JsonNode data, long timestampUs, long receivedNs) {}

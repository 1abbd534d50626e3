// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

/** What to give QEMU's {@code -accel}, and why, in one sentence. */
public record ProbeResult(String acceleration, String reason) {}

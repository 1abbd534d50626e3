// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.time.Duration;

/**
 * What the pilot must know of the way to the destination.
 *
 * @param bytesPerS what the carrier can bring over, once let go
 * @param rtt round trip between the two gateways
 */
public record PathFacts(long bytesPerS, Duration rtt) {}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import io.sojourn.model.identity.MacAddress;
import java.util.Optional;

/**
 * A guest's network interface as its hypervisor knows it.
 *
 * @param name the hypervisor's name of it ({@code net0})
 * @param tap the tap's interface name; empty when the tap was handed over as a file descriptor, or for another kind of back end
 */
public record GuestNic(String name, MacAddress mac, Optional<String> tap) {}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

import io.sojourn.model.binding.Binding;

/** A line of a VM's history. @param sinceUs microseconds since 1970 @param cause registered, corrected, or a migration's id */
public record BoundSince(Binding binding, long sinceUs, long revision, String cause) {}

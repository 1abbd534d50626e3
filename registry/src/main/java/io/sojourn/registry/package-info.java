// SPDX-License-Identifier: Apache-2.0
/**
 * The binding store: who is where, since which epoch, and everything the controller must not forget.
 *
 * <p>One SPI, {@link io.sojourn.registry.BindingStore}, shaped after etcd so that a replicated engine can stand behind it:
 * a global revision, a version per key, compare-and-set, watch from a revision. Values are opaque text.
 */
@org.jspecify.annotations.NullMarked
package io.sojourn.registry;

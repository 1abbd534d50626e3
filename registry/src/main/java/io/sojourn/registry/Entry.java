// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

/**
 * One stored thing.
 *
 * @param value opaque to the store
 * @param version 1 when created, one more at each change, for compare-and-set
 * @param createRevision the store's revision when it was created
 * @param modRevision the store's revision when it last changed
 */
public record Entry(Kind kind, String key, String value, long version, long createRevision, long modRevision) {}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import it.unimi.dsi.fastutil.longs.Long2ObjectOpenHashMap;
import org.jspecify.annotations.Nullable;

/**
 * A map from IPv4 and IPv6 addresses, given as the two longs of {@link io.sojourn.wire.ParsedFrame}, to values. Lookup
 * allocates nothing. One thread.
 */
final class AddressMap<V> {
    private static final class Entry<V> {
        final boolean isV6;
        final long high;
        final long low;
        V value;

        @Nullable
        Entry<V> next;

        Entry(boolean isV6, long high, long low, V value, @Nullable Entry<V> next) {
            this.isV6 = isV6;
            this.high = high;
            this.low = low;
            this.value = value;
            this.next = next;
        }

        boolean is(boolean v6, long h, long l) {
            return low == l && high == h && isV6 == v6;
        }
    }

    private final Long2ObjectOpenHashMap<Entry<V>> buckets = new Long2ObjectOpenHashMap<>();
    private int size;

    private static long key(long high, long low) {
        // Odd multiplier of the golden ratio: addresses that differ in either half land apart.
        return low ^ high * 0x9E37_79B9_7F4A_7C15L;
    }

    @Nullable
    V get(boolean isV6, long high, long low) {
        for (Entry<V> e = buckets.get(key(high, low)); e != null; e = e.next) {
            if (e.is(isV6, high, low)) {
                return e.value;
            }
        }
        return null;
    }

    void put(boolean isV6, long high, long low, V value) {
        long key = key(high, low);
        Entry<V> first = buckets.get(key);
        for (Entry<V> e = first; e != null; e = e.next) {
            if (e.is(isV6, high, low)) {
                e.value = value;
                return;
            }
        }
        buckets.put(key, new Entry<>(isV6, high, low, value, first));
        size++;
    }

    void remove(boolean isV6, long high, long low) {
        long key = key(high, low);
        Entry<V> previous = null;
        for (Entry<V> e = buckets.get(key); e != null; previous = e, e = e.next) {
            if (e.is(isV6, high, low)) {
                if (previous != null) {
                    previous.next = e.next;
                } else if (e.next != null) {
                    buckets.put(key, e.next);
                } else {
                    buckets.remove(key);
                }
                size--;
                return;
            }
        }
    }

    int size() {
        return size;
    }
}

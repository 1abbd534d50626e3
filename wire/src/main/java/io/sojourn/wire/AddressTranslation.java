// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

/**
 * A one-to-one translation of addresses in one direction, such as virtual to page address. A lookup leaves its answer in
 * {@link #high} and {@link #low}, so that nothing is allocated; an implementation belongs to one thread.
 */
public interface AddressTranslation {
    /** Looks an address up; when false it stands for itself. */
    boolean find(boolean isV6, long high, long low);

    /** Of the last address found: its upper 64 bits, 0 for IPv4. */
    long high();

    /** Of the last address found. */
    long low();
}

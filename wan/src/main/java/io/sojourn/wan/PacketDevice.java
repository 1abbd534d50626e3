// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import java.lang.foreign.MemorySegment;

/** Where a place's packets come from and go to: a tun device, or memory in tests. */
interface PacketDevice {
    /** Reads one packet: its length, or a negative number when there is none. */
    int read(MemorySegment segment, long offset, int maxBytes);

    /** Writes one packet: its length, or a negative number when it is refused. */
    int write(MemorySegment segment, long offset, int bytes);
}

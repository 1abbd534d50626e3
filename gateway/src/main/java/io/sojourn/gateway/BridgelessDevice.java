// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import java.lang.foreign.MemorySegment;

/** A device on no bridge of ours, to which frames are only written: it knows no stations, and there is nothing to read or to wait for. */
interface BridgelessDevice extends LanDevice {
    @Override
    default int read(MemorySegment to, long at, int maxBytes) {
        return 0;
    }

    @Override
    default int fd() {
        return -1;
    }

    @Override
    default int ifindex() {
        return -1;
    }

    @Override
    default void captureStation(long mac) {}

    @Override
    default void releaseStation(long mac) {}

    @Override
    default void placeStation(int portIndex, long mac) {}

    @Override
    default int portOf(long mac) {
        return -1;
    }

    @Override
    default void close() {}
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.wire.FrameRun;
import java.lang.foreign.MemorySegment;

/** What a {@link LanPort} stands on: frames in and out, and a bridge that can be told where its stations are. Forwarder's thread only. */
interface LanDevice extends AutoCloseable {
    /** One frame, behind a virtio_net_hdr of {@link LanPort#VNET_BYTES}; 0 or less when there is none. */
    int read(MemorySegment to, long at, int maxBytes);

    /** Writes a frame that is complete; negative when it was not taken, {@link io.sojourn.linux.Tap#AGAIN} for want of room. */
    int write(MemorySegment frame, long at, int length);

    /** Writes a run as one, if it is several frames; its headers become those of the whole. */
    int write(FrameRun run);

    /** Whether the kernel may hand over what its stations have not divided or summed yet; nothing to a device where it never does. */
    default void superFrames(boolean may) {}

    int fd();

    int ifindex();

    /** From now on frames for this station come to us, even while it speaks from its own port. */
    void captureStation(long mac);

    /** The station is where the bridge learns it. */
    void releaseStation(long mac);

    /** Tells the bridge which port a station is on, so that its first frames are not flooded; learning may correct it. */
    void placeStation(int portIndex, long mac);

    /** The interface that the bridge has a station on; -1 when it knows none. */
    int portOf(long mac);

    @Override
    void close();
}

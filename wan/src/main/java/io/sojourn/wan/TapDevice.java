// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import io.sojourn.linux.Links;
import io.sojourn.linux.Netns;
import io.sojourn.linux.Tap;
import java.lang.foreign.MemorySegment;
import java.util.Set;

/** The tun device of a place, opened in that place's namespace; its descriptor is then used from ours. */
final class TapDevice implements PacketDevice, AutoCloseable {
    /** The default of 500 overflows when a sender's burst meets a forwarder that waits for a processor. */
    private static final int QUEUE_PACKETS = 10_000;

    private final Tap tap;

    private TapDevice(Tap tap) {
        this.tap = tap;
    }

    static TapDevice open(WanConfig.PlaceConfig place) {
        try {
            return Netns.call(place.netns(), () -> {
                if (!Links.exists(place.device())) {
                    // Opening it would make one, with no address and no route.
                    throw new IllegalStateException("there is no device " + place.device() + " in namespace "
                            + place.netns() + "; make it with: ip -n " + place.netns() + " tuntap add dev "
                            + place.device() + " mode tun");
                }
                Tap tap = Tap.openTun(place.device(), Set.of());
                try (Links links = new Links()) {
                    links.setTxQueueLength(tap.ifindex(), QUEUE_PACKETS);
                }
                return new TapDevice(tap);
            });
        } catch (RuntimeException failure) {
            throw new IllegalStateException("place " + place.name() + ": " + failure.getMessage(), failure);
        }
    }

    int fd() {
        return tap.fd();
    }

    @Override
    public int read(MemorySegment segment, long offset, int maxBytes) {
        return tap.read(segment, offset, maxBytes);
    }

    @Override
    public int write(MemorySegment segment, long offset, int bytes) {
        return tap.write(segment, offset, bytes);
    }

    @Override
    public void close() {
        tap.close();
    }
}

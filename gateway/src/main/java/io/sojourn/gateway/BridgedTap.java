// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.Gather;
import io.sojourn.linux.Tap;
import io.sojourn.linux.Tap.Offload;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.VirtioNetHeader;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;

/** A tap on a bridge, a virtio_net_hdr before each frame: the kernel hands over what its stations have not divided or summed yet, and takes the same. */
final class BridgedTap implements LanDevice {
    private final int bridgeIndex;
    private final Tap tap;
    private final Stations stations;
    private final MemorySegment header = Arena.ofAuto().allocate(LanPort.VNET_BYTES, 8);
    private final Gather gather = new Gather(2 + FrameRun.COLLECTED_MAX);

    /** @param bridgeIndex 0: on no bridge, for a rehearsal */
    BridgedTap(int bridgeIndex, Tap tap, Stations stations) {
        this.bridgeIndex = bridgeIndex;
        this.tap = tap;
        this.stations = stations;
    }

    @Override
    public int read(MemorySegment to, long at, int maxBytes) {
        return tap.read(to, at, maxBytes);
    }

    @Override
    public int write(MemorySegment frame, long at, int length) {
        VirtioNetHeader.write(header, 0, 0, VirtioNetHeader.GSO_NONE, 0, 0, 0, 0);
        return tap.write(gather.clear().add(header, 0, LanPort.VNET_BYTES).add(frame, at, length));
    }

    @Override
    public int write(FrameRun run) {
        gather.clear().add(header, 0, LanPort.VNET_BYTES);
        if (run.isInOnePiece()) {
            gather.add(run.memory(), run.frameAt(), run.frameLength());
        } else {
            run.prepareWhole();
            gather.add(run.memory(), run.frameAt(), run.headerBytes());
            for (int i = 0; i < run.count(); i++) {
                gather.add(run.memory(), run.pieceAt(i), run.pieceLength(i));
            }
        }
        run.writeVirtioHeader(header, 0);
        return tap.write(gather);
    }

    @Override
    public void superFrames(boolean may) {
        superFrames(tap, may);
    }

    static void superFrames(Tap tap, boolean may) {
        if (!may) {
            tap.setOffloads(EnumSet.noneOf(Offload.class));
        } else if (!tap.trySetOffloads(
                EnumSet.of(Offload.CSUM, Offload.TSO4, Offload.TSO6, Offload.USO4, Offload.USO6))) {
            tap.setOffloads(EnumSet.of(Offload.CSUM, Offload.TSO4, Offload.TSO6)); // before Linux 6.2
        }
    }

    @Override
    public int fd() {
        return tap.fd();
    }

    @Override
    public int ifindex() {
        return tap.ifindex();
    }

    @Override
    public void captureStation(long mac) {
        if (bridgeIndex != 0) {
            stations.capture(tap.ifindex(), mac);
        }
    }

    @Override
    public void releaseStation(long mac) {
        if (bridgeIndex != 0) {
            stations.release(tap.ifindex(), mac);
        }
    }

    @Override
    public void placeStation(int portIndex, long mac) {
        stations.place(tap.ifindex(), portIndex, mac);
    }

    @Override
    public int portOf(long mac) {
        return stations.portOf(bridgeIndex, mac);
    }

    @Override
    public void close() {
        tap.close();
        gather.close();
    }
}

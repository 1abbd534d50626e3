// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.linux.Tap;
import io.sojourn.wire.FrameRun;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/** What would be a device of the kernel's: what is written is collected, what is to be read is handed in. */
class CollectingDevice implements BridgelessDevice {
    final List<byte[]> written = new ArrayList<>();
    final ArrayDeque<byte[]> toRead = new ArrayDeque<>();
    private final MemorySegment scratch = Arena.ofAuto().allocate(WanPort.frameBytes());

    @Override
    public int read(MemorySegment to, long at, int maxBytes) {
        byte[] frame = toRead.poll();
        if (frame == null) {
            return Tap.AGAIN;
        }
        to.asSlice(at, LanPort.VNET_BYTES).fill((byte) 0);
        MemorySegment.copy(frame, 0, to, ValueLayout.JAVA_BYTE, at + LanPort.VNET_BYTES, frame.length);
        return LanPort.VNET_BYTES + frame.length;
    }

    @Override
    public int write(MemorySegment frame, long at, int length) {
        written.add(frame.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE));
        return length;
    }

    @Override
    public int write(FrameRun run) {
        for (int i = 0; i < run.count(); i++) {
            write(scratch, 0, run.copySegment(i, scratch, 0));
        }
        return run.frameLength();
    }

    @Override
    public int ifindex() {
        return 1;
    }
}

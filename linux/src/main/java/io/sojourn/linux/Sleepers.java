// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;

/**
 * Whether threads of this host sleep, to be asked many times in a row: the third field of {@code /proc/TID/stat} (proc(5)), from files that stay open. One thread's at a time.
 */
public final class Sleepers implements AutoCloseable {
    /** Number and name, which takes 64 octets at most, and what follows up to the state and beyond. */
    private static final int ENOUGH_BYTES = 128;

    private static final byte SLEEPS = 'S';

    private final List<FileChannel> states = new ArrayList<>();
    private final ByteBuffer line = ByteBuffer.allocateDirect(ENOUGH_BYTES);

    /**
     * @param threads the kernel's numbers of them ({@link Threads#current})
     * @throws UncheckedIOException if one of them has ended
     */
    public Sleepers(List<Integer> threads) {
        try {
            for (int thread : threads) {
                states.add(
                        FileChannel.open(Path.of("/proc", Integer.toString(thread), "stat"), StandardOpenOption.READ));
            }
        } catch (IOException e) {
            close();
            throw new UncheckedIOException(e);
        }
    }

    /** None of them runs or is about to; false also if one has ended. */
    public boolean allSleep() {
        for (FileChannel state : states) {
            if (!sleeps(state)) {
                return false;
            }
        }
        return true;
    }

    private boolean sleeps(FileChannel state) {
        try {
            line.clear();
            int length = state.read(line, 0);
            for (int i = length - 3; i > 0; i--) {
                if (line.get(i) == ')') { // the last one: a name may have some
                    return line.get(i + 2) == SLEEPS;
                }
            }
            return false;
        } catch (IOException e) {
            return false;
        }
    }

    @Override
    public void close() {
        for (FileChannel state : states) {
            try {
                state.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        states.clear();
    }
}

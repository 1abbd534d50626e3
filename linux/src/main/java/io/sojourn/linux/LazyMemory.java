// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import java.lang.foreign.MemorySegment;

/**
 * Memory that the kernel gives when it is touched first, zeroed, and in huge pages where it has them: for tables that are large, and mostly empty, and whose places are looked up at random
 * ({@code mmap(2)}, {@code madvise(2)}).
 */
public final class LazyMemory {
    private static final int PROT_READ_WRITE = 3;
    private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x2 | 0x20 | 0x4000;
    private static final int MADV_HUGEPAGE = 14;
    private static final long HUGE_BYTES = 2L << 20;

    private LazyMemory() {}

    /** For as long as the process lives. */
    public static MemorySegment allocate(long bytes) {
        long whole = bytes + HUGE_BYTES;
        long address = Syscalls.mmap(whole, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS_NORESERVE);
        if (address < 0) {
            throw new SyscallException("map " + whole + " octets", (int) -address);
        }
        long aligned = (address + HUGE_BYTES - 1) & -HUGE_BYTES;
        Syscalls.madvise(aligned, bytes, MADV_HUGEPAGE); // if not, then in small ones
        return MemorySegment.ofAddress(aligned).reinterpret(bytes);
    }
}

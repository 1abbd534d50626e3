// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

/**
 * Guest memory sizes with which TCG can be migrated without losing writes; see {@link QemuGuest#hazard}. QEMU's flawed branch needs a block of whole
 * 64-page words (256 KiB), and rounds sizes to 8 KiB: 8 KiB more than a whole MiB is enough.
 */
public final class TcgMemory {
    /** The first major version of QEMU that loses nothing whatever the size. */
    public static final int FIXED_IN_QEMU_MAJOR = 9;

    private static final long WORD_BYTES = 64 * 4096;
    private static final int ODD_KIB = 8;

    private TcgMemory() {}

    static boolean losesWrites(long bytes) {
        return bytes % WORD_BYTES == 0;
    }

    /** The argument of {@code -m}: exactly {@code mebibytes}, or a little more where that is needed. */
    public static String sizeFor(int mebibytes, String acceleration) {
        return acceleration.startsWith("tcg") ? mebibytes * 1024L + ODD_KIB + "K" : mebibytes + "M";
    }
}

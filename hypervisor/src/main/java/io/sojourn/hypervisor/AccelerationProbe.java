// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.nio.file.Path;
import java.time.Duration;

/** Finds out by use whether KVM runs a Linux kernel here. */
public final class AccelerationProbe {
    public AccelerationProbe(Path qemu, Path cacheDirectory) {}

    /** Boots {@code kernel} with {@code initrd} under KVM until it prints {@code consoleMark}. */
    public ProbeResult probe(Path kernel, Path initrd, String consoleMark, Duration patience) {
        throw new UnsupportedOperationException();
    }
}

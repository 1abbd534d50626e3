// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.nio.file.Path;

/**
 * A hypervisor process of ours.
 *
 * @param log its standard output and error
 */
public record LaunchedGuest(String vm, long pid, Path qmpSocket, Path pidFile, Path log) {
    public boolean alive() {
        throw new UnsupportedOperationException();
    }

    /** Ends exactly this process and removes its socket and pid file. */
    public void destroy() {
        throw new UnsupportedOperationException();
    }
}

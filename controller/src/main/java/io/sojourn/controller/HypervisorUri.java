// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

/** How a VM's hypervisor is written: {@code qemu+unix:///run/web1.qmp}, a QMP socket on the gateway's host. */
final class HypervisorUri {
    private static final String SCHEME = "qemu+unix://";

    private HypervisorUri() {}

    static String of(String qmpPath) {
        return SCHEME + qmpPath;
    }

    /** @throws IllegalArgumentException if it is not one */
    static String qmpPath(String uri) {
        if (!uri.startsWith(SCHEME + "/")) {
            throw new IllegalArgumentException("hypervisor '" + uri
                    + "' is not known: write qemu+unix:// and the QMP socket's path, as in qemu+unix:///run/web1.qmp");
        }
        return uri.substring(SCHEME.length());
    }
}

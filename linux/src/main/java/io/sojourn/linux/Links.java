// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

/** Network interfaces of a namespace. */
public final class Links {
    private Links() {}

    /** The index of an interface in the current thread's namespace; fails with ENODEV when there is none. */
    public static int index(String name) {
        int index = Syscalls.ifNametoindex(name);
        if (index == 0) {
            throw new SyscallException("find interface " + name, Errno.ENODEV.number());
        }
        return index;
    }
}

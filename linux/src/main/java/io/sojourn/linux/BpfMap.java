// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;

/** A table that a {@link BpfAssembler program} of the kernel and this process share (bpf(2)). One thread changes it; the kernel reads it at any time. */
public final class BpfMap implements AutoCloseable {
    /** How it is looked up. */
    public enum Kind {
        HASH(1),
        ARRAY(2);

        private final int number;

        Kind(int number) {
            this.number = number;
        }
    }

    private final Arena arena = Arena.ofAuto(); // not shared: see the package
    private final MemorySegment attributes = arena.allocate(32, 8);
    private final MemorySegment key;
    private final MemorySegment value;
    private final int fd;
    private boolean closed;

    /** @throws SyscallException if the kernel makes none, for want of rights above all */
    public BpfMap(Kind kind, int keyBytes, int valueBytes, int entries) {
        key = arena.allocate(keyBytes, 8);
        value = arena.allocate(valueBytes, 8);
        attributes.set(JAVA_INT, 0, kind.number);
        attributes.set(JAVA_INT, 4, keyBytes);
        attributes.set(JAVA_INT, 8, valueBytes);
        attributes.set(JAVA_INT, 12, entries);
        fd = Syscalls.check(
                Syscalls.bpf(Syscalls.BPF_MAP_CREATE, attributes.address(), 20), "make a map of the kernel's");
    }

    int fd() {
        return fd;
    }

    /** The key of the next call, to be filled. */
    public MemorySegment key() {
        return key;
    }

    /** What the next {@link #put} stores, to be filled; what the last {@link #get} found. */
    public MemorySegment value() {
        return value;
    }

    /** False if there is no room for another. */
    public boolean put() {
        int rc = element(Syscalls.BPF_MAP_UPDATE_ELEM);
        if (rc == -Errno.E2BIG.number() || rc == -Errno.ENOMEM.number()) {
            return false;
        }
        Syscalls.check(rc, "store into a map of the kernel's");
        return true;
    }

    public boolean get() {
        return found(element(Syscalls.BPF_MAP_LOOKUP_ELEM), "read a map of the kernel's");
    }

    public boolean remove() {
        return found(element(Syscalls.BPF_MAP_DELETE_ELEM), "delete from a map of the kernel's");
    }

    private static boolean found(int rc, String op) {
        if (rc == -Errno.ENOENT.number()) {
            return false;
        }
        Syscalls.check(rc, op);
        return true;
    }

    private int element(int command) {
        attributes.fill((byte) 0);
        attributes.set(JAVA_INT, 0, fd);
        attributes.set(JAVA_LONG, 8, key.address());
        if (command != Syscalls.BPF_MAP_DELETE_ELEM) {
            attributes.set(JAVA_LONG, 16, value.address());
        }
        int rc = Syscalls.bpf(command, attributes.address(), 32);
        Reference.reachabilityFence(this);
        return rc;
    }

    @Override
    public void close() {
        if (!closed) {
            closed = true;
            Syscalls.close(fd);
        }
    }
}

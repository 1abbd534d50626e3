// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

/** The error numbers that Sojourn tells apart (asm-generic/errno-base.h, errno.h), each with a text for people. */
public enum Errno {
    UNKNOWN(0, "unknown error"),
    EPERM(1, "operation not permitted (root or CAP_NET_ADMIN needed)"),
    ENOENT(2, "no such file, namespace or entry"),
    EINTR(4, "interrupted"),
    E2BIG(7, "too large for the kernel"),
    EIO(5, "input/output error"),
    ENXIO(6, "no such device or address"),
    EBADF(9, "file descriptor is closed"),
    EAGAIN(11, "would block"),
    ENOMEM(12, "out of memory"),
    EACCES(13, "permission denied"),
    EBUSY(16, "device or resource is in use"),
    EEXIST(17, "exists already"),
    ENODEV(19, "no such device"),
    EINVAL(22, "invalid argument"),
    EMFILE(24, "too many open files"),
    EFBIG(27, "file too large"),
    ENOTSOCK(88, "not a socket"),
    EDESTADDRREQ(89, "destination address needed"),
    EMSGSIZE(90, "message is larger than the path's MTU"),
    EOPNOTSUPP(95, "not supported"),
    EAFNOSUPPORT(97, "address family not supported"),
    EADDRINUSE(98, "address is in use"),
    EADDRNOTAVAIL(99, "address does not belong to this host"),
    ENETDOWN(100, "network is down"),
    ENETUNREACH(101, "network is unreachable"),
    ENOBUFS(105, "no buffer space"),
    ENOTCONN(107, "not connected"),
    ETIMEDOUT(110, "timed out"),
    ECONNREFUSED(111, "connection refused"),
    EHOSTUNREACH(113, "host is unreachable");

    private final int number;
    private final String text;

    Errno(int number, String text) {
        this.number = number;
        this.text = text;
    }

    public int number() {
        return number;
    }

    public String text() {
        return text;
    }

    /** The constant of an errno value, {@link #UNKNOWN} for one that has none here. */
    public static Errno of(int number) {
        for (Errno errno : values()) {
            if (errno.number == number) {
                return errno;
            }
        }
        return UNKNOWN;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.model.identity;

/** An address and a prefix length, host bits kept zero: {@code 10.10.1.0/24}, {@code fd10:1::/64}. */
public record IpPrefix(IpAddress address, int length) {
    public IpPrefix {
        if (length < 0 || length > address.bitCount()) {
            throw new IllegalArgumentException("prefix length /" + length + " does not fit " + address);
        }
        IpAddress network = mask(address, length);
        if (!network.equals(address)) {
            throw new IllegalArgumentException(
                    address + "/" + length + " has host bits set; did you mean " + network + "/" + length + "?");
        }
    }

    public static IpPrefix parse(String text) {
        int slash = text.indexOf('/');
        if (slash < 0) {
            throw new IllegalArgumentException("'" + text + "' is not a prefix such as 10.10.1.0/24");
        }
        IpAddress address = IpAddress.parse(text.substring(0, slash));
        try {
            return new IpPrefix(address, Integer.parseInt(text.substring(slash + 1)));
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("'" + text + "' has no number after the slash", e);
        }
    }

    /** The prefix of the given length that holds the address. */
    public static IpPrefix containing(IpAddress address, int length) {
        return new IpPrefix(mask(address, length), length);
    }

    public boolean contains(IpAddress candidate) {
        return candidate.isV6() == address.isV6() && mask(candidate, length).equals(address);
    }

    public boolean overlaps(IpPrefix other) {
        return length <= other.length ? contains(other.address) : other.contains(address);
    }

    private static IpAddress mask(IpAddress a, int length) {
        if (!a.isV6()) {
            return IpAddress.v4((int) (a.low() & upperBits(length + 32)));
        }
        return IpAddress.v6(a.high() & upperBits(Math.min(length, 64)), a.low() & upperBits(Math.max(length - 64, 0)));
    }

    private static long upperBits(int count) {
        return count == 0 ? 0 : -1L << (64 - count);
    }

    @Override
    public String toString() {
        return address + "/" + length;
    }
}

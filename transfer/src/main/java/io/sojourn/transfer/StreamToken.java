// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import java.security.SecureRandom;
import java.util.HexFormat;

/**
 * Names one memory stream between two gateways: 64 random bits that the controller agrees with both ends. Together with
 * the peer's address it admits a datagram; it is a secret of that stream and never printed whole.
 */
public record StreamToken(long bits) {
    private static final SecureRandom RANDOM = new SecureRandom();

    /** A fresh random token. */
    public static StreamToken random() {
        return new StreamToken(RANDOM.nextLong());
    }

    /** From sixteen hexadecimal digits, the form of {@link #hex()}. */
    public static StreamToken parse(String hex) {
        if (hex.length() != 16) {
            throw new IllegalArgumentException("a stream token is 16 hexadecimal digits, not '" + hex + "'");
        }
        return new StreamToken(HexFormat.fromHexDigitsToLong(hex));
    }

    /** The whole token, for the control protocol. */
    public String hex() {
        return HexFormat.of().toHexDigits(bits);
    }

    /** The first sixteen bits only: enough to tell streams apart in a log. */
    @Override
    public String toString() {
        return "stream-" + hex().substring(0, 4);
    }
}

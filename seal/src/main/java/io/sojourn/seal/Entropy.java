// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

/** Where random octets come from: {@code new SecureRandom()::nextBytes}, or something repeatable in a test. */
@FunctionalInterface
public interface Entropy {
    void fill(byte[] out);

    default byte[] bytes(int count) {
        byte[] out = new byte[count];
        fill(out);
        return out;
    }
}

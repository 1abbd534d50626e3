// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

/** 96 random bits that one end of a connection chooses when it is set up. Whoever has seen both tokens, and has the realm's key if there is one, can speak for the connection. */
public record Token(long high, int low) {
    static final int BYTES = 12;

    @Override
    public String toString() {
        return "token"; // not for logs
    }
}

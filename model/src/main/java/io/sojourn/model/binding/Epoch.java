// SPDX-License-Identifier: Apache-2.0
package io.sojourn.model.binding;

/**
 * The age of a binding. It only grows: of two claims about one VM the higher epoch wins, wherever it shows up, and an
 * epoch that was reserved for a move that failed is burnt, never used again.
 *
 * @param number 0 means never bound; the first binding of a VM has 1
 */
public record Epoch(long number) implements Comparable<Epoch> {
    public static final Epoch NONE = new Epoch(0);

    public Epoch {
        if (number < 0) {
            throw new IllegalArgumentException("epoch " + number + " is negative");
        }
    }

    public Epoch next() {
        return new Epoch(number + 1);
    }

    public boolean isAfter(Epoch other) {
        return number > other.number;
    }

    @Override
    public int compareTo(Epoch other) {
        return Long.compare(number, other.number);
    }

    @Override
    public String toString() {
        return "e" + number;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

/** One run of a scenario. */
interface Play {
    /**
     * Plays on a stage that is set, and writes down what it sees.
     *
     * @return true if it is not over and wants to go on on a fresh stage, because this one is spoilt
     */
    boolean on(Stage stage, Findings findings);
}

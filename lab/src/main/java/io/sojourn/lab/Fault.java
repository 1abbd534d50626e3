// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

/** Something that goes wrong in a lab and is mended later. */
interface Fault {
    /** One line: what is done. */
    String description();

    /** Now. Called on a thread that must not be kept. */
    void strike();

    /** As a supervisor, or whoever repairs cables, would; returns when it is mended. */
    void mend();
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

/** This process is on its end (Ctrl-C): nothing is built any more. */
final class LabEndedException extends LabException {
    private static final long serialVersionUID = 1;

    LabEndedException() {
        super("ended");
    }
}

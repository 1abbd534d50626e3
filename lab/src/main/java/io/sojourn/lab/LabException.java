// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

/** The lab cannot do what was asked. The message is one line for a person: what, where, what to do. */
public class LabException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public LabException(String message) {
        super(message);
    }

    public LabException(String message, Throwable cause) {
        super(message, cause);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

/** What a hypervisor refused or could not do; the message is one line that names the guest's control path and the remedy. */
public class HypervisorException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public HypervisorException(String message) {
        super(message);
    }

    public HypervisorException(String message, Throwable cause) {
        super(message, cause);
    }
}

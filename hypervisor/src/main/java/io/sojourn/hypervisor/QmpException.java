// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

/** QEMU's own refusal of one command: its error class (QAPI {@code QapiErrorClass}) and description, unchanged. */
public final class QmpException extends HypervisorException {
    private static final long serialVersionUID = 1;

    private final String command;
    private final String errorClass;
    private final String description;

    public QmpException(String command, String errorClass, String description) {
        super("QEMU refused " + command + ": " + description + " (" + errorClass + ")");
        this.command = command;
        this.errorClass = errorClass;
        this.description = description;
    }

    public String command() {
        return command;
    }

    public String errorClass() {
        return errorClass;
    }

    public String description() {
        return description;
    }
}

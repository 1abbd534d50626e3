// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

/** A configuration file is wrong. The message names the file, the key's path, and what to write instead. */
public final class ConfigException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public ConfigException(String message) {
        super(message);
    }

    public ConfigException(String message, Throwable cause) {
        super(message, cause);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

/** A request that is answered with an error. @see RestApi for the body */
public final class RefusalException extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final int status;
    private final String code;

    /**
     * @param status of HTTP
     * @param code for programs, lower-case-with-dashes; stays the same
     * @param message one line for a person: what, where, what to do
     */
    public RefusalException(int status, String code, String message) {
        super(message);
        this.status = status;
        this.code = code;
    }

    public int status() {
        return status;
    }

    public String code() {
        return code;
    }

    public String message() {
        return String.valueOf(getMessage());
    }

    static RefusalException unknown(String what, String name) {
        return unknown(what, name, what + " list");
    }

    /** @param seen the command that lists what there is */
    static RefusalException unknown(String what, String name, String seen) {
        return new RefusalException(
                404,
                "unknown-" + what.replace(' ', '-'),
                "no " + what + " named '" + name + "': see 'sojourn " + seen + "'");
    }

    static RefusalException invalid(String message) {
        return new RefusalException(400, "invalid", message);
    }
}

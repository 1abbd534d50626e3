// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

/** Something a person must put right before the gateway can go on; the message is one line: what, where, what to do. */
public class GatewayException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    public GatewayException(String message) {
        super(message);
    }

    public GatewayException(String message, Throwable cause) {
        super(message, cause);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.certificate;

/** A certificate, a half of one, or a key that is not what it should be; the message is one line for a person. */
public final class CertificateException extends RuntimeException {
    private static final long serialVersionUID = 1;

    public CertificateException(String message) {
        super(message);
    }

    public CertificateException(String message, Throwable cause) {
        super(message, cause);
    }
}

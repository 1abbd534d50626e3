// SPDX-License-Identifier: Apache-2.0
package io.sojourn.seal;

import java.nio.charset.StandardCharsets;

/** What a handshake is made of, and the octet that names it on the wire: high four bits the pattern, low four the cipher. */
public enum Suite {
    INVALID(0, "", false, false),
    AES_GCM(0x11, "Noise_IK_25519_AESGCM_SHA256", true, false),
    CHACHA_POLY(0x12, "Noise_IK_25519_ChaChaPoly_SHA256", false, false),
    AES_GCM_PSK(0x21, "Noise_IKpsk2_25519_AESGCM_SHA256", true, true),
    CHACHA_POLY_PSK(0x22, "Noise_IKpsk2_25519_ChaChaPoly_SHA256", false, true);

    private static final Suite[] ALL = values();

    private final int code;
    private final String protocol;
    private final boolean aes;
    private final boolean preshared;

    Suite(int code, String protocol, boolean aes, boolean preshared) {
        this.code = code;
        this.protocol = protocol;
        this.aes = aes;
        this.preshared = preshared;
    }

    public int code() {
        return code;
    }

    /** The Noise protocol name (Noise revision 34, section 8), in ASCII. */
    byte[] protocolName() {
        return protocol.getBytes(StandardCharsets.US_ASCII);
    }

    boolean isAes() {
        return aes;
    }

    boolean isPreshared() {
        return preshared;
    }

    /** The suite of an octet from the wire; {@link #INVALID} if there is none. */
    static Suite of(int code) {
        for (Suite suite : ALL) {
            if (suite.code == code) {
                return suite;
            }
        }
        return INVALID;
    }

    static Suite of(boolean aes, boolean preshared) {
        if (aes) {
            return preshared ? AES_GCM_PSK : AES_GCM;
        }
        return preshared ? CHACHA_POLY_PSK : CHACHA_POLY;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.certificate;

import java.util.HexFormat;
import java.util.Map;

/** A half of a certificate: a statement, whose key signed it, and the signature (64 octets in lower-case hexadecimal). */
public record SignedStatement(Statement statement, PublicSigningKey key, String signature) {
    public SignedStatement {
        if (!signature.matches("[0-9a-f]{128}")) {
            throw new CertificateException("a signature is 128 hexadecimal digits in lower case");
        }
    }

    public boolean isGenuine() {
        return key.verifies(statement.signedOctets(), HexFormat.of().parseHex(signature));
    }

    public Map<String, Object> json() {
        return Map.of("key", key.hex(), "signature", signature, "statement", statement.json());
    }

    public static SignedStatement parse(String json) {
        return of(CanonicalJson.read(json));
    }

    static SignedStatement of(Object json) {
        Fields f = new Fields("half", json);
        Statement statement = Statement.of(f.any("statement"));
        PublicSigningKey key = new PublicSigningKey(f.text("key"));
        SignedStatement half = new SignedStatement(statement, key, f.text("signature"));
        f.end();
        return half;
    }
}

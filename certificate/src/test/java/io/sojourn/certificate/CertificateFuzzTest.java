// SPDX-License-Identifier: Apache-2.0
package io.sojourn.certificate;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Tag;

/** Files and statements from anybody: read, or refused in one line. */
@Tag("fuzz")
class CertificateFuzzTest {
    @FuzzTest
    void whatIsNoCertificateIsRefused(byte[] octets) {
        String json = new String(octets, StandardCharsets.UTF_8);
        try {
            Certificate.ofFile(octets);
        } catch (CertificateException refused) {
            // as it should be
        }
        try {
            Statement.parse(json);
        } catch (CertificateException refused) {
            // as it should be
        }
    }
}

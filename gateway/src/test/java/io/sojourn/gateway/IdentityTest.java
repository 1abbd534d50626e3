// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class IdentityTest {
    @TempDir
    Path dir;

    @Test
    void keysAreMadeOnceAndKeptWhereNobodyElseReads() throws Exception {
        Identity first = Identity.of(dir);
        Identity again = Identity.of(dir);

        assertThat(again.signKey().publicKey()).isEqualTo(first.signKey().publicKey());
        assertThat(again.sealKey().publicKey()).isEqualTo(first.sealKey().publicKey());
        for (String name : new String[] {"seal.key", "sign.key"}) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(dir.resolve(name))))
                    .isEqualTo("rw-------");
        }
    }

    @Test
    void aKeyFileThatIsNoneIsNamed() throws Exception {
        Files.writeString(dir.resolve("sign.key"), "nonsense\n");

        assertThatThrownBy(() -> Identity.of(dir))
                .isInstanceOf(GatewayException.class)
                .hasMessageContaining("sign.key")
                .hasMessageContaining("forget-key");
    }
}

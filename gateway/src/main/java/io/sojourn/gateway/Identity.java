// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.seal.SealException;
import io.sojourn.seal.SealPrivateKey;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Base64;

/**
 * What this gateway is known by, across restarts: keys in its state-dir, which it makes itself and whose private halves never leave
 * it. {@code seal.key} is the static X25519 key of the sealed transport, in base64.
 */
final class Identity {
    private static final String SEAL_KEY = "seal.key";

    private final SealPrivateKey sealKey;

    private Identity(SealPrivateKey sealKey) {
        this.sealKey = sealKey;
    }

    /** Reads the keys; makes those that are not there. */
    static Identity of(Path stateDir) {
        Path file = stateDir.resolve(SEAL_KEY);
        try {
            if (!Files.exists(file)) {
                SealPrivateKey made = SealPrivateKey.generate(new SecureRandom()::nextBytes);
                write(file, Base64.getEncoder().encodeToString(made.bytes()));
            }
            return new Identity(SealPrivateKey.of(
                    Base64.getDecoder().decode(Files.readString(file).strip())));
        } catch (IOException e) {
            throw new GatewayException("cannot read or write the gateway's key " + file + ": " + e.getMessage(), e);
        } catch (IllegalArgumentException | SealException e) {
            throw new GatewayException(
                    file + " is not a key of a gateway; restore it, or remove it and peers will learn a new one", e);
        }
    }

    /** Nobody else can read it at any moment, and a crash leaves no half of it. */
    private static void write(Path file, String text) throws IOException {
        Path draft = Files.createTempFile(
                file.toAbsolutePath().getParent(),
                SEAL_KEY,
                ".new",
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(draft, text + "\n");
        Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
    }

    SealPrivateKey sealKey() {
        return sealKey;
    }
}

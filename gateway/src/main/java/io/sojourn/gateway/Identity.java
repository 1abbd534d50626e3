// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.certificate.CertificateException;
import io.sojourn.certificate.SigningKey;
import io.sojourn.seal.SealException;
import io.sojourn.seal.SealPrivateKey;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.function.Supplier;

/**
 * What this gateway is known by, across restarts: keys in its state-dir, which it makes itself and whose private halves never leave
 * it. {@code seal.key} is the static X25519 key of the sealed transport, in base64; {@code sign.key} the Ed25519 key pair that its
 * statements are signed with, as {@link SigningKey#secretText}.
 */
final class Identity {
    private static final String SEAL_KEY = "seal.key";

    private static final String SIGN_KEY = "sign.key";

    private final SealPrivateKey sealKey;
    private final SigningKey signKey;

    private Identity(SealPrivateKey sealKey, SigningKey signKey) {
        this.sealKey = sealKey;
        this.signKey = signKey;
    }

    /** Reads the keys; makes those that are not there. */
    static Identity of(Path stateDir) {
        return new Identity(sealKey(stateDir.resolve(SEAL_KEY)), signKey(stateDir.resolve(SIGN_KEY)));
    }

    private static SealPrivateKey sealKey(Path file) {
        try {
            return SealPrivateKey.of(Base64.getDecoder()
                    .decode(read(
                            file,
                            () -> Base64.getEncoder()
                                    .encodeToString(SealPrivateKey.generate(new SecureRandom()::nextBytes)
                                            .bytes()))));
        } catch (IllegalArgumentException | SealException e) {
            throw new GatewayException(
                    file + " is not a key of a gateway; restore it, or remove it and peers will learn a new one", e);
        }
    }

    private static SigningKey signKey(Path file) {
        try {
            return SigningKey.parse(read(file, () -> SigningKey.generate().secretText()));
        } catch (CertificateException e) {
            throw new GatewayException(
                    file + ": " + e.getMessage()
                            + "; restore it, or remove it and have the controller forget the old one with:"
                            + " sojourn certificate forget-key GATEWAY",
                    e);
        }
    }

    private static String read(Path file, Supplier<String> make) {
        try {
            if (!Files.exists(file)) {
                write(file, make.get());
            }
            return Files.readString(file).strip();
        } catch (IOException e) {
            throw new GatewayException("cannot read or write the gateway's key " + file + ": " + e.getMessage(), e);
        }
    }

    /** Nobody else can read it at any moment, and a crash leaves no half of it. */
    private static void write(Path file, String text) throws IOException {
        Path draft = Files.createTempFile(
                file.toAbsolutePath().getParent(),
                String.valueOf(file.getFileName()),
                ".new",
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(draft, text + "\n");
        Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
    }

    SigningKey signKey() {
        return signKey;
    }

    SealPrivateKey sealKey() {
        return sealKey;
    }
}

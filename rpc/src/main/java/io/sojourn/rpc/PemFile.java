// SPDX-License-Identifier: Apache-2.0
package io.sojourn.rpc;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.ECGenParameterSpec;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.NullMarked;

/** Keys and certificates of the control channel in files that other tools read, too (RFC 7468). */
@NullMarked
public final class PemFile {
    private static final Pattern BLOCK =
            Pattern.compile("-----BEGIN ([A-Z ]+)-----\\s+([A-Za-z0-9+/=\\s]+)-----END \\1-----");

    private PemFile() {}

    /** A key of the control channel: ECDSA on P-256, which every TLS 1.3 implementation has (RFC 8446, section 9.1). */
    public static KeyPair newKey() {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
            generator.initialize(new ECGenParameterSpec("secp256r1"));
            return generator.generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("every JDK has P-256", e);
        }
    }

    /** Nobody else can read it at any moment, and a crash leaves no half of it. */
    public static void writeKey(Path file, PrivateKey key) throws IOException {
        write(file, block("PRIVATE KEY", key.getEncoded()), "rw-------");
    }

    public static void writePublicKey(Path file, PublicKey key) throws IOException {
        write(file, block("PUBLIC KEY", key.getEncoded()), "rw-r--r--");
    }

    /** @throws IOException if it cannot be read or holds no key of ours */
    public static PublicKey readPublicKey(Path file) throws IOException {
        List<byte[]> blocks = blocks(file, "PUBLIC KEY");
        try {
            if (blocks.size() == 1) {
                return KeyFactory.getInstance("EC").generatePublic(new X509EncodedKeySpec(blocks.getFirst()));
            }
        } catch (GeneralSecurityException e) {
            throw new IOException("it holds no EC public key", e);
        }
        throw new IOException("it holds no EC public key");
    }

    public static void writeCertificates(Path file, X509Certificate... certificates) throws IOException {
        StringBuilder text = new StringBuilder();
        try {
            for (X509Certificate certificate : certificates) {
                text.append(block("CERTIFICATE", certificate.getEncoded()));
            }
        } catch (GeneralSecurityException e) {
            throw new IOException(e);
        }
        write(file, text.toString(), "rw-r--r--");
    }

    private static String block(String kind, byte[] der) {
        return "-----BEGIN " + kind + "-----\n"
                + Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der) + "\n-----END " + kind + "-----\n";
    }

    private static void write(Path file, String text, String permissions) throws IOException {
        Path draft = Files.createTempFile(
                file.toAbsolutePath().getParent(),
                file.getFileName().toString(),
                ".new",
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        Files.writeString(draft, text);
        Files.setPosixFilePermissions(draft, PosixFilePermissions.fromString(permissions));
        Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE);
    }

    /** @throws IOException if it cannot be read or holds no key of ours */
    public static PrivateKey readKey(Path file) throws IOException {
        List<byte[]> blocks = blocks(file, "PRIVATE KEY");
        try {
            if (blocks.size() == 1) {
                return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(blocks.getFirst()));
            }
        } catch (GeneralSecurityException e) {
            throw new IOException("it holds no EC private key", e);
        }
        throw new IOException("it holds no EC private key");
    }

    /** In the file's order. @throws IOException if it cannot be read or holds none */
    public static List<X509Certificate> readCertificates(Path file) throws IOException {
        List<X509Certificate> certificates = new ArrayList<>();
        try {
            for (byte[] der : blocks(file, "CERTIFICATE")) {
                certificates.add(certificate(der));
            }
        } catch (GeneralSecurityException e) {
            throw new IOException("it holds what is no certificate", e);
        }
        if (certificates.isEmpty()) {
            throw new IOException("it holds no certificate");
        }
        return certificates;
    }

    public static X509Certificate certificate(byte[] der) throws GeneralSecurityException {
        return (X509Certificate)
                CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(der));
    }

    private static List<byte[]> blocks(Path file, String kind) throws IOException {
        List<byte[]> blocks = new ArrayList<>();
        Matcher matcher = BLOCK.matcher(Files.readString(file));
        while (matcher.find()) {
            if (matcher.group(1).equals(kind)) {
                blocks.add(Base64.getMimeDecoder().decode(matcher.group(2)));
            }
        }
        return blocks;
    }
}

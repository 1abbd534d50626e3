// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/** The client's own settings, {@code controller}, {@code token}, {@code token-file} and {@code ca-file}, from the first of its two files that exists. */
final class ClientFile {
    private static final List<String> KEYS = List.of("controller", "token", "token-file", "ca-file");

    private final Map<String, String> values;

    private ClientFile(Map<String, String> values) {
        this.values = values;
    }

    static ClientFile find(Map<String, String> environment) {
        String home = environment.getOrDefault("HOME", "/");
        String config = environment.getOrDefault("XDG_CONFIG_HOME", home + "/.config");
        for (Path file : List.of(Path.of(config, "sojourn", "client.yaml"), Path.of("/etc/sojourn/client.yaml"))) {
            if (Files.isReadable(file)) {
                return read(file);
            }
        }
        return new ClientFile(Map.of());
    }

    static ClientFile read(Path file) {
        Object document;
        try {
            document = new Load(LoadSettings.builder().setLabel(file.toString()).build())
                    .loadFromString(Files.readString(file));
        } catch (IOException e) {
            throw new CommandFailure(file + " cannot be read: " + CommandFailure.reason(e), e);
        } catch (YamlEngineException e) {
            throw new CommandFailure(file + " is not YAML: " + CommandFailure.reason(e), e);
        }
        Map<String, String> values = new LinkedHashMap<>();
        if (document instanceof Map<?, ?> map) {
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                String key = String.valueOf(entry.getKey());
                if (!KEYS.contains(key)) {
                    throw new CommandFailure(
                            file + ": unknown key '" + key + "'; known are " + String.join(", ", KEYS));
                }
                values.put(key, String.valueOf(entry.getValue()));
            }
        } else if (document != null) {
            throw new CommandFailure(file + " must hold keys and values, such as 'controller: http://127.0.0.1:7480'");
        }
        return new ClientFile(values);
    }

    Optional<String> controller() {
        return Optional.ofNullable(values.get("controller"));
    }

    /** The controller's CA, which no public authority vouches for. */
    Optional<SSLContext> trust() {
        String file = values.get("ca-file");
        if (file == null) {
            return Optional.empty();
        }
        try (InputStream in = Files.newInputStream(Path.of(file))) {
            KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            store.setCertificateEntry(
                    "controller", CertificateFactory.getInstance("X.509").generateCertificate(in));
            TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            trust.init(store);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, trust.getTrustManagers(), null);
            return Optional.of(context);
        } catch (IOException | GeneralSecurityException e) {
            throw new CommandFailure(
                    "ca-file " + file + " cannot be read as a certificate: " + CommandFailure.reason(e), e);
        }
    }

    Optional<String> token() {
        String tokenFile = values.get("token-file");
        if (tokenFile == null) {
            return Optional.ofNullable(values.get("token"));
        }
        try {
            return Optional.of(Files.readString(Path.of(tokenFile)).strip());
        } catch (IOException e) {
            throw new CommandFailure("token-file " + tokenFile + " cannot be read: " + CommandFailure.reason(e), e);
        }
    }
}

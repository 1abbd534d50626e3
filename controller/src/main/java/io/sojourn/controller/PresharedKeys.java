// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import com.google.protobuf.ByteString;
import io.sojourn.registry.Kind;
import io.sojourn.registry.Write;
import io.sojourn.rpc.PresharedKey;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A pre-shared key for each pair of gateways, if an operator wants them: HMAC-SHA-256 of both names under a secret that nobody else has, in
 * generations. The one before the newest stays known, so that a gateway that is away from its controller for one generation is not cut off.
 */
final class PresharedKeys {
    /** The registry's key of the document, among its secrets. */
    static final String KEY = "preshared";

    private static final Logger log = LoggerFactory.getLogger(PresharedKeys.class);
    private static final int SECRET_BYTES = 32;
    private static final int GENERATION_MAX = 0xFF_FFFF;

    /**
     * As it is stored.
     *
     * @param secret of this generation, in hexadecimal
     * @param before of the one before it; null: there is none
     */
    record Secrets(int generation, String secret, @Nullable String before, long sinceUs) {
        static Optional<Secrets> of(Realm realm) {
            return realm.store().get(Kind.SECRET, KEY).map(entry -> Json.read(entry.value(), Secrets.class));
        }

        /** The newest first; whose of the two asks makes no difference. */
        List<PresharedKey> between(String gateway, String other) {
            List<PresharedKey> keys = new ArrayList<>();
            keys.add(key(generation, secret, gateway, other));
            if (before != null) {
                keys.add(key(generation - 1, before, gateway, other));
            }
            return keys;
        }

        private static PresharedKey key(int generation, String secret, String gateway, String other) {
            boolean inOrder = gateway.compareTo(other) < 0;
            String pair = "sojourn psk\n" + (inOrder ? gateway : other) + "\n" + (inOrder ? other : gateway);
            try {
                Mac mac = Mac.getInstance("HmacSHA256");
                mac.init(new SecretKeySpec(HexFormat.of().parseHex(secret), "HmacSHA256"));
                return PresharedKey.newBuilder()
                        .setGeneration(generation)
                        .setKey(ByteString.copyFrom(mac.doFinal(pair.getBytes(StandardCharsets.UTF_8))))
                        .build();
            } catch (GeneralSecurityException e) {
                throw new IllegalStateException("every JDK has HmacSHA256", e);
            }
        }
    }

    private final Realm realm;
    private final Time time;

    PresharedKeys(Realm realm, Time time) {
        this.realm = realm;
        this.time = time;
    }

    /** Makes the first generation, or the next if this one is so old. @param life zero: there are none */
    void renewIfDue(Duration life) {
        Optional<Secrets> known = Secrets.of(realm);
        long nowUs = time.nowUs();
        if (life.isZero()) {
            if (known.isPresent()) {
                realm.store().commit(List.of(new Write.Delete(Kind.SECRET, KEY)));
                log.info("gateways have no pre-shared keys any more");
            }
            return;
        }
        if (known.isPresent() && nowUs - known.get().sinceUs() < life.toNanos() / 1_000) {
            return;
        }
        byte[] secret = new byte[SECRET_BYTES];
        new SecureRandom().nextBytes(secret);
        int generation = known.map(k -> k.generation() % GENERATION_MAX + 1).orElse(1);
        Secrets next = new Secrets(
                generation,
                HexFormat.of().formatHex(secret),
                known.map(Secrets::secret).orElse(null),
                nowUs);
        realm.store().commit(List.of(Write.put(Kind.SECRET, KEY, Json.write(next))));
        log.info("pre-shared keys of generation {}", generation);
    }
}

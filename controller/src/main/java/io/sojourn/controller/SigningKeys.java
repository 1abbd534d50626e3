// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.certificate.CertificateException;
import io.sojourn.certificate.PublicSigningKey;
import io.sojourn.registry.Entry;
import io.sojourn.registry.Kind;
import io.sojourn.registry.Write;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which key each gateway signs with. The first that a gateway presents is kept (trust on first use), another one later is not
 * accepted until an operator has the first forgotten. Thread-safe.
 */
final class SigningKeys {
    private static final Logger log = LoggerFactory.getLogger(SigningKeys.class);

    private final Realm realm;
    private final Time time;

    SigningKeys(Realm realm, Time time) {
        this.realm = realm;
        this.time = time;
    }

    /** A gateway that has proven to be one says what its key is; empty: it has none. */
    void presented(String gateway, String hex) {
        if (hex.isEmpty()) {
            return;
        }
        PublicSigningKey key;
        try {
            key = new PublicSigningKey(hex);
        } catch (CertificateException e) {
            log.warn("gateway {}: {}", gateway, e.getMessage());
            return;
        }
        Optional<PublicSigningKey> known = of(gateway);
        if (known.isEmpty()) {
            Resource.SigningKey pinned = new Resource.SigningKey(gateway, key.hex(), time.now());
            realm.store().commit(List.of(Write.put(Kind.SIGNING_KEY, gateway, Json.write(pinned))));
            log.info("gateway {} signs with {}", gateway, key);
        } else if (!known.get().equals(key)) {
            log.warn(
                    "gateway {} presents another signing key than the one that is known as its; its certificates are not"
                            + " accepted until an operator says: sojourn certificate forget-key {}",
                    gateway,
                    gateway);
        }
    }

    Optional<PublicSigningKey> of(String gateway) {
        return realm.store()
                .get(Kind.SIGNING_KEY, gateway)
                .map(Entry::value)
                .map(json -> new PublicSigningKey(
                        Json.read(json, Resource.SigningKey.class).key()));
    }

    List<Resource.SigningKey> all() {
        return realm.store().list(Kind.SIGNING_KEY).stream()
                .map(entry -> Json.read(entry.value(), Resource.SigningKey.class))
                .toList();
    }

    /** The next key that the gateway presents is accepted. */
    void forget(String gateway) {
        if (realm.store().get(Kind.SIGNING_KEY, gateway).isEmpty()) {
            throw RefusalException.unknown("signing key of gateway", gateway, "gateways");
        }
        realm.store().commit(List.of(new Write.Delete(Kind.SIGNING_KEY, gateway)));
        log.warn("gateway {}: its signing key is forgotten; the next one it presents is taken", gateway);
    }
}

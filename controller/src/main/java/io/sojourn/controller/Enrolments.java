// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import com.google.protobuf.ByteString;
import io.grpc.Status;
import io.grpc.StatusException;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.SiteId;
import io.sojourn.registry.BindingStore;
import io.sojourn.registry.ConflictException;
import io.sojourn.registry.Entry;
import io.sojourn.registry.Kind;
import io.sojourn.registry.Write;
import io.sojourn.rpc.CertifiedName;
import io.sojourn.rpc.EnrolReply;
import io.sojourn.rpc.EnrolRequest;
import io.sojourn.rpc.EnrolmentToken;
import io.sojourn.rpc.Hello;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.MessageDigest;
import java.security.PublicKey;
import java.security.SecureRandom;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPublicKey;
import java.security.spec.X509EncodedKeySpec;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Which gateways there are, cryptographically: one-time tokens, the key that each gateway enrolled with, and the certificates for it.
 * The registry is the truth and a certificate only the ticket: a gateway whose enrolment was revoked or replaced is refused with
 * whatever certificate it has.
 */
final class Enrolments {
    static final Duration TOKEN_LIFE = Duration.ofHours(1);
    static final Duration LONGEST_TOKEN_LIFE = Duration.ofDays(7);
    private static final String TOKENS = "enrolment-token/";
    private static final String ENROLLED = "enrolled/";
    private static final int SEAL_KEY_BYTES = 32;
    private static final int P256_BITS = 256;
    /** Tokens that are over are forgotten after this time; until then the refusal can say why. */
    private static final Duration REMEMBERED = Duration.ofDays(7);

    /** @param usedBy SHA-256 of the one key it was good for; null: not used yet */
    private record Token(
            String site,
            String gateway,
            String secretHash,
            Instant until,
            @Nullable String usedBy) {}

    /**
     * @param keyHash SHA-256 of its key's SubjectPublicKeyInfo
     * @param sealKey in base64
     */
    record Enrolled(
            String site, String gateway, String keyHash, String sealKey, Instant since, Instant certifiedUntil) {}

    private final BindingStore store;
    private final CertificateAuthority authority;
    private final Audit audit;
    private final Clock clock;
    private final Duration certificateLife;
    private final SecureRandom random = new SecureRandom();

    Enrolments(BindingStore store, CertificateAuthority authority, Audit audit, Clock clock, Duration certificateLife) {
        this.store = store;
        this.authority = authority;
        this.audit = audit;
        this.clock = clock;
        this.certificateLife = certificateLife;
    }

    // ---- operators

    /** @throws RefusalException if the names are no names, or the life is too long */
    Resource.GatewayToken makeToken(Resource.GatewayTokenRequest request) {
        String site = String.valueOf(request.site());
        String gateway = String.valueOf(request.gateway());
        try {
            new SiteId(site);
            new GatewayId(gateway);
        } catch (IllegalArgumentException e) {
            throw RefusalException.invalid(String.valueOf(e.getMessage()));
        }
        Duration life = request.validMinutes() == null ? TOKEN_LIFE : Duration.ofMinutes(request.validMinutes());
        if (!life.isPositive() || life.compareTo(LONGEST_TOKEN_LIFE) > 0) {
            throw RefusalException.invalid("a token is valid for 1 to " + LONGEST_TOKEN_LIFE.toMinutes() + " minutes");
        }
        byte[] id = new byte[EnrolmentToken.ID_BYTES];
        byte[] secret = new byte[EnrolmentToken.SECRET_BYTES];
        random.nextBytes(id);
        random.nextBytes(secret);
        EnrolmentToken token = new EnrolmentToken(id, secret, EnrolmentToken.digest(der(authority.certificate())));
        Instant until = clock.instant().plus(life);
        List<Write> writes = new ArrayList<>(overdue());
        writes.add(Write.create(
                Kind.SECRET,
                TOKENS + token.idText(),
                Json.write(new Token(site, gateway, hex(EnrolmentToken.digest(secret)), until, null))));
        store.commit(writes);
        audit.granted("token-made", site + "/" + gateway, "operator", token.idText() + ", until " + until);
        return new Resource.GatewayToken(
                site, gateway, token.text(), until, enrolled(gateway).isPresent());
    }

    private List<Write> overdue() {
        Instant limit = clock.instant().minus(REMEMBERED);
        return store.list(Kind.SECRET).stream()
                .filter(e -> e.key().startsWith(TOKENS))
                .filter(e -> Json.read(e.value(), Token.class).until().isBefore(limit))
                .map(e -> (Write) new Write.Delete(Kind.SECRET, e.key()))
                .toList();
    }

    Optional<Enrolled> enrolled(String gateway) {
        return store.get(Kind.SECRET, ENROLLED + gateway).map(e -> Json.read(e.value(), Enrolled.class));
    }

    /** Its certificate is worth nothing from now on. @throws RefusalException if it is not enrolled */
    void revoke(String gateway) {
        if (enrolled(gateway).isEmpty()) {
            throw new RefusalException(
                    404, "unknown-gateway", "gateway '" + gateway + "' is not enrolled: see 'sojourn gateways'");
        }
        store.commit(List.of(new Write.Delete(Kind.SECRET, ENROLLED + gateway)));
        audit.granted("revoked", gateway, "operator", "refused from now on");
    }

    // ---- gateways

    /** @throws StatusException with one line that is fit for the gateway's log */
    EnrolReply enrol(EnrolRequest request, Caller caller) throws StatusException {
        CertifiedName name = new CertifiedName(request.getSite(), request.getGateway());
        EnrolmentToken shown;
        try {
            shown = EnrolmentToken.parse(request.getToken());
        } catch (IllegalArgumentException e) {
            throw refused("enrolment-refused-malformed", name, caller, "the token " + e.getMessage());
        }
        String key = TOKENS + shown.idText();
        Entry entry = store.get(Kind.SECRET, key).orElse(null);
        Token token = entry == null ? null : Json.read(entry.value(), Token.class);
        byte[] secretHash = EnrolmentToken.digest(shown.secret());
        if (entry == null
                || token == null
                || !MessageDigest.isEqual(secretHash, HexFormat.of().parseHex(token.secretHash()))) {
            throw refused(
                    "enrolment-refused-wrong",
                    name,
                    caller,
                    "this controller made no such token: get one by 'sojourn gateway token " + name + "'");
        }
        if (!token.site().equals(name.site()) || !token.gateway().equals(name.gateway())) {
            throw refused(
                    "enrolment-refused-wrong-name",
                    name,
                    caller,
                    "the token is for " + token.site() + "/" + token.gateway() + ", not for " + name
                            + ": correct 'site' and 'gateway' in gateway.yaml, or get another token");
        }
        if (!clock.instant().isBefore(token.until())) {
            throw refused(
                    "enrolment-refused-expired",
                    name,
                    caller,
                    "the token was valid until " + token.until() + ": get another by 'sojourn gateway token " + name
                            + "'");
        }
        PublicKey publicKey = proven(request).orElse(null);
        if (publicKey == null) {
            throw refused("enrolment-refused-malformed", name, caller, "the request's keys or its proof are not right");
        }
        String keyHash = hex(EnrolmentToken.digest(publicKey.getEncoded()));
        if (token.usedBy() != null && !token.usedBy().equals(keyHash)) {
            throw refused(
                    "enrolment-refused-used",
                    name,
                    caller,
                    "the token has been used: if not by you, look into the controller's audit.log; get another by 'sojourn gateway token "
                            + name + "'");
        }
        String sealKey = Base64.getEncoder().encodeToString(request.getSealKey().toByteArray());
        if (sealKeyOfAnother(name.gateway(), sealKey)) {
            throw refused(
                    "enrolment-refused-seal-key",
                    name,
                    caller,
                    "another gateway has this seal.key: do not copy state-dir from one gateway to another");
        }
        X509Certificate certificate = authority.forGateway(name, publicKey, certificateLife);
        Token used = new Token(token.site(), token.gateway(), token.secretHash(), token.until(), keyHash);
        Enrolled enrolled =
                new Enrolled(name.site(), name.gateway(), keyHash, sealKey, clock.instant(), until(certificate));
        try {
            store.commit(List.of(
                    new Write.Put(Kind.SECRET, key, Json.write(used), entry.version()),
                    Write.put(Kind.SECRET, ENROLLED + name.gateway(), Json.write(enrolled))));
        } catch (ConflictException e) {
            throw Status.ABORTED
                    .withDescription("somebody uses this token at this moment")
                    .withCause(e)
                    .asException();
        }
        audit.granted("enrolled", name.toString(), caller.address(), "token " + shown.idText() + ", key " + keyHash);
        return reply(certificate);
    }

    /** A new certificate for the key that the caller has shown to have. */
    EnrolReply renew(Caller caller) throws StatusException {
        Caller.Shown shown = caller.certificate().orElse(null);
        Enrolled known = shown == null ? null : current(shown).orElse(null);
        if (shown == null || known == null) {
            throw Status.UNAUTHENTICATED
                    .withDescription("only an enrolled gateway can renew its certificate")
                    .asException();
        }
        X509Certificate certificate =
                authority.forGateway(shown.name(), shown.certificate().getPublicKey(), certificateLife);
        Enrolled renewed = new Enrolled(
                known.site(), known.gateway(), known.keyHash(), known.sealKey(), known.since(), until(certificate));
        store.commit(List.of(Write.put(Kind.SECRET, ENROLLED + known.gateway(), Json.write(renewed))));
        audit.granted("renewed", shown.name().toString(), caller.address(), "until " + until(certificate));
        return reply(certificate);
    }

    /** Why this Hello does not attach; null if it does. */
    @Nullable
    Status refusal(Caller caller, Hello hello) {
        Caller.Shown shown = caller.certificate().orElse(null);
        CertifiedName claimed = new CertifiedName(hello.getSite(), hello.getGateway());
        if (shown == null) {
            return unauthenticated(
                    "attach-refused-no-certificate",
                    claimed,
                    caller,
                    "it has no certificate of this controller: enrol it");
        }
        if (!shown.name().equals(claimed)) {
            return unauthenticated(
                    "attach-refused-wrong-name",
                    claimed,
                    caller,
                    "its certificate is for " + shown.name() + ", not for " + claimed);
        }
        Enrolled known = current(shown).orElse(null);
        if (known == null) {
            return unauthenticated(
                    "attach-refused-not-enrolled",
                    claimed,
                    caller,
                    "its enrolment was revoked or replaced: get another token by 'sojourn gateway token " + claimed
                            + "', and remove tls.crt from its state-dir");
        }
        if (!hello.getSealKey().isEmpty() && !hello.getSealKey().equals(known.sealKey())) {
            return unauthenticated(
                    "attach-refused-seal-key",
                    claimed,
                    caller,
                    "its seal.key is not the one that it enrolled with: restore it, or enrol it anew");
        }
        return null;
    }

    private Optional<Enrolled> current(Caller.Shown shown) {
        String keyHash =
                hex(EnrolmentToken.digest(shown.certificate().getPublicKey().getEncoded()));
        return enrolled(shown.name().gateway())
                .filter(known -> known.keyHash().equals(keyHash)
                        && known.site().equals(shown.name().site()));
    }

    private boolean sealKeyOfAnother(String gateway, String sealKey) {
        return store.list(Kind.SECRET).stream()
                .filter(e -> e.key().startsWith(ENROLLED) && !e.key().equals(ENROLLED + gateway))
                .anyMatch(e -> Json.read(e.value(), Enrolled.class).sealKey().equals(sealKey));
    }

    /** The key, if it is of the one kind that we take and the caller has its private half. */
    private static Optional<PublicKey> proven(EnrolRequest request) {
        try {
            PublicKey key = KeyFactory.getInstance("EC")
                    .generatePublic(
                            new X509EncodedKeySpec(request.getPublicKey().toByteArray()));
            if (!(key instanceof ECPublicKey ec)
                    || ec.getParams().getCurve().getField().getFieldSize() != P256_BITS
                    || request.getSealKey().size() != SEAL_KEY_BYTES) {
                return Optional.empty();
            }
            Signature signature = Signature.getInstance("SHA256withECDSA");
            signature.initVerify(key);
            signature.update(EnrolmentToken.proof(request));
            return signature.verify(request.getSignature().toByteArray()) ? Optional.of(key) : Optional.empty();
        } catch (GeneralSecurityException | RuntimeException e) {
            return Optional.empty(); // hostile octets
        }
    }

    private StatusException refused(String what, CertifiedName name, Caller caller, String why) {
        audit.refused(what, printable(name), caller.address(), why);
        return Status.PERMISSION_DENIED.withDescription(why).asException();
    }

    private Status unauthenticated(String what, CertifiedName name, Caller caller, String why) {
        audit.refused(what, printable(name), caller.address(), why);
        return Status.UNAUTHENTICATED.withDescription(why);
    }

    /** Names in refusals are whatever the caller sent. */
    private static String printable(CertifiedName name) {
        String text = name.toString().replaceAll("[^ -~]", "?");
        return text.length() > 128 ? text.substring(0, 128) : text;
    }

    private EnrolReply reply(X509Certificate certificate) {
        return EnrolReply.newBuilder()
                .setCertificate(ByteString.copyFrom(der(certificate)))
                .setAuthority(ByteString.copyFrom(der(authority.certificate())))
                .build();
    }

    private static Instant until(X509Certificate certificate) {
        return certificate.getNotAfter().toInstant();
    }

    private static byte[] der(X509Certificate certificate) {
        try {
            return certificate.getEncoded();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException("our own certificate cannot be encoded", e);
        }
    }

    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.rpc;

import java.security.cert.CertificateParsingException;
import java.security.cert.X509Certificate;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;

/** The gateway that a certificate is for: {@code spiffe://sojourn/site/SITE/gateway/NAME} as its one URI (RFC 5280, 4.2.1.6). */
@NullMarked
public record CertifiedName(String site, String gateway) {
    /** The DNS name in the controller's certificate, wherever the controller runs. */
    public static final String CONTROLLER = "controller.sojourn.internal";

    private static final int URI_NAME = 6;
    private static final Pattern URI = Pattern.compile("spiffe://sojourn/site/([^/]+)/gateway/([^/]+)");

    public String uri() {
        return "spiffe://sojourn/site/" + site + "/gateway/" + gateway;
    }

    /** Empty if the certificate is no gateway's. Whether it can be believed is for TLS to say. */
    public static Optional<CertifiedName> of(X509Certificate certificate) {
        CertifiedName found = null;
        for (List<?> name : alternativeNames(certificate)) {
            if (name.size() >= 2 && Integer.valueOf(URI_NAME).equals(name.get(0))) {
                Matcher matcher = URI.matcher(String.valueOf(name.get(1)));
                if (found != null || !matcher.matches()) {
                    return Optional.empty();
                }
                found = new CertifiedName(matcher.group(1), matcher.group(2));
            }
        }
        return Optional.ofNullable(found);
    }

    private static Collection<List<?>> alternativeNames(X509Certificate certificate) {
        try {
            @Nullable Collection<List<?>> names = certificate.getSubjectAlternativeNames();
            return names == null ? List.of() : names;
        } catch (CertificateParsingException e) {
            return List.of();
        }
    }

    /** {@code SITE/NAME}. */
    @Override
    public String toString() {
        return site + "/" + gateway;
    }
}

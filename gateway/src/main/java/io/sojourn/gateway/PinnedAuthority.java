// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.rpc.EnrolmentToken;
import java.io.IOException;
import java.net.Socket;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509ExtendedTrustManager;
import org.jspecify.annotations.Nullable;

/** Believes the one CA whose fingerprint is in an enrolment token: the server sends the CA's certificate along, and the rest is PKIX. */
final class PinnedAuthority extends X509ExtendedTrustManager {
    /** The server's chain does not end at the token's CA. */
    private static final class OtherAuthorityException extends CertificateException {
        private static final long serialVersionUID = 1;

        OtherAuthorityException() {
            super("not the controller of the enrolment token");
        }
    }

    private final EnrolmentToken token;

    PinnedAuthority(EnrolmentToken token) {
        this.token = token;
    }

    static boolean isCause(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof OtherAuthorityException) {
                return true;
            }
        }
        return false;
    }

    private X509ExtendedTrustManager pinned(X509Certificate[] chain) throws CertificateException {
        for (X509Certificate certificate : chain) {
            if (token.names(certificate.getEncoded())) {
                return believing(certificate);
            }
        }
        throw new OtherAuthorityException();
    }

    private static X509ExtendedTrustManager believing(X509Certificate authority) throws CertificateException {
        try {
            KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            store.setCertificateEntry("authority", authority);
            TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            factory.init(store);
            for (TrustManager manager : factory.getTrustManagers()) {
                if (manager instanceof X509ExtendedTrustManager extended) {
                    return extended;
                }
            }
            throw new CertificateException("this JDK has no PKIX trust manager");
        } catch (IOException e) {
            throw new CertificateException(e);
        } catch (CertificateException e) {
            throw e;
        } catch (GeneralSecurityException e) {
            throw new CertificateException(e);
        }
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, @Nullable SSLEngine engine)
            throws CertificateException {
        pinned(chain).checkServerTrusted(chain, authType, engine);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType, @Nullable Socket socket)
            throws CertificateException {
        pinned(chain).checkServerTrusted(chain, authType, socket);
    }

    @Override
    public void checkServerTrusted(X509Certificate[] chain, String authType) throws CertificateException {
        throw new CertificateException("who answers must be checked, too");
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, @Nullable SSLEngine engine)
            throws CertificateException {
        throw new CertificateException("this side has no clients");
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType, @Nullable Socket socket)
            throws CertificateException {
        throw new CertificateException("this side has no clients");
    }

    @Override
    public void checkClientTrusted(X509Certificate[] chain, String authType) throws CertificateException {
        throw new CertificateException("this side has no clients");
    }

    @Override
    public X509Certificate[] getAcceptedIssuers() {
        return new X509Certificate[0];
    }
}

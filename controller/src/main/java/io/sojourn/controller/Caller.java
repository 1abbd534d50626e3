// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.grpc.Attributes;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.sojourn.rpc.CertifiedName;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.security.cert.X509Certificate;
import java.util.Optional;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;

/**
 * Who is at the other end of a gRPC call, as TLS found it.
 *
 * @param certificate of a gateway, verified against our CA; empty: none was shown
 * @param address where the call comes from, for the audit log
 */
record Caller(Optional<Shown> certificate, String address) {
    /** A certificate, and the gateway that it names. */
    record Shown(CertifiedName name, X509Certificate certificate) {}

    static final Caller NOBODY = new Caller(Optional.empty(), "?");
    private static final Context.Key<Caller> KEY = Context.keyWithDefault("caller", NOBODY);

    /** Of the call that this thread serves. */
    static Caller current() {
        return KEY.get();
    }

    /** Looks once a call. */
    static final class Interceptor implements ServerInterceptor {
        @Override
        public <A, B> ServerCall.Listener<A> interceptCall(
                ServerCall<A, B> call, Metadata headers, ServerCallHandler<A, B> next) {
            Caller caller = of(call.getAttributes());
            return Contexts.interceptCall(Context.current().withValue(KEY, caller), call, headers, next);
        }
    }

    private static Caller of(Attributes attributes) {
        SocketAddress remote = attributes.get(Grpc.TRANSPORT_ATTR_REMOTE_ADDR);
        String address =
                remote instanceof InetSocketAddress inet ? inet.getAddress().getHostAddress() : String.valueOf(remote);
        SSLSession session = attributes.get(Grpc.TRANSPORT_ATTR_SSL_SESSION);
        return new Caller(Optional.ofNullable(session).flatMap(Caller::shown), address);
    }

    private static Optional<Shown> shown(SSLSession session) {
        try {
            if (session.getPeerCertificates()[0] instanceof X509Certificate certificate) {
                return CertifiedName.of(certificate).map(name -> new Shown(name, certificate));
            }
            return Optional.empty();
        } catch (SSLPeerUnverifiedException e) {
            return Optional.empty();
        }
    }
}

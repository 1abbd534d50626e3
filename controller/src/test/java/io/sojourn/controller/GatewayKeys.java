// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import com.google.protobuf.ByteString;
import io.sojourn.rpc.EnrolReply;
import io.sojourn.rpc.EnrolRequest;
import io.sojourn.rpc.EnrolmentToken;
import io.sojourn.rpc.PemFile;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.util.Base64;
import java.util.concurrent.ThreadLocalRandom;

/** What a gateway that enrols has made for itself. */
record GatewayKeys(KeyPair pair, byte[] sealKey) {
    static GatewayKeys random() {
        byte[] sealKey = new byte[32];
        ThreadLocalRandom.current().nextBytes(sealKey);
        return new GatewayKeys(PemFile.newKey(), sealKey);
    }

    GatewayKeys withSealKeyOf(GatewayKeys other) {
        return new GatewayKeys(pair, other.sealKey);
    }

    String sealKeyText() {
        return Base64.getEncoder().encodeToString(sealKey);
    }

    EnrolRequest request(String token, String site, String gateway) {
        EnrolRequest.Builder request = EnrolRequest.newBuilder()
                .setToken(token)
                .setSite(site)
                .setGateway(gateway)
                .setPublicKey(ByteString.copyFrom(pair.getPublic().getEncoded()))
                .setSealKey(ByteString.copyFrom(sealKey));
        try {
            Signature proof = Signature.getInstance("SHA256withECDSA");
            proof.initSign(pair.getPrivate());
            proof.update(EnrolmentToken.proof(request.buildPartial()));
            return request.setSignature(ByteString.copyFrom(proof.sign())).build();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    static X509Certificate certificate(EnrolReply reply) throws GeneralSecurityException {
        return PemFile.certificate(reply.getCertificate().toByteArray());
    }

    static X509Certificate authority(EnrolReply reply) throws GeneralSecurityException {
        return PemFile.certificate(reply.getAuthority().toByteArray());
    }
}

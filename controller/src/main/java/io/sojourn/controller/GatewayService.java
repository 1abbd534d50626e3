// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.grpc.Status;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.sojourn.model.location.GatewayId;
import io.sojourn.model.location.Locator;
import io.sojourn.model.location.SiteId;
import io.sojourn.rpc.FromGateway;
import io.sojourn.rpc.GatewayControlGrpc;
import io.sojourn.rpc.Hello;
import io.sojourn.rpc.ToGateway;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The door for gateways: looks at the certificate and the Hello, then hands the stream to {@link Gateways}. Hostile input ends the stream, nothing else. */
final class GatewayService extends GatewayControlGrpc.GatewayControlImplBase {
    private static final Logger log = LoggerFactory.getLogger(GatewayService.class);
    private final Gateways gateways;
    private final Admission admission;

    /** Who may attach. */
    interface Admission {
        /** Why this Hello of this caller does not attach, fit for the gateway's log; null if it does. */
        @Nullable
        Status refusal(Caller caller, Hello hello);
    }

    GatewayService(Gateways gateways, Admission admission) {
        this.gateways = gateways;
        this.admission = admission;
    }

    @Override
    public StreamObserver<FromGateway> attach(StreamObserver<ToGateway> toGateway) {
        ServerCallStreamObserver<ToGateway> stream = (ServerCallStreamObserver<ToGateway>) toGateway;
        Inbound inbound = new Inbound(stream, Caller.current());
        stream.setOnReadyHandler(inbound::ready);
        stream.setOnCancelHandler(inbound::over);
        return inbound;
    }

    private final class Inbound implements StreamObserver<FromGateway> {
        private final ServerCallStreamObserver<ToGateway> stream;
        private final Caller caller;
        private volatile @Nullable Attachment attachment;
        private boolean refused;

        Inbound(ServerCallStreamObserver<ToGateway> stream, Caller caller) {
            this.stream = stream;
            this.caller = caller;
        }

        void ready() {
            Attachment now = attachment;
            if (now != null) {
                now.wake();
            }
        }

        void over() {
            Attachment now = attachment;
            if (now != null) {
                gateways.detach(now);
            }
        }

        @Override
        public void onNext(FromGateway message) {
            Attachment now = attachment;
            if (refused) {
                return;
            }
            try {
                if (now != null) {
                    gateways.received(now, message);
                    return;
                }
                Status problem = problem(caller, message);
                if (problem == null) {
                    attachment = gateways.attach(message.getHello(), stream);
                } else {
                    refuse(problem);
                }
            } catch (RuntimeException e) {
                log.error("gateway {}: {}", now == null ? "(new)" : now.gateway(), e.getMessage(), e);
                if (now == null) {
                    refuse(Status.INTERNAL.withDescription("the controller failed; see its log"));
                } else {
                    now.end(Status.INTERNAL.withDescription("the controller failed; see its log"));
                }
            }
        }

        private void refuse(Status status) {
            refused = true;
            stream.onError(status.asRuntimeException());
        }

        @Override
        public void onError(Throwable failure) {
            over();
        }

        @Override
        public void onCompleted() {
            over();
        }
    }

    /** Why this first message does not attach; null if it does. */
    private @Nullable Status problem(Caller caller, FromGateway message) {
        if (!message.hasHello()) {
            return Status.FAILED_PRECONDITION.withDescription("the first message must be a Hello");
        }
        Hello hello = message.getHello();
        try {
            new GatewayId(hello.getGateway());
            new SiteId(hello.getSite());
            Locator.parse(hello.getLocator());
        } catch (IllegalArgumentException e) {
            return Status.INVALID_ARGUMENT.withDescription(e.getMessage());
        }
        return admission.refusal(caller, hello);
    }
}

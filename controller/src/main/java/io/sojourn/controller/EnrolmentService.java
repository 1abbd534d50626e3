// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.stub.StreamObserver;
import io.sojourn.rpc.EnrolReply;
import io.sojourn.rpc.EnrolRequest;
import io.sojourn.rpc.EnrolmentGrpc;
import io.sojourn.rpc.RenewRequest;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The only door that opens without a certificate. */
final class EnrolmentService extends EnrolmentGrpc.EnrolmentImplBase {
    private interface Answer {
        EnrolReply get() throws StatusException;
    }

    private static final Logger log = LoggerFactory.getLogger(EnrolmentService.class);
    private final Enrolments enrolments;

    EnrolmentService(Enrolments enrolments) {
        this.enrolments = enrolments;
    }

    @Override
    public void enrol(EnrolRequest request, StreamObserver<EnrolReply> out) {
        answer(out, () -> enrolments.enrol(request, Caller.current()));
    }

    @Override
    public void renew(RenewRequest request, StreamObserver<EnrolReply> out) {
        answer(out, () -> enrolments.renew(Caller.current()));
    }

    private static void answer(StreamObserver<EnrolReply> out, Answer answer) {
        try {
            out.onNext(answer.get());
            out.onCompleted();
        } catch (StatusException e) {
            out.onError(e);
        } catch (RuntimeException e) {
            log.error("enrolment failed: {}", e.getMessage(), e);
            out.onError(Status.INTERNAL
                    .withDescription("the controller failed; see its log")
                    .asException());
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.helidon.http.Method;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import java.util.Optional;

/** One verb on one path, as openapi.yaml names it. @param open needs no token */
record Route(Method verb, String path, boolean open, Handler handler) {
    /** @return what to answer; empty if the handler has answered by itself */
    interface Handler {
        Optional<Answer> handle(ServerRequest request, ServerResponse response) throws Exception;
    }

    /** @param body becomes JSON unless it is text already */
    record Answer(int status, String contentType, Object body) {
        static Answer ok(Object resource) {
            return new Answer(200, "application/json", resource);
        }

        static Answer created(Object resource) {
            return new Answer(201, "application/json", resource);
        }

        static Answer nothing() {
            return new Answer(204, "application/json", "");
        }

        static Answer text(String contentType, String text) {
            return new Answer(200, contentType, text);
        }

        byte[] bytes() {
            String text = body instanceof String string ? string : Json.write(body);
            return text.getBytes(java.nio.charset.StandardCharsets.UTF_8);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.helidon.common.tls.Tls;
import io.helidon.http.HeaderNames;
import io.helidon.http.HttpException;
import io.helidon.http.Method;
import io.helidon.http.NotFoundException;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.WebServerConfig;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import io.sojourn.registry.ConflictException;
import io.sojourn.registry.RegistryException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.SSLContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The only class that starts Helidon: routes, token, errors as JSON. One virtual thread a request. */
final class HttpServer implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(HttpServer.class);
    private static final long MAX_BODY_BYTES = 1 << 20;

    private final WebServer server;
    private final Optional<byte[]> token;

    HttpServer(InetSocketAddress address, Optional<String> apiToken, Optional<SSLContext> tls, List<Route> routes) {
        token = apiToken.map(t -> ("Bearer " + t).getBytes(StandardCharsets.UTF_8));
        HttpRouting.Builder routing = HttpRouting.builder();
        for (Route route : routes) {
            routing.route(route.verb(), route.path(), (request, response) -> serve(route, request, response));
        }
        routing.any((request, response) -> answer(response, error(unrouted(routes, request))));
        routing.error(
                NotFoundException.class,
                (_, response, e) -> answer(response, error(404, "not-found", String.valueOf(e.getMessage()))));
        routing.error(
                HttpException.class,
                (_, response, e) ->
                        answer(response, error(e.status().code(), "invalid", String.valueOf(e.getMessage()))));
        WebServerConfig.Builder builder = WebServer.builder()
                .address(address.getAddress())
                .port(address.getPort())
                .maxPayloadSize(MAX_BODY_BYTES)
                .shutdownHook(false)
                .featuresDiscoverServices(false)
                .shutdownGracePeriod(Duration.ofMillis(500))
                .routing(routing);
        tls.ifPresent(context -> builder.tls(
                Tls.builder().sslContext(context).addEnabledProtocol("TLSv1.3").build()));
        server = builder.build();
    }

    void start() {
        server.start();
    }

    int port() {
        return server.port();
    }

    private void serve(Route route, ServerRequest request, ServerResponse response) {
        try {
            if (!route.open() && !isAllowed(request)) {
                response.header("WWW-Authenticate", "Bearer");
                answer(
                        response,
                        error(
                                401,
                                "unauthorized",
                                "wrong or missing token: send 'Authorization: Bearer ...' with the api-token of controller.yaml"));
                return;
            }
            route.handler().handle(request, response).ifPresent(answer -> answer(response, answer));
        } catch (RefusalException e) {
            answer(response, error(e.status(), e.code(), e.message()));
        } catch (HttpException e) {
            throw e;
        } catch (ConflictException e) {
            answer(response, error(409, "conflict", e.getMessage() + ": try again"));
        } catch (RegistryException e) {
            log.error("{} {}: {}", route.verb(), route.path(), e.getMessage(), e);
            answer(response, error(503, "registry", String.valueOf(e.getMessage())));
        } catch (Exception e) {
            log.error("{} {} failed", route.verb(), route.path(), e);
            answer(response, error(500, "internal", "the controller failed (" + e + "): its log has the details"));
        }
    }

    private boolean isAllowed(ServerRequest request) {
        if (token.isEmpty()) {
            return true;
        }
        String given = request.headers().first(HeaderNames.AUTHORIZATION).orElse("");
        return MessageDigest.isEqual(token.get(), given.getBytes(StandardCharsets.UTF_8));
    }

    private static RefusalException unrouted(List<Route> routes, ServerRequest request) {
        String path = request.path().path();
        Method verb = request.prologue().method();
        boolean known = routes.stream().anyMatch(r -> path.matches(r.path().replaceAll("\\{[^}]+}", "[^/]+")));
        return known
                ? new RefusalException(405, "method-not-allowed", verb + " is not for " + path + ": see /openapi.yaml")
                : new RefusalException(404, "not-found", "there is no " + path + ": see /openapi.yaml");
    }

    private static Route.Answer error(RefusalException e) {
        return error(e.status(), e.code(), e.message());
    }

    private static Route.Answer error(int status, String code, String message) {
        return new Route.Answer(
                status, "application/json", new Resource.ErrorBody(new Resource.ErrorBody.Problem(code, message)));
    }

    private static void answer(ServerResponse response, Route.Answer answer) {
        if (response.isSent()) {
            return;
        }
        response.status(answer.status());
        if (answer.status() == 204) {
            response.send();
            return;
        }
        response.header("Content-Type", answer.contentType());
        response.send(answer.bytes());
    }

    @Override
    public void close() {
        server.stop();
    }
}

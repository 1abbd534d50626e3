// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import com.fasterxml.jackson.annotation.JsonInclude;
import tools.jackson.core.JacksonException;
import tools.jackson.core.exc.StreamReadException;
import tools.jackson.databind.DatabindException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.exc.UnrecognizedPropertyException;
import tools.jackson.databind.json.JsonMapper;

/** How our records become JSON and back: absent for null, ISO 8601 for instants. */
final class Json {
    private static final JsonMapper STORED = JsonMapper.builder()
            .changeDefaultPropertyInclusion(inclusion -> inclusion.withValueInclusion(JsonInclude.Include.NON_NULL))
            .disable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();

    /** Of people, whose typing errors we want to see. */
    private static final JsonMapper STRICT = STORED.rebuild()
            .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .build();

    private Json() {}

    static String write(Object value) {
        return STORED.writeValueAsString(value);
    }

    /** What we wrote ourselves, perhaps by a newer version. */
    static <T> T read(String json, Class<T> type) {
        return STORED.readValue(json, type);
    }

    /** @throws RefusalException naming the field that is wrong */
    static <T> T readRequest(byte[] body, Class<T> type) {
        try {
            T value = STRICT.readValue(body, type);
            if (value == null) {
                throw RefusalException.invalid("the request's body is empty: send a JSON object");
            }
            return value;
        } catch (UnrecognizedPropertyException e) {
            throw RefusalException.invalid(
                    "unknown field '" + e.getPropertyName() + "'; known: " + e.getKnownPropertyIds());
        } catch (StreamReadException e) {
            throw RefusalException.invalid("the request's body is not JSON: " + e.getOriginalMessage());
        } catch (DatabindException e) {
            Throwable cause = e.getCause();
            String problem = cause instanceof IllegalArgumentException ? cause.getMessage() : e.getOriginalMessage();
            String at = e.getPathReference()
                    .replaceAll("[\\w.$]*\\[\"([^\"]*)\"\\]", "$1")
                    .replace("->", ".");
            throw RefusalException.invalid((at.isEmpty() ? "" : at + ": ") + problem);
        } catch (JacksonException e) {
            throw RefusalException.invalid("the request's body cannot be read: " + e.getOriginalMessage());
        }
    }
}

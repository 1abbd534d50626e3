// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** openapi.yaml against the code: the same paths and verbs, the same fields, and examples that survive the records. */
class OpenApiContractTest {
    private static final Set<String> VERBS = Set.of("get", "put", "post", "delete", "patch", "head", "options");

    /** Examples and the record that each is of, where the name alone does not say it. */
    private static final Map<String, Class<?>> RECORDS = new TreeMap<>(Map.ofEntries(
            Map.entry("GatewayTokenRequest", Resource.GatewayTokenRequest.class),
            Map.entry("GatewayToken", Resource.GatewayToken.class),
            Map.entry("ErrorBody", Resource.ErrorBody.class),
            Map.entry("NetworkRequest", Resource.Network.class),
            Map.entry("Network", Resource.Network.class),
            Map.entry("NetworkChange", Resource.NetworkChange.class),
            Map.entry("VmRequest", Resource.Vm.class),
            Map.entry("Vm", Resource.Vm.class),
            Map.entry("VmChange", Resource.VmChange.class),
            Map.entry("Policy", Resource.Policy.class),
            Map.entry("Flows", Resource.Flows.class),
            Map.entry("Explanation", Resource.Explanation.class),
            Map.entry("History", Resource.History.class),
            Map.entry("LandingRequest", Resource.Landing.class),
            Map.entry("Landing", Resource.Landing.class),
            Map.entry("MigrationRequest", Resource.MigrationRequest.class),
            Map.entry("GangRequest", Resource.GangRequest.class),
            Map.entry("Migration", Resource.Migration.class),
            Map.entry("Event", Resource.Event.class),
            Map.entry("SigningKey", Resource.SigningKey.class),
            Map.entry("Status", Resource.Status.class)));

    @TempDir
    Path dir;

    @SuppressWarnings("unchecked")
    private static Map<String, Object> at(Map<String, Object> map, String... path) {
        Map<String, Object> here = map;
        for (String key : path) {
            here = (Map<String, Object>) Objects.requireNonNull(here.get(key), key);
        }
        return here;
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> document() {
        return (Map<String, Object>) new Load(LoadSettings.builder().build()).loadFromString(RestApi.document());
    }

    @Test
    void pathsAndVerbsAreThoseThatAreRouted() throws Exception {
        Set<String> written = new TreeSet<>();
        at(document(), "paths")
                .forEach((path, item) -> ((Map<?, ?>) item)
                        .keySet().stream()
                                .map(String::valueOf)
                                .filter(VERBS::contains)
                                .forEach(verb -> written.add(verb.toUpperCase(Locale.ROOT) + " " + path)));
        Set<String> routed = new TreeSet<>();
        try (World world = new World(dir)) {
            world.controller().api().routes().forEach(r -> routed.add(r.verb().text() + " " + r.path()));
        }
        assertThat(routed).isEqualTo(written);
    }

    @TestFactory
    Stream<DynamicTest> examplesSurviveTheRecords() {
        JsonMapper mapper = JsonMapper.builder().build();
        Map<String, Object> examples = at(document(), "components", "examples");
        assertThat(examples.keySet()).containsExactlyInAnyOrderElementsOf(RECORDS.keySet());
        return RECORDS.entrySet().stream()
                .map(entry -> DynamicTest.dynamicTest(entry.getKey(), () -> {
                    byte[] written = mapper.writeValueAsBytes(
                            at(examples, entry.getKey()).get("value"));
                    Object read = Json.readRequest(written, entry.getValue());
                    JsonNode again = mapper.readTree(Json.write(read));
                    assertContains(entry.getKey(), again, mapper.readTree(written));
                    assertThat((Object) Json.read(Json.write(read), entry.getValue()))
                            .isEqualTo(read);
                }));
    }

    /** Every field of the example came back with its value; what came back in addition is a default. */
    private static void assertContains(String where, JsonNode actual, JsonNode expected) {
        if (expected.isObject()) {
            expected.properties().forEach(field -> {
                assertThat(actual.has(field.getKey()))
                        .as(where + "." + field.getKey())
                        .isTrue();
                assertContains(where + "." + field.getKey(), actual.get(field.getKey()), field.getValue());
            });
        } else if (expected.isArray()) {
            assertThat(actual.size()).as(where).isEqualTo(expected.size());
            for (int i = 0; i < expected.size(); i++) {
                assertContains(where + "[" + i + "]", actual.get(i), expected.get(i));
            }
        } else if (expected.isNumber()) {
            assertThat(actual.asDouble()).as(where).isEqualTo(expected.asDouble());
        } else if (expected.asString().endsWith("Z")) {
            assertThat(java.time.Instant.parse(actual.asString()))
                    .as(where)
                    .isEqualTo(java.time.Instant.parse(expected.asString()));
        } else {
            assertThat(actual).as(where).isEqualTo(expected);
        }
    }

    @TestFactory
    Stream<DynamicTest> schemasNameTheFieldsOfTheRecords() {
        Map<String, Object> schemas = at(document(), "components", "schemas");
        return Stream.of(Resource.class.getDeclaredClasses())
                .filter(Class::isRecord)
                .filter(type -> schemas.containsKey(type.getSimpleName()))
                .map(type -> DynamicTest.dynamicTest(type.getSimpleName(), () -> {
                    Set<String> fields = new TreeSet<>();
                    for (var component : type.getRecordComponents()) {
                        fields.add(component.getName());
                    }
                    assertThat(fields)
                            .isEqualTo(new TreeSet<>(at(schemas, type.getSimpleName(), "properties")
                                    .keySet()));
                }));
    }
}

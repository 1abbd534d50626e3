// SPDX-License-Identifier: Apache-2.0
package io.sojourn.certificate;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** The fields of a JSON object, each read once by its name and type; what nobody asked for is an error. */
final class Fields {
    private final String what;
    private final Map<?, ?> fields;
    private final Set<String> unread = new TreeSet<>();

    Fields(String what, Object value) {
        if (!(value instanceof Map<?, ?> map)) {
            throw new CertificateException(what + " is not an object");
        }
        this.what = what;
        this.fields = map;
        map.keySet().forEach(key -> unread.add((String) key));
    }

    private CertificateException wrong(String name, String problem) {
        return new CertificateException(what + ": '" + name + "' " + problem);
    }

    boolean has(String name) {
        return fields.containsKey(name);
    }

    Object any(String name) {
        unread.remove(name);
        Object value = fields.get(name);
        if (value == null) {
            throw wrong(name, "is missing");
        }
        return value;
    }

    String text(String name) {
        return any(name) instanceof String text ? text : fail(name, "is not a string");
    }

    long number(String name) {
        return any(name) instanceof Long number ? number : this.<Long>fail(name, "is not a number");
    }

    boolean flag(String name) {
        return any(name) instanceof Boolean flag ? flag : this.<Boolean>fail(name, "is neither true nor false");
    }

    List<?> list(String name) {
        return any(name) instanceof List<?> list ? list : this.<List<?>>fail(name, "is not an array");
    }

    List<String> texts(String name) {
        return list(name).stream()
                .map(item -> item instanceof String text
                        ? text
                        : this.<String>fail(name, "holds something else than strings"))
                .toList();
    }

    /** Names and whole numbers. */
    Map<String, Long> numbers(String name) {
        Fields inner = new Fields(what + "." + name, any(name));
        Map<String, Long> numbers = new TreeMap<>();
        inner.fields.keySet().forEach(key -> numbers.put((String) key, inner.number((String) key)));
        return numbers;
    }

    void schema(String expected) {
        String found = text("schema");
        if (!found.equals(expected)) {
            throw wrong("schema", "is " + found + ", not " + expected);
        }
    }

    /** To be called last. */
    void end() {
        if (!unread.isEmpty()) {
            throw wrong(unread.iterator().next(), "is not a field that belongs there");
        }
    }

    private <T> T fail(String name, String problem) {
        throw wrong(name, problem);
    }
}

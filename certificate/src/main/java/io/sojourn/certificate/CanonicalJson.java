// SPDX-License-Identifier: Apache-2.0
package io.sojourn.certificate;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * JSON in the one form that RFC 8785 (JCS) allows, for what certificates hold: objects, arrays, strings, booleans, and integers that
 * every reader keeps exact (RFC 7493 section 2.2). Keys are ordered by UTF-16 code units, nothing stands between tokens.
 */
public final class CanonicalJson {
    static final long LARGEST = (1L << 53) - 1;

    private CanonicalJson() {}

    /** @param value maps with string keys, lists, strings, longs, booleans */
    public static String write(Object value) {
        StringBuilder out = new StringBuilder(1024);
        write(value, out);
        return out.toString();
    }

    /** The same value in canonical form, whatever form it comes in. */
    public static String canonical(String json) {
        return write(read(json));
    }

    /** @return maps, lists, strings, longs, booleans; anything else in the text is refused, with its place */
    public static Object read(String json) {
        return new JsonReader(json).document();
    }

    private static void write(Object value, StringBuilder out) {
        switch (value) {
            case Map<?, ?> map -> writeObject(map, out);
            case List<?> list -> writeArray(list, out);
            case String text -> writeString(text, out);
            case Long number -> writeNumber(number, out);
            case Integer number -> writeNumber(number, out);
            case Boolean flag -> out.append(flag.booleanValue());
            default ->
                throw new CertificateException(
                        "a certificate holds no " + value.getClass().getSimpleName());
        }
    }

    private static void writeNumber(long number, StringBuilder out) {
        if (Math.abs(number) > LARGEST) {
            throw new CertificateException("the number " + number + " is not exact in every reader of JSON");
        }
        out.append(number);
    }

    private static void writeObject(Map<?, ?> map, StringBuilder out) {
        TreeMap<String, Object> sorted = new TreeMap<>();
        map.forEach((key, value) -> sorted.put((String) key, value));
        char separator = '{';
        for (Map.Entry<String, Object> entry : sorted.entrySet()) {
            out.append(separator);
            separator = ',';
            writeString(entry.getKey(), out);
            out.append(':');
            write(entry.getValue(), out);
        }
        out.append(sorted.isEmpty() ? "{}" : "}");
    }

    private static void writeArray(List<?> list, StringBuilder out) {
        char separator = '[';
        for (Object value : list) {
            out.append(separator);
            separator = ',';
            write(value, out);
        }
        out.append(list.isEmpty() ? "[]" : "]");
    }

    private static void writeString(String text, StringBuilder out) {
        out.append('"');
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '"' -> out.append("\\\"");
                case '\\' -> out.append("\\\\");
                case '\b' -> out.append("\\b");
                case '\t' -> out.append("\\t");
                case '\n' -> out.append("\\n");
                case '\f' -> out.append("\\f");
                case '\r' -> out.append("\\r");
                default -> {
                    if (c < 0x20) {
                        out.append("\\u00")
                                .append(Character.forDigit(c >> 4, 16))
                                .append(Character.forDigit(c & 15, 16));
                    } else {
                        out.append(c);
                    }
                }
            }
        }
        out.append('"');
    }
}

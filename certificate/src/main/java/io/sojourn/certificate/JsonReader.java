// SPDX-License-Identifier: Apache-2.0
package io.sojourn.certificate;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads the JSON (RFC 8259) that {@link CanonicalJson} can write; strict, and bounded in depth. */
final class JsonReader {
    private static final int DEPTH = 16;

    private final String text;
    private int at;

    JsonReader(String text) {
        this.text = text;
    }

    Object document() {
        Object value = value(DEPTH);
        space();
        if (at < text.length()) {
            throw wrong("something follows its end");
        }
        return value;
    }

    private CertificateException wrong(String what) {
        return new CertificateException("not the JSON of a certificate, at character " + at + ": " + what);
    }

    private void space() {
        while (at < text.length() && " \t\n\r".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private char next() {
        if (at == text.length()) {
            throw wrong("it ends too early");
        }
        return text.charAt(at);
    }

    private void expect(char c) {
        if (next() != c) {
            throw wrong("'" + c + "' expected");
        }
        at++;
    }

    private boolean skip(char c) {
        space();
        if (next() == c) {
            at++;
            return true;
        }
        return false;
    }

    private Object value(int depth) {
        if (depth == 0) {
            throw wrong("nested too deep");
        }
        space();
        return switch (next()) {
            case '{' -> object(depth);
            case '[' -> array(depth);
            case '"' -> string();
            case 't' -> word("true", true);
            case 'f' -> word("false", false);
            default -> number();
        };
    }

    private Object word(String word, boolean value) {
        if (!text.startsWith(word, at)) {
            throw wrong("'" + word + "' expected");
        }
        at += word.length();
        return value;
    }

    private Map<String, Object> object(int depth) {
        Map<String, Object> map = new LinkedHashMap<>();
        at++;
        if (skip('}')) {
            return map;
        }
        do {
            space();
            String key = string();
            space();
            expect(':');
            if (map.put(key, value(depth - 1)) != null) {
                throw wrong("'" + key + "' stands there twice");
            }
        } while (skip(','));
        expect('}');
        return map;
    }

    private List<Object> array(int depth) {
        List<Object> list = new ArrayList<>();
        at++;
        if (skip(']')) {
            return list;
        }
        do {
            list.add(value(depth - 1));
        } while (skip(','));
        expect(']');
        return list;
    }

    private String string() {
        expect('"');
        StringBuilder out = new StringBuilder();
        for (char c = next(); c != '"'; c = next()) {
            at++;
            if (c < 0x20) {
                throw wrong("a control character in a string");
            }
            out.append(c == '\\' ? escaped() : c);
        }
        at++;
        return out.toString();
    }

    private char escaped() {
        char c = next();
        at++;
        return switch (c) {
            case '"', '\\', '/' -> c;
            case 'b' -> '\b';
            case 'f' -> '\f';
            case 'n' -> '\n';
            case 'r' -> '\r';
            case 't' -> '\t';
            case 'u' -> {
                if (at + 4 > text.length()) {
                    throw wrong("it ends too early");
                }
                int code = 0;
                for (int i = 0; i < 4; i++) {
                    int digit = Character.digit(text.charAt(at++), 16);
                    if (digit < 0) {
                        throw wrong("not a hexadecimal digit");
                    }
                    code = code << 4 | digit;
                }
                yield (char) code;
            }
            default -> throw wrong("no such escape");
        };
    }

    private Long number() {
        int from = at;
        if (next() == '-') {
            at++;
        }
        while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
            at++;
        }
        if (at < text.length() && ".eE".indexOf(text.charAt(at)) >= 0) {
            throw wrong("only whole numbers are allowed");
        }
        String digits = text.substring(from, at);
        try {
            long value = Long.parseLong(digits);
            if (Math.abs(value) <= CanonicalJson.LARGEST && Long.toString(value).equals(digits)) {
                return value;
            }
        } catch (NumberFormatException e) {
            throw new CertificateException(
                    "not the JSON of a certificate, at character " + from + ": a value expected", e);
        }
        throw wrong("the number " + digits + " is not written as it should be");
    }
}

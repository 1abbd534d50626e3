// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/** A mapping in a YAML file. Every complaint names the file and the key's path; a key that nobody asked for is a complaint too. */
final class ConfigSection {
    private final String file;
    private final String path;
    private final Map<String, Object> values;
    private final Set<String> known = new TreeSet<>();

    private ConfigSection(String file, String path, Map<String, Object> values) {
        this.file = file;
        this.path = path;
        this.values = values;
    }

    static ConfigSection load(Path file) {
        String text;
        try {
            text = Files.readString(file);
        } catch (NoSuchFileException e) {
            throw new ConfigException(file + ": no such file", e);
        } catch (IOException e) {
            throw new ConfigException(file + ": cannot be read (" + e.getMessage() + ")", e);
        }
        try {
            Object root =
                    new Load(LoadSettings.builder().setLabel(file.toString()).build()).loadFromString(text);
            return of(file.toString(), "", root == null ? Map.of() : root);
        } catch (YamlEngineException e) {
            throw new ConfigException(
                    file + ": is not YAML: " + String.valueOf(e.getMessage()).replaceAll("\\s+", " "), e);
        }
    }

    private static ConfigSection of(String file, String path, Object value) {
        if (!(value instanceof Map<?, ?> map)) {
            throw new ConfigException(
                    file + ": " + (path.isEmpty() ? "the file" : path) + ": must be a mapping of key: value");
        }
        Map<String, Object> values = new LinkedHashMap<>();
        map.forEach((k, v) -> {
            if (v != null) {
                values.put(String.valueOf(k), v);
            }
        });
        return new ConfigSection(file, path, values);
    }

    ConfigException complaint(String key, String problem) {
        return new ConfigException(file + ": " + (path.isEmpty() ? key : path + "." + key) + ": " + problem);
    }

    /** Whether it says anything of the key. */
    boolean has(String key) {
        known.add(key);
        return values.containsKey(key);
    }

    Optional<String> text(String key) {
        known.add(key);
        Object value = values.get(key);
        if (value == null) {
            return Optional.empty();
        }
        if (value instanceof Map || value instanceof Iterable) {
            throw complaint(key, "must be a single value");
        }
        if (value.toString().isBlank()) {
            throw complaint(key, "is empty: give a value, or leave the key out");
        }
        return Optional.of(value.toString());
    }

    /** A list of single values, or one. */
    Set<String> words(String key) {
        known.add(key);
        Set<String> words = new TreeSet<>();
        Object value = values.get(key);
        if (value instanceof Iterable<?> several) {
            several.forEach(word -> words.add(String.valueOf(word)));
        } else if (value != null) {
            words.add(String.valueOf(value));
        }
        return words;
    }

    String requiredText(String key, String example) {
        return text(key).orElseThrow(() -> complaint(key, "is missing; for example: " + key + ": " + example));
    }

    /** {@code 127.0.0.1:7480}, {@code [::1]:7480}; port 0 takes a free one. */
    InetSocketAddress socket(String key, String byDefault) {
        String text = text(key).orElse(byDefault);
        int colon = text.lastIndexOf(':');
        try {
            if (colon < 1) {
                throw new IllegalArgumentException("no port");
            }
            String host = text.substring(0, colon).replaceAll("^\\[|\\]$", "");
            return new InetSocketAddress(InetAddress.getByName(host), Integer.parseInt(text.substring(colon + 1)));
        } catch (UnknownHostException | IllegalArgumentException e) {
            throw complaint(key, "'" + text + "' is not address:port, for example " + byDefault);
        }
    }

    /** Whole seconds. */
    Duration seconds(String key, int byDefault) {
        String text = text(key).orElse(Integer.toString(byDefault));
        try {
            int seconds = Integer.parseInt(text);
            if (seconds >= 1) {
                return Duration.ofSeconds(seconds);
            }
        } catch (NumberFormatException e) {
            // the same complaint
        }
        throw complaint(key, "'" + text + "' is not a number of seconds from 1");
    }

    ConfigSection section(String key) {
        known.add(key);
        return of(file, path.isEmpty() ? key : path + "." + key, values.getOrDefault(key, Map.of()));
    }

    /** To be called last. */
    void refuseUnknownKeys() {
        for (String key : values.keySet()) {
            if (!known.contains(key)) {
                throw complaint(key, "unknown key; known here: " + String.join(", ", known));
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wire;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;

/** Golden frames, and random data from a seed that a failing test prints. */
final class Samples {
    static final Map<String, byte[]> FRAMES = load("frames.hex");
    static final Map<String, byte[]> ILNP = load("ilnp.hex");

    private Samples() {}

    static byte[] frame(String name) {
        return Objects.requireNonNull(FRAMES.get(name), name).clone();
    }

    static byte[] ilnp(String name) {
        return Objects.requireNonNull(ILNP.get(name), name).clone();
    }

    /** Octets in memory that ends exactly where they end: any read outside throws. */
    static MemorySegment exactly(byte[] octets) {
        MemorySegment s = Arena.ofAuto().allocate(Math.max(1, octets.length)).asSlice(0, octets.length);
        MemorySegment.copy(octets, 0, s, ValueLayout.JAVA_BYTE, 0, octets.length);
        return s;
    }

    static byte[] octets(MemorySegment s, long at, int length) {
        return s.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE);
    }

    static String hex(MemorySegment s, long at, int length) {
        return HexFormat.of().formatHex(octets(s, at, length));
    }

    static byte[] hex(String text) {
        return HexFormat.of().parseHex(text.replace(" ", ""));
    }

    static byte[] random(RandomGenerator random, int length) {
        byte[] octets = new byte[length];
        random.nextBytes(octets);
        return octets;
    }

    /** Runs the property once for each case; a failure names the seed that repeats it alone. */
    static void forAll(int cases, Consumer<SplittableRandom> property) {
        long base = Long.getLong("sojourn.test.seed", 20261120L);
        for (int i = 0; i < cases; i++) {
            long seed = base + i;
            try {
                property.accept(new SplittableRandom(seed));
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError("fails with -Dsojourn.test.seed=" + seed + ": " + e.getMessage(), e);
            }
        }
    }

    private static Map<String, byte[]> load(String name) {
        var in = Objects.requireNonNull(Samples.class.getResourceAsStream(name), name);
        try (var reader = new BufferedReader(new InputStreamReader(in, StandardCharsets.US_ASCII))) {
            return reader.lines()
                    .filter(line -> !line.startsWith("#"))
                    .map(line -> line.split(" ", 2))
                    .collect(Collectors.toMap(
                            parts -> parts[0], parts -> hex(parts[1]), (a, b) -> a, LinkedHashMap::new));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

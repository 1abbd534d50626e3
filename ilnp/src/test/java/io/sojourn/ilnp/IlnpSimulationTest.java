// SPDX-License-Identifier: Apache-2.0
package io.sojourn.ilnp;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.ilnp.IlnpSimulation.Faults;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Random stories of {@link IlnpSimulation}; a failure names its seed. */
class IlnpSimulationTest {
    private static final int STORIES = 150;
    /** Whose first nonces are all lost is taken for plain IPv6 until he shows one again: that is no fault. */
    private static final long TALK_MS = 2_000;

    private static final long FAULTS_MS = 20_000;
    /** The last update is sent again after 28 s at most, and everybody has said something since. */
    private static final long END_MS = 60_000;

    private static void story(long seed, Transparency transparency) {
        SplittableRandom random = new SplittableRandom(seed);
        Faults faults = new Faults(random.nextDouble() * 0.6, random.nextDouble() * 0.3, 0.05, TALK_MS, FAULTS_MS);
        IlnpSimulation world = new IlnpSimulation(seed, transparency, faults, 3, 1);
        for (long at = 0; at < TALK_MS; at += 200) {
            world.run(at);
            for (int host = 0; host < world.hosts(); host++) {
                world.hostSays(host);
            }
        }
        long next = TALK_MS;
        while (next < FAULTS_MS) {
            world.run(next);
            int what = random.nextInt(20);
            if (what == 0) {
                world.move(random.nextInt(world.sites()));
            } else if (what == 1 && transparency == Transparency.VISIBLE) {
                world.prefers(random.nextInt(world.hosts()), random.nextBoolean());
            } else {
                world.hostSays(random.nextInt(world.hosts()));
            }
            next += 1 + random.nextInt(200);
        }
        // A correspondent that was lost for every attempt is told again with the next move.
        world.run(FAULTS_MS + 1_000);
        world.move((world.home() + 1) % world.sites());
        for (long at = FAULTS_MS + 2_000; at < END_MS; at += 500) {
            world.run(at);
            for (int host = 0; host < world.hosts(); host++) {
                world.hostSays(host);
            }
        }
        world.run(END_MS + 2_000);
        world.judge();
        assertThat(world.packetsSaid()).isGreaterThan(500);
    }

    @ParameterizedTest
    @EnumSource(
            value = Transparency.class,
            names = {"VISIBLE", "INVISIBLE"})
    void whateverHappensNothingIsLostAndEverybodyFindsTheNode(Transparency transparency) {
        for (long seed = 1; seed <= STORIES; seed++) {
            try {
                story(seed, transparency);
            } catch (AssertionError e) {
                throw new AssertionError("story " + seed + ", " + transparency + ": " + e.getMessage(), e);
            }
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.model.identity.IpAddress;
import java.util.HashMap;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class AddressMapTest {
    @Test
    void itAnswersAsAHashMapOfAddressesWould() {
        AddressMap<Integer> map = new AddressMap<>();
        Map<IpAddress, Integer> model = new HashMap<>();
        SplittableRandom random = new SplittableRandom(3);
        for (int i = 0; i < 200_000; i++) {
            // Few values in each half, so that addresses collide, meet again and differ in one half only.
            IpAddress a = random.nextBoolean()
                    ? IpAddress.v4(random.nextInt(50))
                    : IpAddress.v6(random.nextInt(10), random.nextInt(50));
            switch (random.nextInt(3)) {
                case 0 -> {
                    map.put(a.isV6(), a.high(), a.low(), i);
                    model.put(a, i);
                }
                case 1 -> {
                    map.remove(a.isV6(), a.high(), a.low());
                    model.remove(a);
                }
                default -> assertThat(map.get(a.isV6(), a.high(), a.low())).isEqualTo(model.get(a));
            }
            assertThat(map.size()).isEqualTo(model.size());
        }
    }

    @Test
    void addressesWhoseHalvesHashAlikeAreKeptApart() {
        AddressMap<String> map = new AddressMap<>();
        long high = 0x2001_0db8_0000_0001L;
        map.put(true, high, 0, "six");
        map.put(true, 0, high * 0x9E37_79B9_7F4A_7C15L, "other");
        assertThat(map.get(true, high, 0)).isEqualTo("six");
        assertThat(map.get(true, 0, high * 0x9E37_79B9_7F4A_7C15L)).isEqualTo("other");
    }
}

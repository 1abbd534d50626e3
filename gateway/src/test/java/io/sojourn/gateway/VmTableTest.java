// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class VmTableTest {
    private static VmEntry vm(String name) {
        return new VmEntry(new VmId(name), List.of(), new GatewayId("a"), Epoch.NONE);
    }

    @Test
    void itAnswersAsAHashMapOfAddressesWould() {
        VmTable table = new VmTable();
        Map<IpAddress, VmEntry> model = new HashMap<>();
        List<VmEntry> vms = List.of(vm("v0"), vm("v1"), vm("v2"));
        SplittableRandom random = new SplittableRandom(3);
        for (int i = 0; i < 300_000; i++) {
            // Few values in each half, so that addresses collide, meet again and differ in one half only.
            IpAddress a = random.nextBoolean()
                    ? IpAddress.v4(random.nextInt(50))
                    : IpAddress.v6(random.nextInt(10), random.nextInt(50));
            VmEntry vm = vms.get(random.nextInt(vms.size()));
            switch (random.nextInt(3)) {
                case 0 -> {
                    table.put(a.isV6(), a.high(), a.low(), a.low() + 1, vm);
                    model.put(a, vm);
                }
                case 1 -> {
                    table.remove(a.isV6(), a.high(), a.low(), vm);
                    model.remove(a, vm);
                }
                default -> assertThat(table.get(a.isV6(), a.high(), a.low())).isEqualTo(model.get(a));
            }
            int slot = table.find(a.isV6(), a.high(), a.low());
            assertThat(slot != VmTable.NONE).isEqualTo(model.containsKey(a));
            if (slot != VmTable.NONE) {
                assertThat(table.mac(slot)).isEqualTo(a.low() + 1);
            }
            assertThat(table.size()).isEqualTo(model.size());
        }
    }

    @Test
    void everyoneIsFoundAfterTheTableHasGrown() {
        VmTable table = new VmTable();
        VmEntry vm = vm("v");
        for (int i = 0; i < 100_000; i++) {
            table.put(false, 0, 0x0A00_0000L + i, 0xFFFF_FFFF_FFFFL, vm);
        }
        for (int i = 0; i < 100_000; i++) {
            int slot = table.find(false, 0, 0x0A00_0000L + i);
            assertThat(table.vm(slot)).isSameAs(vm);
            assertThat(table.mac(slot)).isEqualTo(0xFFFF_FFFF_FFFFL);
        }
        assertThat(table.get(true, 0, 0x0A00_0000L)).isNull();
    }

    @Test
    void addressesWhoseHalvesHashAlikeAreKeptApart() {
        VmTable table = new VmTable();
        long high = 0x2001_0db8_0000_0001L;
        VmEntry six = vm("six");
        VmEntry other = vm("other");
        table.put(true, high, 0, 1, six);
        table.put(true, 0, high * 0x9E37_79B9_7F4A_7C15L, 2, other);
        assertThat(table.get(true, high, 0)).isSameAs(six);
        assertThat(table.get(true, 0, high * 0x9E37_79B9_7F4A_7C15L)).isSameAs(other);
    }

    @Test
    void whereItsPacketsGoIsForgottenWithTheAddress() {
        VmTable table = new VmTable();
        VmEntry one = vm("one");
        table.put(false, 0, 1, 1, one);
        long hop = NextHop.of(NextHop.MOST_PEERS - 1, 0xFFFF_FFFF_FFFFL);
        table.nextHop(false, 0, 1, vm("two"), hop);
        assertThat(table.nextHop(table.find(false, 0, 1))).isEqualTo(NextHop.NONE);
        table.nextHop(false, 0, 1, one, hop);
        assertThat(table.nextHop(table.find(false, 0, 1))).isEqualTo(hop);
        assertThat(NextHop.peer(hop)).isEqualTo(NextHop.MOST_PEERS - 1);
        assertThat(NextHop.epoch(hop)).isEqualTo(0xFFFF_FFFF_FFFFL);

        table.put(false, 0, 1, 1, vm("two"));
        assertThat(table.nextHop(table.find(false, 0, 1))).isEqualTo(NextHop.NONE);
    }

    @Test
    void whatHasNoRoomInAWordIsNoNextHop() {
        assertThat(NextHop.of(0, 0)).isNotEqualTo(NextHop.NONE);
        assertThat(NextHop.of(-1, 1)).isEqualTo(NextHop.NONE);
        assertThat(NextHop.of(NextHop.MOST_PEERS, 1)).isEqualTo(NextHop.NONE);
        assertThat(NextHop.of(0, 1L << 48)).isEqualTo(NextHop.NONE);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.hypervisor.GuestNic;
import io.sojourn.linux.Links;
import io.sojourn.linux.SyscallException;
import io.sojourn.linux.Tap;
import io.sojourn.rpc.Vm;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;

/** Makes and finds the taps by which guests hang on the bridges of this host. */
final class GuestTaps {
    /** A flushed buffer arrives faster than a guest that has just resumed reads: its queue must hold it. */
    private static final int QUEUE_FRAMES = 4096;

    private GuestTaps() {}

    /** One persistent tap for each NIC, on its network's bridge and up; their names. */
    static List<String> make(Vm vm, Map<String, String> bridgeOfNetwork) {
        List<String> made = new ArrayList<>();
        try (Links links = new Links()) {
            for (int i = 0; i < vm.getNicsCount(); i++) {
                String network = vm.getNics(i).getNetwork();
                String bridge = bridgeOfNetwork.get(network);
                if (bridge == null) {
                    throw new GatewayException("VM " + vm.getName() + ": network " + network
                            + " has no bridge at this gateway; add it under networks: in gateway.yaml");
                }
                String name = name(vm.getName(), i);
                make(links, name, bridge);
                made.add(name);
            }
            return made;
        } catch (RuntimeException e) {
            remove(made);
            throw e;
        }
    }

    /** The names that {@link #make} gives. */
    static List<String> names(Vm vm) {
        List<String> names = new ArrayList<>();
        for (int i = 0; i < vm.getNicsCount(); i++) {
            names.add(name(vm.getName(), i));
        }
        return names;
    }

    /** At most 15 characters, the same at every try, and not another VM's. */
    private static String name(String vm, int nic) {
        return "sv" + String.format("%08x", vm.hashCode()) + "n" + nic;
    }

    private static void make(Links links, String name, String bridge) {
        try (Tap tap = Tap.openTap(name, EnumSet.of(Tap.Flag.PERSIST))) {
            links.setTxQueueLength(tap.ifindex(), QUEUE_FRAMES);
            links.setMaster(tap.ifindex(), Links.index(bridge));
            links.up(tap.ifindex());
        } catch (SyscallException e) {
            throw new GatewayException("cannot make tap " + name + " on bridge " + bridge + ": " + e.getMessage(), e);
        }
    }

    static void remove(List<String> names) {
        try (Links links = new Links()) {
            for (String name : names) {
                if (Links.exists(name)) {
                    links.delete(Links.index(name));
                }
            }
        }
    }

    /** The interface index of each NIC's tap, by MAC address as the hypervisor tells; -1 where it does not. */
    static List<Integer> indexes(List<VmEntry.Nic> nics, List<GuestNic> guestNics) {
        List<Integer> out = new ArrayList<>();
        for (VmEntry.Nic nic : nics) {
            String tap = nic.tap();
            for (GuestNic g : guestNics) {
                if (nic.mac() == g.mac().bits() && g.tap().isPresent()) {
                    tap = g.tap().get();
                }
            }
            out.add(!tap.isEmpty() && Links.exists(tap) ? Links.index(tap) : -1);
        }
        return out;
    }
}

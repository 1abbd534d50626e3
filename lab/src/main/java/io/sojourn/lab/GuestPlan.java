// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import io.sojourn.hypervisor.LaunchTemplate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The lab's VM and how its hypervisor is started: at its birth by the lab, later by the gateway it moves to, from the same launch template.
 *
 * @param address4 stays the VM's wherever it is
 */
record GuestPlan(
        String name, String network, String mac, String address4, String address6, Topology.Site home, int memoryMb) {
    /** Written by QEMU itself beside its QMP socket: each change of its run state with a time in microseconds since 1970. */
    static final String TRACE_SUFFIX = ".trace";

    static final String TEMPLATE = "default";

    static final String CONSOLE_SUFFIX = ".console";

    static GuestPlan web1(Topology topology) {
        return web(1, topology.sites().getFirst());
    }

    /** The {@code number}th of several, 1 to 9, each with the ninth and following addresses of its home. */
    static GuestPlan web(int number, Topology.Site home) {
        int host = 9 + number;
        String mac = String.format("52:54:00:10:%02x:%02x", home.number(), host);
        return new GuestPlan("web" + number, Lab.NETWORK, mac, home.lan4(host), home.lan6(host), home, 96);
    }

    GuestPlan withMemory(int mb) {
        return new GuestPlan(name, network, mac, address4, address6, home, mb);
    }

    /** Another VM with the same MAC and addresses, in another network. */
    GuestPlan twin(String twinName, String twinNetwork) {
        return new GuestPlan(twinName, twinNetwork, mac, address4, address6, home, memoryMb);
    }

    /**
     * Variables are those of {@link LaunchTemplate}. Both ends of a move have the same processor model. No disk, no
     * display, no network boot; one NIC on the tap of its bridge.
     */
    static LaunchTemplate template(LabQemu qemu, String acceleration, GuestMemory memory) {
        // TCG pays for every feature a kernel can make use of: a plain model costs a fifth less for each packet,
        // measured.
        String processor = acceleration.equals("kvm") ? "max" : "Nehalem";
        List<String> command = new ArrayList<>(List.of(
                qemu.program(),
                "-name",
                "${vm}",
                "-nodefaults",
                "-no-user-config",
                "-no-reboot",
                "-display",
                "none",
                "-machine",
                "pc,accel=${accel},suppress-vmdesc=on" + memory.ofMachine(),
                "-cpu",
                processor,
                "-smp",
                "1",
                "-m",
                "${memory}"));
        command.addAll(memory.words());
        command.addAll(List.of(
                "-kernel",
                "${kernel}",
                "-initrd",
                "${initrd}",
                "-append",
                "${append}",
                "-netdev",
                "tap,id=nic0,ifname=${tap.0},script=no,downscript=no",
                "-device",
                // QEMU announces the guest by RARP; were the guest to do it, too, as it does by default, the
                // first
                // thing it did at its new place would be 4 ms of work that nobody waits for.
                "virtio-net-pci,netdev=nic0,mac=${mac.0},romfile=,guest_announce=off,mrg_rxbuf=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off",
                "-serial",
                "file:${qmp}" + CONSOLE_SUFFIX,
                "-trace",
                "runstate_set",
                "-D",
                "${qmp}" + TRACE_SUFFIX,
                "-msg",
                "timestamp=on"));
        return new LaunchTemplate(TEMPLATE, command);
    }

    /**
     * The kernel's command line. Without KVM a guest that was resumed first translates what it runs, some 10 us a block: of the 775 blocks up to its first answer 360 were
     * the clock's tick by high-resolution timers, counted by {@code -d in_asm}. The plain periodic tick needs about half of them.
     */
    private String append(boolean renumbered) {
        return "console=ttyS0 quiet mitigations=off nohz=off highres=off panic=-1 random.trust_cpu=on sojourn.name="
                + name
                + (renumbered ? " sojourn.renumber=1" : "")
                + " sojourn.nic="
                + String.join(",", mac, address4 + "/24", home.lan4(1), address6 + "/64", home.lan6(1));
    }

    /** As they are registered if it gets one of each family at each site: those it has at home first. */
    List<String> addresses(Topology topology) {
        List<String> all = new ArrayList<>(List.of(address4, address6));
        topology.sites().stream()
                .filter(site -> !site.equals(home))
                .forEach(site -> all.addAll(List.of(address4(site), address6(site))));
        return all;
    }

    /** Of that site's subnet. */
    String address4(Topology.Site site) {
        return site.lan4(host());
    }

    String address6(Topology.Site site) {
        return site.lan6(host());
    }

    private int host() {
        return Integer.parseInt(address4.substring(address4.lastIndexOf('.') + 1));
    }

    /** The VM's own part of the variables, as it is registered with the controller. */
    Map<String, String> parameters(GuestImage image, LabQemu qemu, boolean renumbered) {
        Map<String, String> parameters = new TreeMap<>();
        parameters.put("memory", qemu.memory(memoryMb));
        parameters.put("kernel", image.kernel().toString());
        parameters.put("initrd", image.initrd().toString());
        parameters.put("append", append(renumbered));
        return parameters;
    }
}

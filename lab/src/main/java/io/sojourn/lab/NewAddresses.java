// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.locks.LockSupport;

/** Whether a guest that has come to a site has got an address of each family there, and takes new connections at it from everywhere. */
final class NewAddresses {
    private static final int ECHO_PORT = 7;
    private static final int ATTEMPT_MS = 2_000;
    private static final Duration BOUND = Duration.ofSeconds(20);
    private static final long AGAIN_NS = 100_000_000;

    private NewAddresses() {}

    static void judge(Stage stage, GuestPlan plan, Topology.Site site, Findings findings) {
        long startNs = System.nanoTime();
        for (String address : List.of(plan.address4(site), plan.address6(site))) {
            for (Place from : places(stage.lab(), plan)) {
                if (!answers(from, address, startNs)) {
                    findings.problems.add(plan.name() + " takes no connection from " + from.name() + " at " + address
                            + ", its address at " + site.name() + ", within " + BOUND.toSeconds() + " s of its move");
                }
            }
        }
        stage.say(String.format(
                Locale.ROOT,
                "  %s has %s and %s at %s, and takes new connections there from every site, and from a host without a gateway in plain TCP, after %.1f s",
                plan.name(),
                plan.address4(site),
                plan.address6(site),
                site.name(),
                (System.nanoTime() - startNs) / 1e9));
    }

    /** The plain hosts of the sites, and one that has no gateway and no idea of labels. */
    private static List<Place> places(Lab lab, GuestPlan plan) {
        List<Place> all = new ArrayList<>(lab.correspondents(plan.network()));
        all.add(lab.place(Topology.CONTROLLER));
        return all;
    }

    private static boolean answers(Place from, String address, long startNs) {
        do {
            if (from.call(() -> connects(address))) {
                return true;
            }
            LockSupport.parkNanos(AGAIN_NS);
        } while (System.nanoTime() - startNs < BOUND.toNanos());
        return false;
    }

    private static boolean connects(String address) {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(address, ECHO_PORT), ATTEMPT_MS);
            socket.setSoTimeout(ATTEMPT_MS);
            socket.getOutputStream().write('x');
            return socket.getInputStream().read() == 'x';
        } catch (IOException e) {
            return false;
        }
    }
}

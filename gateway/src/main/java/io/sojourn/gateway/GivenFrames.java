// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.hypervisor.HypervisorException;
import io.sojourn.hypervisor.QemuGuest;
import io.sojourn.hypervisor.ReceiveQueues;
import io.sojourn.linux.Links;
import io.sojourn.linux.SyscallException;
import io.sojourn.model.identity.MacAddress;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How many of the frames that QEMU has read from a guest's taps the guest has got by the time it is stopped. QEMU is up to two frames ahead: one that the receive
 * queue had no room for, thrown away at the stop ({@link ReceiveQueues}), and one that it reads after the stop, as its tap is readable again, and keeps for a guest
 * that goes on here. What a queue's own index says was given since the question before the stop is the truth, if each frame took one buffer, as all but
 * super-frames and jumbo frames do; where that cannot have been, nothing is said.
 *
 * <p>One thread: both methods wait for QEMU's answers.
 */
final class GivenFrames {
    /**
     * Of one port.
     *
     * @param frames all that the guest has got, in the count of the interface's {@code tx_packets}
     * @param lost the first frame after those is in no queue any more, whether the guest goes on here or elsewhere
     */
    record Given(int port, long frames, boolean lost) {}

    /** What QEMU had read, and what the guest had of it. */
    record Sample(long read, ReceiveQueues.State queue) {}

    private static final Logger LOG = LoggerFactory.getLogger(GivenFrames.class);
    /** Frames go on coming while it is asked; between two bursts they do not. */
    private static final int TRIES = 8;

    private static final int INDEX_MASK = 0xffff;
    private static final int MOST_AHEAD = 2;

    private final ReceiveQueues queues;
    private final Map<MacAddress, Integer> ports;
    private Map<MacAddress, Sample> before = Map.of();

    private GivenFrames(ReceiveQueues queues, Map<MacAddress, Integer> ports) {
        this.queues = queues;
        this.ports = ports;
    }

    /**
     * Asks QEMU some questions: before the moment.
     *
     * @param ports the guest's bridge ports in the order of its NICs; those that are not known, -1, are left out
     */
    static GivenFrames of(QemuGuest guest, List<MacAddress> nics, List<Integer> ports) {
        ReceiveQueues queues = guest.receiveQueues();
        Map<MacAddress, Integer> known = new HashMap<>();
        for (int i = 0; i < nics.size() && i < ports.size(); i++) {
            if (ports.get(i) >= 0 && queues.nics().contains(nics.get(i))) {
                known.put(nics.get(i), ports.get(i));
            }
        }
        return new GivenFrames(queues, Map.copyOf(known));
    }

    /** While the guest runs. */
    void beforeStop() {
        before = sample();
    }

    /** When it has been stopped: what is known. */
    List<Given> afterStop() {
        List<Given> out = new ArrayList<>();
        sample().forEach((mac, now) -> {
            Sample then = before.get(mac);
            Integer port = ports.get(mac);
            if (then != null && port != null) {
                given(port, then, now).ifPresent(out::add);
            }
        });
        return out;
    }

    static Optional<Given> given(int port, Sample then, Sample now) {
        long byThen = then.read - (then.queue.full() ? 1 : 0);
        long frames = byThen + (now.queue.used() - then.queue.used() & INDEX_MASK);
        long ahead = now.read - frames;
        return ahead >= 0 && ahead <= MOST_AHEAD
                ? Optional.of(new Given(port, frames, now.queue.full() && ahead > 0))
                : Optional.empty();
    }

    /** A queue's state with the frames read by the same moment; without those that did not stand still. */
    private Map<MacAddress, Sample> sample() {
        Map<MacAddress, Sample> out = new HashMap<>();
        try (Links links = new Links()) {
            for (int i = 0; i < TRIES && out.size() < ports.size(); i++) {
                Map<MacAddress, Long> read = read(links);
                Map<MacAddress, ReceiveQueues.State> states = queues.states();
                Map<MacAddress, Long> still = read(links);
                states.forEach((mac, state) -> {
                    Long frames = read.get(mac);
                    if (frames != null && frames.equals(still.get(mac))) {
                        out.putIfAbsent(mac, new Sample(frames, state));
                    }
                });
            }
        } catch (HypervisorException | SyscallException e) {
            LOG.debug(
                    "what has been read in vain is not known: {}",
                    e.getMessage()); // the stop itself does not depend on it
        }
        return out;
    }

    private Map<MacAddress, Long> read(Links links) {
        Map<MacAddress, Long> out = new HashMap<>();
        ports.forEach((mac, port) -> out.put(mac, links.stats(port).txPackets()));
        return out;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import io.sojourn.model.identity.MacAddress;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import tools.jackson.databind.JsonNode;

/**
 * The receive queues of a guest's virtio NICs, as QEMU's own back end fills them.
 *
 * <p>Where a queue has no room, QEMU has read one frame more from the tap than the guest could be given. It keeps that frame, reads no further until there is room, and
 * <em>throws it away when the guest is stopped</em> (net/tap.c {@code tap_send}; net/net.c {@code qemu_flush_or_purge_queued_packets}): neither the guest nor the tap has it then. QEMU looks
 * for room by comparing the next descriptor with the last one that it knows of, and asks the guest's memory only if they are equal; so as long as they are, its last try
 * has failed (hw/virtio/virtio.c {@code virtio_queue_empty}, {@code x-query-virtio-queue-status} since 7.2).
 *
 * <p>Not told of: NICs that vhost serves, which leaves in the tap what it has no room for; NICs with several pairs of queues; QEMU before 7.2.
 */
public final class ReceiveQueues {
    /**
     * Of one queue.
     *
     * @param used buffers given to the guest since the device was reset, modulo 65536 (VIRTIO 1.2 section 2.7.8)
     * @param full QEMU found no room when it last looked
     */
    public record State(int used, boolean full) {}

    private static final Logger LOG = LoggerFactory.getLogger(ReceiveQueues.class);
    /** Receive, transmit, and mostly control. */
    private static final int MAX_VIRTQUEUES = 3;

    private final QmpClient qmp;
    private final Map<MacAddress, String> paths;

    private ReceiveQueues(QmpClient qmp, Map<MacAddress, String> paths) {
        this.qmp = qmp;
        this.paths = paths;
    }

    /** Asks some questions for each NIC: before the moment. */
    static ReceiveQueues of(QmpClient qmp) {
        Map<MacAddress, String> paths = new LinkedHashMap<>();
        try {
            for (JsonNode device : qmp.execute("x-query-virtio")) {
                String path = device.path("path").asString("");
                if (device.path("name").asString("").equals("virtio-net") && isServedByQemuAlone(qmp, path)) {
                    JsonNode mac = qmp.execute("qom-get", Map.of("path", path, "property", "mac"));
                    paths.put(MacAddress.parse(mac.asString("")), path);
                }
            }
        } catch (QmpException e) {
            LOG.debug("{}: what its receive queues hold cannot be asked: {}", qmp.path(), e.getMessage());
        }
        return new ReceiveQueues(qmp, paths);
    }

    private static boolean isServedByQemuAlone(QmpClient qmp, String path) {
        JsonNode status = qmp.execute("x-query-virtio-status", Map.of("path", path));
        return !status.has("vhost-dev") && status.path("num-vqs").asInt(0) <= MAX_VIRTQUEUES;
    }

    /** The NICs that can be told of. */
    public Set<MacAddress> nics() {
        return Collections.unmodifiableSet(paths.keySet());
    }

    /** As they are now; while the guest runs, they may change at any time. */
    public Map<MacAddress, State> states() {
        Map<MacAddress, State> states = new HashMap<>();
        paths.forEach((mac, path) -> {
            JsonNode queue = qmp.execute("x-query-virtio-queue-status", Map.of("path", path, "queue", 0));
            JsonNode next = queue.path("last-avail-idx");
            JsonNode used = queue.path("used-idx");
            if (next.isNumber() && used.isNumber()) {
                states.put(
                        mac,
                        new State(
                                used.asInt(),
                                next.asInt() == queue.path("shadow-avail-idx").asInt(-1)));
            }
        });
        return states;
    }
}

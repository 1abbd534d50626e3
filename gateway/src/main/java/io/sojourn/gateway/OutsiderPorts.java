// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.wire.FrameRun;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;

/** What stands for the LAN that hosts outside seem to be on, one for each network: all that is written to it are ICMP errors to them. Forwarder's thread. */
final class OutsiderPorts {
    private final FlowPath path;
    private final Counters counters;
    private final Map<VirtualNetwork, LanPort> ports = new HashMap<>();

    OutsiderPorts(FlowPath path, Counters counters) {
        this.path = path;
        this.counters = counters;
    }

    LanPort of(VirtualNetwork network) {
        LanPort port = ports.get(network);
        if (port == null) {
            port = new LanPort(network, new Device(network), counters);
            ports.put(network, port);
        }
        return port;
    }

    private final class Device implements BridgelessDevice {
        private final VirtualNetwork network;

        Device(VirtualNetwork network) {
            this.network = network;
        }

        @Override
        public int write(MemorySegment frame, long at, int length) {
            path.error(network, frame, at, length);
            return length;
        }

        @Override
        public int write(FrameRun run) {
            return run.frameLength(); // no VM is there
        }
    }
}

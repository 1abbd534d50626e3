// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.Counters.Kind;
import io.sojourn.handoff.Signal;
import io.sojourn.handoff.SignalCodec;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.seal.ReplayWindow;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Which signals are heard: those that are authentic, come from the gateway that they speak for, and come once. The others move nothing;
 * they are counted, and whoever looks after the VM is told. Forwarder's thread only.
 */
final class SignalScreen {
    /** Told of what was refused; no more than one line a gateway in ten seconds, so that a forger fills no log. */
    interface Audit {
        void refused(VmId vm, String how);
    }

    private static final Logger LOG = LoggerFactory.getLogger(SignalScreen.class);
    private static final long SAID_EVERY_NS = TimeUnit.SECONDS.toNanos(10);

    private final SignalCodec codec;
    private final Counters counters;
    private final Audit audit;
    private final Map<GatewayId, ReplayWindow> heard = new HashMap<>();
    private final Map<GatewayId, Long> saidNs = new HashMap<>();

    SignalScreen(SignalCodec codec, Counters counters, Audit audit) {
        this.codec = codec;
        this.counters = counters;
        this.audit = audit;
    }

    /** @param from who sent the datagram: by the seal, or of a plain peer by its address */
    Optional<Signal> admit(Peer from, byte[] datagram, long nowNs) {
        counters.add(Kind.SIGNALS_IN);
        switch (codec.decode(datagram)) {
            case SignalCodec.Rejected(SignalCodec.Reason reason) -> {
                counters.add(Kind.SIGNALS_REJECTED);
                if (mayBeSaid(from, nowNs)) {
                    LOG.warn("refused a signal that came from {}: {}", from, reason);
                }
                return Optional.empty();
            }
            case SignalCodec.Accepted(Signal signal, long number) -> {
                if (!maySay(from, signal)) {
                    counters.add(Kind.SIGNALS_IMPERSONATED);
                    refused(from, signal, "in the name of " + signal.sender(), nowNs);
                    return Optional.empty();
                }
                if (from.plain && isRepeated(from, number)) {
                    counters.add(Kind.SIGNALS_REPLAYED);
                    refused(from, signal, "that was heard before", nowNs);
                    return Optional.empty();
                }
                return Optional.of(signal);
            }
        }
    }

    /** Nobody speaks for another; but the source passes on the end markers of its correspondents. */
    private static boolean maySay(Peer from, Signal signal) {
        return signal.sender().equals(from.id) || signal.body() instanceof Signal.EndMarker;
    }

    /** What comes sealed comes once already; in the open, a datagram that was recorded can be sent again. */
    private boolean isRepeated(Peer from, long number) {
        ReplayWindow window = heard.computeIfAbsent(from.id, gateway -> new ReplayWindow());
        if (!window.mayAccept(number)) {
            return true;
        }
        window.accept(number);
        return false;
    }

    private void refused(Peer from, Signal signal, String why, long nowNs) {
        if (mayBeSaid(from, nowNs)) {
            audit.refused(
                    signal.vm(),
                    "refused a signal (" + signal.body().getClass().getSimpleName() + " under " + signal.epoch() + ") "
                            + why + ", from gateway " + from);
        }
    }

    private boolean mayBeSaid(Peer from, long nowNs) {
        Long said = saidNs.get(from.id);
        if (said != null && nowNs - said < SAID_EVERY_NS) {
            return false;
        }
        saidNs.put(from.id, nowNs);
        return true;
    }
}

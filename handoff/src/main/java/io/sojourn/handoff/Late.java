// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import io.sojourn.handoff.Signal.Direction;
import io.sojourn.model.binding.Binding;
import io.sojourn.model.location.GatewayId;
import java.util.List;
import java.util.Optional;

/**
 * Answers to signals about a migration that this gateway has no machine for any more, or never had. They come from those
 * who do: without an answer they would ask for ever.
 */
public final class Late {
    private Late() {}

    /**
     * @param now the binding of the signal's VM as this gateway knows it; it must know its journal and, if it is to be
     *     asked about an epoch, its table before it answers anything
     */
    public static List<HandoffAction> answer(Signal signal, GatewayId self, Optional<Binding> now) {
        boolean superseded = now.isPresent() && now.get().epoch().compareTo(signal.epoch()) >= 0;
        return switch (signal.body()) {
            case Signal.Announce a ->
                superseded && !now.get().equals(new Binding(signal.vm(), signal.sender(), signal.epoch()))
                        ? moved(signal, self, now.get())
                        : superseded ? reply(signal, self, new Signal.AnnounceAck()) : List.of();
            case Signal.EndMarker(GatewayId origin, Direction direction) ->
                direction == Direction.INBOUND
                                && now.isPresent()
                                && !now.get().gateway().equals(self)
                        ? List.of(new HandoffAction.SendInOrder(now.get().gateway(), signal))
                        : List.of(new HandoffAction.Send(
                                origin, by(self, signal, new Signal.EndMarkerAck(origin, direction))));
            case Signal.Abort a ->
                superseded
                        ? moved(signal, self, now.get())
                        : List.of(
                                // in order: what was returned may still be under way
                                new HandoffAction.SendInOrder(
                                        signal.sender(), by(self, signal, new Signal.ReturnEnd(0))),
                                new HandoffAction.Send(signal.sender(), by(self, signal, new Signal.AbortAck(0))));
            case Signal.Failed f ->
                superseded ? List.of() : reply(signal, self, new Signal.Abort("not under way at " + self));
            case Signal.Claim c ->
                superseded
                        ? moved(signal, self, now.get())
                        : reply(signal, self, new Signal.Abort("refused by " + self));
            case Signal.AnnounceAck a -> List.of();
            case Signal.EndMarkerAck a -> List.of();
            case Signal.AbortAck a -> List.of();
            case Signal.ReturnEnd r -> List.of();
            case Signal.Moved m -> List.of();
        };
    }

    /** The guest runs at this gateway, or is on an orderly move: whoever claims to have seen it elsewhere is wrong. */
    public static List<HandoffAction> refuse(Signal claim, GatewayId self, String reason) {
        return reply(claim, self, new Signal.Abort(reason));
    }

    private static List<HandoffAction> moved(Signal signal, GatewayId self, Binding now) {
        return reply(signal, self, new Signal.Moved(now.gateway(), now.epoch()));
    }

    private static List<HandoffAction> reply(Signal signal, GatewayId self, Signal.Body body) {
        return List.of(new HandoffAction.Send(signal.sender(), by(self, signal, body)));
    }

    private static Signal by(GatewayId self, Signal to, Signal.Body body) {
        return new Signal(to.migration(), to.vm(), to.epoch(), self, body);
    }
}

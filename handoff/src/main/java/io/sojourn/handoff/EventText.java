// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import io.sojourn.model.binding.Epoch;
import io.sojourn.model.location.GatewayId;
import java.util.HexFormat;
import java.util.Optional;

/**
 * Events in words, one line each, so that what a machine was told can be told to it again: the event's name and its fields, in their
 * order, with a space between; a signal is the datagram of {@link SignalCodec} under a key of zeros, in hexadecimal; a reason in
 * anybody's words comes last. Not thread-safe.
 */
public final class EventText {
    private final SignalCodec codec = new SignalCodec(new byte[SignalCodec.KEY_BYTES]);

    public String write(HandoffEvent event) {
        return event.getClass().getSimpleName()
                + switch (event) {
                    case HandoffEvent.AbortRequested(String reason) -> " " + oneLine(reason);
                    case HandoffEvent.StreamFailed(String reason) -> " " + oneLine(reason);
                    case HandoffEvent.IncomingFailed(String reason) -> " " + oneLine(reason);
                    case HandoffEvent.TableSaysBinding(GatewayId gateway, Epoch epoch) ->
                        " " + gateway.name() + " " + epoch.number();
                    case HandoffEvent.GuestStopped(long atNs) -> " " + atNs;
                    case HandoffEvent.GuestResumed(long atNs) -> " " + atNs;
                    case HandoffEvent.HoldStarted(GatewayId gateway) -> " " + gateway.name();
                    case HandoffEvent.BufferReturned(long packets) -> " " + packets;
                    case HandoffEvent.Quiet(long lastForwardedNs) -> " " + lastForwardedNs;
                    case HandoffEvent.SignalReceived(Signal signal, GatewayId from) ->
                        " " + from.name() + " " + HexFormat.of().formatHex(codec.encode(signal, 0));
                    case HandoffEvent.PeerReachable(GatewayId gateway) -> " " + gateway.name();
                    case HandoffEvent.PeerUnreachable(GatewayId gateway) -> " " + gateway.name();
                    case HandoffEvent.TimerFired(Timer timer) ->
                        " " + timer.kind()
                                + timer.gateway().map(g -> " " + g.name()).orElse("");
                    default -> "";
                };
    }

    private static String oneLine(String reason) {
        return reason.replaceAll("\\s+", " ").strip();
    }

    /** Empty for a line that is none of ours. */
    public Optional<HandoffEvent> read(String text) {
        int space = text.indexOf(' ');
        String name = space < 0 ? text : text.substring(0, space);
        String rest = space < 0 ? "" : text.substring(space + 1);
        try {
            return Optional.ofNullable(event(name, rest, rest.split(" ")));
        } catch (IllegalArgumentException | ArrayIndexOutOfBoundsException e) {
            return Optional.empty();
        }
    }

    private @org.jspecify.annotations.Nullable HandoffEvent event(String name, String rest, String[] words) {
        return switch (name) {
            case "Start" -> new HandoffEvent.Start();
            case "AbortRequested" -> new HandoffEvent.AbortRequested(rest);
            case "TableSaysBinding" ->
                new HandoffEvent.TableSaysBinding(new GatewayId(words[0]), new Epoch(Long.parseLong(words[1])));
            case "Forget" -> new HandoffEvent.Forget();
            case "StreamParked" -> new HandoffEvent.StreamParked();
            case "GuestStopped" -> new HandoffEvent.GuestStopped(Long.parseLong(rest));
            case "GuestResumed" -> new HandoffEvent.GuestResumed(Long.parseLong(rest));
            case "GuestGone" -> new HandoffEvent.GuestGone();
            case "StreamDone" -> new HandoffEvent.StreamDone();
            case "StreamFailed" -> new HandoffEvent.StreamFailed(rest);
            case "IncomingFailed" -> new HandoffEvent.IncomingFailed(rest);
            case "IncomingComplete" -> new HandoffEvent.IncomingComplete();
            case "QueueDrained" -> new HandoffEvent.QueueDrained();
            case "QueueNotDrained" -> new HandoffEvent.QueueNotDrained();
            case "Rarp" -> new HandoffEvent.Rarp();
            case "FirstFrame" -> new HandoffEvent.FirstFrame();
            case "HoldStarted" -> new HandoffEvent.HoldStarted(new GatewayId(rest));
            case "BufferReturned" -> new HandoffEvent.BufferReturned(Long.parseLong(rest));
            case "Quiet" -> new HandoffEvent.Quiet(Long.parseLong(rest));
            case "SignalReceived" -> signal(words[0], words[1]);
            case "PeerReachable" -> new HandoffEvent.PeerReachable(new GatewayId(rest));
            case "PeerUnreachable" -> new HandoffEvent.PeerUnreachable(new GatewayId(rest));
            case "TimerFired" ->
                new HandoffEvent.TimerFired(new Timer(
                        Timer.Kind.valueOf(words[0]),
                        words.length > 1 ? Optional.of(new GatewayId(words[1])) : Optional.empty()));
            default -> null;
        };
    }

    private HandoffEvent signal(String from, String datagram) {
        if (codec.decode(HexFormat.of().parseHex(datagram)) instanceof SignalCodec.Accepted(Signal signal, long zero)) {
            return new HandoffEvent.SignalReceived(signal, new GatewayId(from));
        }
        throw new IllegalArgumentException("no signal");
    }
}

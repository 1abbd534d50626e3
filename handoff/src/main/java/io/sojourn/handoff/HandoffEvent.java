// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import io.sojourn.model.binding.Epoch;
import io.sojourn.model.location.GatewayId;

/** What a gateway tells its handoff machines, each event in the order it happened. */
public sealed interface HandoffEvent {
    /** What {@link SourceHandoff} understands. */
    sealed interface AtSource extends HandoffEvent {}

    /** What {@link DestinationHandoff} understands. */
    sealed interface AtDestination extends HandoffEvent {}

    /** What {@link CorrespondentHandoff} understands. */
    sealed interface AtCorrespondent extends HandoffEvent {}

    // from the controller, or its lack

    /** All are armed: begin to copy. */
    record Start() implements AtSource {}

    /** Somebody with the right to wants the move undone; too late after activation, which the answer then says. */
    record AbortRequested(String reason) implements AtSource, AtDestination {}

    /** The controller's table binds the VM so. In a dispute it is the verdict (the loser has been fenced). */
    record TableSaysBinding(GatewayId gateway, Epoch epoch) implements AtSource, AtDestination, AtCorrespondent {}

    /** The controller knows the outcome and wants the move forgotten. Obeyed only where that is safe. */
    record Forget() implements AtSource, AtDestination, AtCorrespondent {}

    // from the hypervisor and the carrier of its stream

    /** The carrier holds the stream back near its end: the moment is ours. */
    record StreamParked() implements AtSource {}

    /** The guest stopped at the source (QMP STOP), asked for or not. */
    record GuestStopped(long atNs) implements AtSource {}

    /**
     * The guest runs here (QMP RESUME, or found running by a restarted gateway): at D the move's success. At S after
     * {@code recover} the gateway must say this or {@link GuestStopped} as soon as it has asked the hypervisor.
     */
    record GuestResumed(long atNs) implements AtSource, AtDestination {}

    /** The guest's QEMU is gone from this gateway: quit, killed or crashed. Also answers {@code QuitGuest}. */
    record GuestGone() implements AtSource, AtDestination {}

    /** All octets of the stream have reached the far carrier. */
    record StreamDone() implements AtSource {}

    /** The copy failed or was cancelled: carrier, path, or QEMU. */
    record StreamFailed(String reason) implements AtSource {}

    /**
     * The incoming QEMU is not running the guest and will not: the stream broke, was refused, QMP cont was refused, or a
     * restarted gateway found it paused or still waiting.
     */
    record IncomingFailed(String reason) implements AtDestination {}

    /** The incoming QEMU has all it needs and waits, paused. */
    record IncomingComplete() implements AtDestination {}

    // from the packet path

    /** The guest has read its port's queue empty. Answers {@code AwaitQueueDrained}. */
    record QueueDrained() implements AtSource {}

    /** It did not within the bound. */
    record QueueNotDrained() implements AtSource {}

    /** A RARP, gratuitous ARP or unsolicited NA with the VM's MAC came out of its port here. */
    record Rarp() implements AtDestination {}

    /** Any other frame with the VM's MAC came out of its port here. */
    record FirstFrame() implements AtDestination {}

    /** The first packet is being held because of {@code HoldFrom} or {@code HoldOutbound} for this gateway. */
    record HoldStarted(GatewayId gateway) implements AtDestination, AtCorrespondent {}

    /** Answers {@code ReturnBuffer}: so many packets went back, in order. */
    record BufferReturned(long packets) implements AtDestination {}

    /** Answers {@code CheckQuiet}: when a packet last came over the old path; 0 if none ever did. */
    record Quiet(long lastForwardedNs) implements AtSource {}

    // from peers and timers

    /** An authenticated signal about this migration; {@code from} is the gateway whose datagram it came in. */
    record SignalReceived(Signal signal, GatewayId from) implements AtSource, AtDestination, AtCorrespondent {}

    /** The path prober hears this gateway again. */
    record PeerReachable(GatewayId gateway) implements AtSource, AtDestination, AtCorrespondent {}

    /** The path prober has lost this gateway. */
    record PeerUnreachable(GatewayId gateway) implements AtSource, AtDestination, AtCorrespondent {}

    record TimerFired(Timer timer) implements AtSource, AtDestination, AtCorrespondent {}
}

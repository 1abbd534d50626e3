// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;

/**
 * What a handoff machine wants done. A gateway executes a step's actions in order, before it looks at the next packet or
 * event; an action that takes time is begun, and its end comes back as an event.
 *
 * <p>The packet path by these words, for packets <em>to</em> the VM:
 *
 * <pre>
 *   live        to the guest's port                                     DeliverLive
 *   redirected  S: to D, marked with the move's epoch                   RedirectOn
 *   taken back  S: kept, while what D returns goes to the guest         RedirectOff
 *   buffered    D: kept, all that comes marked with the move's epoch    StartBuffering
 *   held        D: kept, what comes straight from one gateway           HoldFrom
 * </pre>
 */
public sealed interface HandoffAction {
    // signals

    /** One datagram; may be lost. */
    record Send(GatewayId to, Signal signal) implements HandoffAction {}

    /**
     * One datagram behind all data already queued for that gateway, on the same path; may be lost. Whoever receives an
     * {@link Signal.EndMarker} lets it wait behind what it holds (HoldFrom, HoldOutbound, of any VM's handoff) of that
     * gateway's packets to (INBOUND) or from (OUTBOUND) the marker's VM. {@code to} may be this gateway itself: then it
     * waits behind what is held of its own LAN's packets.
     */
    record SendInOrder(GatewayId to, Signal signal) implements HandoffAction {}

    // the hypervisor and the carrier

    /** S: migrate to the carrier's socket. */
    record StartCopy() implements HandoffAction {}

    /** S: stop the migration; the guest is not touched. */
    record CancelCopy() implements HandoffAction {}

    /** S: QMP stop. */
    record StopGuest() implements HandoffAction {}

    /** S: the carrier lets go at line rate, and never parks again. */
    record ReleaseStream() implements HandoffAction {}

    /** S: QMP cont; nothing if the guest runs. */
    record ResumeGuest() implements HandoffAction {}

    /** D: QMP cont; nothing if the guest runs. */
    record ContinueGuest() implements HandoffAction {}

    /**
     * The QEMU that this migration is about here ends, by force if need be: at S the one that ran the guest under the
     * previous epoch, at D the incoming one; never another migration's. {@code GuestGone} follows, also if there was
     * none. May come twice.
     */
    record QuitGuest() implements HandoffAction {}

    // the packet path

    /** S: packets to the VM go to {@code to} marked {@code epoch}, not to its port; those taken back go first. */
    record RedirectOn(GatewayId to, Epoch epoch) implements HandoffAction {}

    /**
     * S: stop redirecting. Until {@link DeliverLive} packets to the VM are kept in order, but those that come from
     * {@code from} marked {@code epoch} (returned by D) are delivered at once.
     */
    record RedirectOff(GatewayId from, Epoch epoch, long boundBytes) implements HandoffAction {}

    /** S: say {@code QueueDrained} once the guest has read its port's queue empty, or {@code QueueNotDrained}. */
    record AwaitQueueDrained(long boundNs) implements HandoffAction {}

    /** D: keep, in order, what comes for the VM marked {@code epoch}. A full buffer drops and counts. */
    record StartBuffering(Epoch epoch, long boundBytes) implements HandoffAction {}

    /** D: give the buffer to the guest in order, as fast as it reads. What comes meanwhile queues behind. */
    record FlushBuffer() implements HandoffAction {}

    /** From now on packets to the VM go to its port here, behind whatever is still kept for it (not what is held). */
    record DeliverLive() implements HandoffAction {}

    /**
     * D: give the buffer back, in order, each packet marked with the burnt epoch; answer {@code BufferReturned}. From
     * then on anything that comes for the VM marked {@code epoch} goes the same way at once.
     */
    record ReturnBuffer(GatewayId to, Epoch epoch) implements HandoffAction {}

    /** D: what is in the buffer is lost; the drop is counted. */
    record DropBuffer() implements HandoffAction {}

    /**
     * D: keep what comes straight from this gateway's side for the VM (from D itself: from hosts on its own LAN), not
     * what comes through S. Say {@code HoldStarted} at the first packet.
     */
    record HoldFrom(GatewayId gateway, long boundBytes) implements HandoffAction {}

    /** D: deliver what is held from this gateway, behind the buffer, and hold no more. */
    record ReleaseHold(GatewayId gateway) implements HandoffAction {}

    /**
     * Ci: keep what the VM sent that comes from {@code gateway} marked {@code epoch}; D itself: what comes out of the
     * VM's port for hosts on D's own LAN. Not what D merely passes on or returns. Say {@code HoldStarted} at the first packet.
     */
    record HoldOutbound(GatewayId gateway, Epoch epoch, long boundBytes) implements HandoffAction {}

    /** Let go, in order, what {@link HoldOutbound} kept, and hold no more. */
    record ReleaseOutbound(GatewayId gateway) implements HandoffAction {}

    /**
     * This gateway's own route to the VM, from its LAN and for what passes through. Ignored if not newer. Kept on disk
     * beside the table: a restarted gateway must not fall back behind an epoch that it has followed.
     */
    record InstallRoute(Binding binding) implements HandoffAction {}

    /**
     * S: what still comes for the VM over the old path is passed on marked {@code epoch}; note when the last did. Takes
     * the place of the redirect.
     */
    record ForwardLate(GatewayId to, Epoch epoch) implements HandoffAction {}

    /** S: say {@code Quiet}. */
    record CheckQuiet() implements HandoffAction {}

    /** Gratuitous ARP and unsolicited NA for the VM's addresses on the LAN here. */
    record RefreshNeighbours() implements HandoffAction {}

    /**
     * S: late senders get their packet passed on and a {@link Signal.Moved} with this gateway's route, from this binding
     * on. Void when the VM comes back, and silent about a redirect: MOVED proves that a binding is active.
     */
    record Tombstone(Binding now) implements HandoffAction {}

    /** All that belongs to the VM under this epoch here, and nothing that belongs to it under another. */
    record DeleteState(VmId vm, Epoch epoch) implements HandoffAction {}

    // time, memory, and the record

    record SetTimer(Timer timer, long atNs) implements HandoffAction {}

    record CancelTimer(Timer timer) implements HandoffAction {}

    /**
     * Written before the actions after it are executed. write(2) is enough: a process that is killed leaves its page
     * cache behind, and a host that loses its power loses its guests too.
     */
    record Journal(JournalRecord entry) implements HandoffAction {}

    /** For the controller, when it can be reached; {@code event} as in TimelineEntry of control.proto. */
    record Report(Phase phase, String event, String detail) implements HandoffAction {}

    /** Add to this migration's counts. */
    record Count(Counter counter, long n) implements HandoffAction {}

    /** The machine has ended; its timers are void. {@code ABORTED} or {@code RELEASED} was reported before. */
    record Finished() implements HandoffAction {}
}

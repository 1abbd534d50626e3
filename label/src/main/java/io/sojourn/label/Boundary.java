// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

import io.sojourn.label.ControlMessage.Kind;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.ParsedFrame;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The isolation boundary of some hosts. Their TCP passes through it in both directions; it offers and takes labels, and gives segments of connections that have moved the ends that they have on the
 * underlay, and back. Who drives it says which segment goes to the underlay, sends what {@link Outbox} is given, and tells it what has moved.
 *
 * <p><i>Order</i>: as called. <i>Ownership</i>: segments are rewritten where they stand. <i>Locking</i>: none, one thread; a segment of a connection that is known allocates nothing.
 */
public final class Boundary {
    /** Where things go. */
    public interface Outbox {
        /** A UDP datagram to port {@link ControlMessage#PORT}, from there as well. */
        void control(IpAddress from, IpAddress to, byte[] message);

        /** A frame of our host that was held; its segment is to go the way of any other. */
        void release(Flow flow, byte[] frame);
    }

    /** So long after a RESUME segments follow it unanswered: both take the same way. */
    static final long UNANSWERED_MS = 600;

    private static final int HELD_MOST_BYTES = 64 << 20;
    private static final long SWEEP_MS = 5_000;
    /** Of a connection that says nothing for a day nobody knows whether it is there; the room may be needed. */
    private static final long IDLE_MS = 24 * 3_600_000L;

    /** Of a connection that was heard of so lately nobody needs to be told. */
    private static final long WELL_KNOWN_MS = 3_000;

    private static final int OFFERS_MOST = 2;
    private static final int PORTS_FIRST = 1024;
    private static final int PORT_TRIES = 64;
    /** A boundary that a connection comes to may not know the last numbers that were used. */
    private static final long NUMBERS_APART = 1L << 20;

    private final FlowTable flows;
    private final QuoteRewriter quotes = new QuoteRewriter();
    private final Supplier<Token> tokens;
    private final Outbox outbox;
    private final Set<Flow> waiting = new LinkedHashSet<>();
    private final int pendingMost;
    private byte[] realmKey = {};
    private int keyName;
    private int heldBytes;
    private int pending;
    private long sweptMs;
    private long offered;
    private long labelled;
    private long refused;

    /** @param most connections at a time; what is more stays plain TCP */
    public Boundary(int most, Supplier<Token> tokens, Outbox outbox) {
        this.flows = new FlowTable(most);
        this.tokens = tokens;
        this.outbox = outbox;
        this.pendingMost = Math.max(1, most / 4);
    }

    /** What boundaries of one realm share; empty: nothing. */
    public void realmKey(byte[] key) {
        realmKey = key.clone();
        keyName = FlowSecret.keyName(key);
    }

    public int size() {
        return flows.size();
    }

    /** SYNs that left with an offer; connections that got a label; requests that were not believed or not done. */
    public long offered() {
        return offered;
    }

    public long labelled() {
        return labelled;
    }

    public long refused() {
        return refused;
    }

    // --- out

    /** Whose segment that is, of a host of ours; null: of no connection with a label. */
    public @Nullable Flow outbound(Segment s) {
        return flows.outbound(s);
    }

    /** The other way round: what comes from the underlay. */
    public @Nullable Flow inbound(Segment s) {
        return flows.inbound(s);
    }

    /**
     * Of a SYN or SYN/ACK of a host of ours, which has its whole checksum and {@link LabelOption#BYTES} of room behind it: adds the offer or the echo if there is one to make.
     *
     * @return octets added
     */
    public int greet(Segment s, long nowMs) {
        Flow flow = flows.outbound(s);
        if (!s.isAnswer()) {
            return offer(s, flow, nowMs);
        }
        if (flow == null || flow.isInitiator) {
            return 0;
        }
        boolean first = flow.state instanceof LabelState.Echoed;
        if (flow.isOpen() && flow.greeting != s.end()) {
            forget(flow); // a host answers so only what is new to it: the one that we know is gone
            return 0;
        }
        if (!first && !flow.isOpen() || !LabelOption.fits(s.memory, s.tcp, s.tcpBytes)) {
            return 0;
        }
        flow.greeting = s.end();
        LabelOption.append(s.memory, s.ip, s.v6, s.tcp, flow.isKeyed ? keyName : 0, flow.token, true);
        return LabelOption.BYTES;
    }

    private int offer(Segment s, @Nullable Flow known, long nowMs) {
        Flow flow = known;
        boolean again = flow != null && flow.state instanceof LabelState.Offered && flow.ownNext == s.end();
        if (flow != null && again) {
            apply(flow, new LabelEvent.SynAgain(), nowMs);
        } else {
            if (flow != null) {
                forget(flow); // a new connection with the same ends
            }
            if (flows.isFull()
                    || pending >= pendingMost
                    || !LabelOption.fits(s.memory, s.tcp, s.tcpBytes)
                    || LabelOption.isMultipath(s.memory, s.tcp, s.tcpBytes)) {
                return 0;
            }
            flow = new Flow(
                    s.source(),
                    s.destination(),
                    true,
                    tokens.get(),
                    new LabelState.Offered(1, nowMs + LabelMachine.SET_UP_MS));
            flow.sent(s);
            flow.usedMs = nowMs;
            flows.add(flow);
            pending++;
        }
        if (!(flow.state instanceof LabelState.Offered state)
                || state.times() > OFFERS_MOST
                || !LabelOption.fits(s.memory, s.tcp, s.tcpBytes)) {
            return 0; // somebody on the way may drop what he does not know
        }
        LabelOption.append(s.memory, s.ip, s.v6, s.tcp, keyName, flow.token, false);
        offered++;
        return LabelOption.BYTES;
    }

    /** A segment of our host leaves for the underlay: counts it, and gives it its ends there. */
    public void depart(Flow flow, Segment s, boolean partialChecksum, long nowMs) {
        flow.usedMs = nowMs;
        boolean ended = flow.sent(s);
        if (flow.remapped) {
            s.rewrite(flow.ownPlace, flow.peerPlace, partialChecksum);
        }
        if (ended) {
            apply(flow, new LabelEvent.Ended(), nowMs);
        }
    }

    /** Keeps a frame of our host until the other side can take it. @return false: there is no room, and TCP will send it again */
    public boolean hold(Flow flow, Segment s, MemorySegment memory, long frameAt, int frameLength) {
        if (heldBytes + frameLength > HELD_MOST_BYTES) {
            return false;
        }
        flow.sent(s);
        int more = flow.hold(s, memory.asSlice(frameAt, frameLength).toArray(ValueLayout.JAVA_BYTE));
        heldBytes += more;
        return true;
    }

    // --- in

    /** A segment from the underlay for our host: counts it, and gives it the ends that the host knows. */
    public void arrive(Flow flow, Segment s, boolean partialChecksum, long nowMs) {
        flow.usedMs = nowMs;
        flow.receivedMs = nowMs;
        boolean ended = flow.received(s);
        if (flow.remapped) {
            s.rewrite(flow.peer, flow.own, partialChecksum);
        }
        if (ended) {
            apply(flow, new LabelEvent.Ended(), nowMs);
        }
    }

    /**
     * An ICMP error from the underlay for our host, about a segment of a connection that has moved: it and what it quotes get the ends that the host knows. False: it is
     * nothing of the kind, and as it was.
     *
     * @param f describes it in {@code memory}; not any more, if it was changed
     */
    public boolean arriveError(MemorySegment memory, ParsedFrame f) {
        return quotes.rewrite(memory, f, flows);
    }

    /**
     * Of a SYN or SYN/ACK from the underlay: takes the option out, if there is one, and remembers what it says.
     *
     * @param keyedOnly the sender is of our realm: without its key he is not believed
     */
    public void meet(Segment s, boolean partialChecksum, boolean keyedOnly, long nowMs) {
        int at = LabelOption.find(s.memory, s.tcp, s.tcpBytes);
        Flow flow = flows.inbound(s);
        if (s.isAnswer()) {
            if (flow != null && flow.state instanceof LabelState.Offered) {
                flow.received(s);
                apply(flow, answer(s, flow, at, keyedOnly), nowMs);
            }
        } else {
            asked(s, flow, at, keyedOnly, nowMs);
        }
        if (at != LabelOption.ABSENT) {
            LabelOption.blank(s.memory, s.tcp, at, partialChecksum);
        }
    }

    private LabelEvent answer(Segment s, Flow flow, int at, boolean keyedOnly) {
        if (at == LabelOption.ABSENT || !LabelOption.isEcho(s.memory, s.tcp + at)) {
            return new LabelEvent.PlainAnswer();
        }
        int key = LabelOption.key(s.memory, s.tcp + at);
        Token theirs = LabelOption.token(s.memory, s.tcp + at);
        boolean keyed = key != 0 && key == keyName;
        if (theirs.equals(flow.token) || !keyed && (key != 0 || keyedOnly)) {
            return new LabelEvent.PlainAnswer();
        }
        flow.secret = FlowSecret.of(flow.token, theirs, keyed ? realmKey : new byte[0]);
        flow.isKeyed = keyed;
        flows.labelled(flow);
        labelled++;
        return new LabelEvent.EchoCame();
    }

    private void asked(Segment s, @Nullable Flow known, int at, boolean keyedOnly, long nowMs) {
        if (known != null) {
            // Again; or of a connection that goes on, if the host does not say otherwise (RFC 5961 section 4): anybody
            // can send a SYN.
            if (known.state instanceof LabelState.Echoed && known.peerNext == s.end()
                    || known.isOpen()
                    || known.state instanceof LabelState.Offered) {
                return;
            }
            forget(known);
        }
        if (at == LabelOption.ABSENT
                || LabelOption.isEcho(s.memory, s.tcp + at)
                || flows.isFull()
                || pending >= pendingMost) {
            return;
        }
        int key = LabelOption.key(s.memory, s.tcp + at);
        boolean keyed = key != 0 && key == keyName;
        if (!keyed && keyedOnly) {
            return;
        }
        Flow flow = new Flow(
                s.destination(),
                s.source(),
                false,
                tokens.get(),
                new LabelState.Echoed(nowMs + LabelMachine.SET_UP_MS));
        flow.secret =
                FlowSecret.of(LabelOption.token(s.memory, s.tcp + at), flow.token, keyed ? realmKey : new byte[0]);
        flow.isKeyed = keyed;
        flow.received(s);
        flow.usedMs = nowMs;
        pending++;
        flows.add(flow);
    }

    // --- the control channel

    /** Our end of the connection that a message is about; null: of none that is here. */
    public @Nullable Flow meant(byte[] octets) {
        return ControlMessage.isOne(octets)
                ? flows.labelled(ControlMessage.label(octets), !ControlMessage.fromInitiator(octets))
                : null;
    }

    /**
     * Octets of a datagram to the control port, from that address.
     *
     * @return why it was not done; {@link DropReason#UNKNOWN_LABEL}: it is about a connection that is not here
     */
    public DropReason heard(byte[] octets, IpAddress from, long nowMs) {
        if (!ControlMessage.isOne(octets)) {
            return DropReason.MALFORMED_CONTROL;
        }
        Flow flow = flows.labelled(ControlMessage.label(octets), !ControlMessage.fromInitiator(octets));
        FlowSecret secret = flow == null ? null : flow.secret;
        if (flow == null || secret == null) {
            return DropReason.UNKNOWN_LABEL;
        }
        Optional<ControlMessage> read = ControlMessage.read(octets, secret);
        if (read.isEmpty()) {
            refused++;
            return DropReason.UNAUTHENTICATED;
        }
        ControlMessage message = read.get();
        if (message.kind().isAnswer()) {
            if (message.number() != flow.number || flow.state.waiting().isEmpty()) {
                return DropReason.STALE_ACKNOWLEDGEMENT;
            }
            flow.peerOffsets(message.sent(), message.expected());
            apply(flow, new LabelEvent.Answered(message.kind()), nowMs);
            return DropReason.NONE;
        }
        return request(flow, message, from, nowMs);
    }

    /**
     * What is said about a connection of a host that has gone on, and is for the boundary where it is now. The other end's segments follow its RESUME at once, here as well: where they come from is
     * remembered, so that they are given the ends that our host knows.
     */
    public void overhear(byte[] octets, IpAddress from) {
        Flow flow = meant(octets);
        FlowSecret secret = flow == null ? null : flow.secret;
        if (flow == null || secret == null) {
            return;
        }
        ControlMessage.read(octets, secret)
                .filter(message -> message.kind() == Kind.RESUME
                        && message.number() > Math.max(flow.heard, flow.overheard)
                        && isOwnPlace(flow, message, from))
                .ifPresent(message -> {
                    flow.overheard = message.number();
                    Place place = message.place().orElseThrow();
                    if (flows.at(flow.ownPlace, place) == null) {
                        flows.move(flow, flow.ownPlace, place);
                    }
                });
    }

    /** Nobody may have a third party sent what he did not ask for. */
    private static boolean isOwnPlace(Flow flow, ControlMessage resume, IpAddress from) {
        Place place = resume.place().orElseThrow();
        return place.address().equals(from)
                && place.address().isV6() == flow.own.address().isV6();
    }

    private DropReason request(Flow flow, ControlMessage message, IpAddress from, long nowMs) {
        if (message.number() < flow.heard || message.number() == 0) {
            refused++;
            return DropReason.REPLAYED;
        }
        if (message.number() == flow.heard) {
            answer(flow, message.number(), flow.answered, from);
            return DropReason.NONE;
        }
        boolean free = true;
        if (message.kind() == Kind.RESUME) {
            if (!isOwnPlace(flow, message, from)) {
                refused++;
                return DropReason.SPOOFED;
            }
            Place place = message.place().orElseThrow();
            Flow there = flows.at(flow.ownPlace, place);
            free = there == null || there == flow;
            if (free) {
                flows.move(flow, flow.ownPlace, place);
            } else {
                refused++;
            }
        }
        flow.heard = message.number();
        flow.asker = from;
        flow.peerOffsets(message.sent(), message.expected());
        apply(flow, new LabelEvent.Asked(message.kind(), free), nowMs);
        return free ? DropReason.NONE : DropReason.PLACE_TAKEN;
    }

    private void apply(Flow flow, LabelEvent event, long nowMs) {
        boolean wasPending = isPending(flow);
        LabelMachine.Step step = LabelMachine.apply(flow.state, event, nowMs);
        if (wasPending && step.state() instanceof LabelState.Open && !flow.isInitiator) {
            labelled++;
        }
        flow.state = step.state();
        if (wasPending && !isPending(flow)) {
            pending--;
        }
        step.actions().forEach(action -> execute(flow, action, nowMs));
        if (flow.state.waiting().isPresent()) {
            waiting.add(flow);
        } else {
            waiting.remove(flow);
        }
    }

    private static boolean isPending(Flow flow) {
        return flow.state instanceof LabelState.Offered || flow.state instanceof LabelState.Echoed;
    }

    private void execute(Flow flow, LabelAction action, long nowMs) {
        switch (action) {
            case LabelAction.Ask(Kind kind) -> {
                flow.number++;
                ask(flow, kind);
            }
            case LabelAction.AskAgain a -> flow.state.waiting().ifPresent(request -> ask(flow, request.kind()));
            case LabelAction.Answer(Kind kind) -> {
                flow.answered = kind;
                answer(flow, flow.heard, kind, flow.asker);
            }
            case LabelAction.Remap r -> {} // done when its place was looked at
            case LabelAction.TakeOtherPlace t -> {
                Place other = place(flow, flow.ownPlace.address(), 0);
                flows.move(flow, other, flow.peerPlace);
            }
            case LabelAction.Release r -> release(flow);
            case LabelAction.Forget f -> remove(flow);
        }
    }

    private void ask(Flow flow, Kind kind) {
        say(
                flow,
                new ControlMessage(
                        kind,
                        flow.isInitiator,
                        flow.label(),
                        flow.number,
                        flow.ownNext,
                        flow.ownExpects,
                        kind == Kind.RESUME ? Optional.of(flow.ownPlace) : Optional.empty()),
                flow.peerPlace.address());
    }

    private void answer(Flow flow, long number, Kind kind, IpAddress to) {
        say(
                flow,
                new ControlMessage(
                        kind, flow.isInitiator, flow.label(), number, flow.ownNext, flow.ownExpects, Optional.empty()),
                to);
    }

    private void say(Flow flow, ControlMessage message, IpAddress to) {
        FlowSecret secret = flow.secret;
        if (secret != null) {
            outbox.control(flow.ownPlace.address(), to, message.write(secret));
        }
    }

    private void release(Flow flow) {
        heldBytes -= flow.heldBytes;
        flow.heldBytes = 0;
        for (byte[] frame = flow.held.poll(); frame != null; frame = flow.held.poll()) {
            outbox.release(flow, frame);
        }
    }

    private void forget(Flow flow) {
        if (isPending(flow)) {
            pending--;
        }
        flow.state = new LabelState.Legacy();
        remove(flow);
    }

    private void remove(Flow flow) {
        waiting.remove(flow);
        flows.remove(flow);
        heldBytes -= flow.heldBytes;
        flow.heldBytes = 0;
        flow.held.clear();
    }

    // --- time and moves

    /** Sends again what was not answered, and forgets what is over. @return whether an answer is waited for */
    public boolean tick(long nowMs) {
        for (Flow flow : List.copyOf(waiting)) {
            apply(flow, new LabelEvent.Tick(), nowMs);
        }
        if (nowMs - sweptMs >= SWEEP_MS) {
            sweptMs = nowMs;
            for (Flow flow : flows.all()) {
                apply(flow, new LabelEvent.Tick(), nowMs);
                if (nowMs - flow.usedMs > IDLE_MS) {
                    forget(flow);
                }
            }
        }
        return !waiting.isEmpty();
    }

    /** Connections of hosts of ours that are so. */
    public List<Flow> flows(Predicate<Flow> such) {
        return flows.view().stream().filter(such).toList();
    }

    /** A host of ours is stopped. */
    public void stopped(Flow flow, long nowMs) {
        apply(flow, new LabelEvent.Stopped(), nowMs);
    }

    /** It runs again, where it was. */
    public void runs(Flow flow, long nowMs) {
        apply(flow, new LabelEvent.Runs(), nowMs);
    }

    /** The host has gone, and its connections with it. */
    public void leave(Flow flow) {
        forget(flow);
    }

    /**
     * Connections of a host that has come here, as {@link FlowTransfer} has them: each goes on from an address of ours.
     *
     * @param placeOf where a host with such an address is found on the underlay now: at it, or at the address given
     * @return how many
     */
    public int adopt(List<Flow> come, PlaceOf placeOf, long nowMs) {
        int adopted = 0;
        for (Flow flow : come) {
            Flow before = flows.between(flow.own, flow.peer);
            if (before != null) {
                forget(before);
            }
            Optional<IpAddress> at = placeOf.addressOf(flow.own.address());
            if (flows.isFull() || at.isEmpty()) {
                continue;
            }
            flow.number += NUMBERS_APART;
            flow.usedMs = nowMs;
            flow.places(place(flow, at.get(), flow.own.port()), flow.peerPlace);
            flows.add(flow);
            apply(flow, new LabelEvent.Moved(), nowMs);
            adopted++;
        }
        return adopted;
    }

    /** The underlay's view of a host's address. */
    public interface PlaceOf {
        /** Empty: it cannot be reached there. */
        Optional<IpAddress> addressOf(IpAddress own);
    }

    /** At home nothing has to be chosen; elsewhere a port at the address that stands in, the own one if it is free. @param wanted 0: any */
    private Place place(Flow flow, IpAddress at, int wanted) {
        Place place = new Place(at, wanted == 0 ? anyPort() : wanted);
        if (at.equals(flow.own.address())) {
            return new Place(at, flow.own.port());
        }
        for (int i = 0; i < PORT_TRIES; i++) {
            Flow there = flows.at(place, flow.peerPlace);
            if (there == null || there == flow) {
                return place;
            }
            place = new Place(at, anyPort());
        }
        return place;
    }

    private int anyPort() {
        return PORTS_FIRST + (tokens.get().low() & Integer.MAX_VALUE) % (0x1_0000 - PORTS_FIRST);
    }

    // --- connections whose SYN no boundary saw

    /** The first half of a label for a connection that has begun where no boundary was in between. @param at where our host is found */
    public Introduction introduction(Place own, Place peer, IpAddress at) {
        Flow unborn = new Flow(own, peer, true, tokens.get(), new LabelState.Offered(1, 0));
        return new Introduction(own, peer, place(unborn, at, own.port()), unborn.token);
    }

    /** What boundaries of one realm tell each other, by ways of their own. @param place of the sender's host on the underlay */
    public record Introduction(Place own, Place peer, Place place, Token token) {}

    /**
     * Takes the other side's introduction; it is confirmed by the control channel as a label of a SYN is.
     *
     * @param at where our host is found
     * @return ours, for the answer; empty: the connection is known well
     */
    public Optional<Introduction> introduced(Introduction theirs, IpAddress at, long nowMs) {
        Flow known = flows.between(theirs.peer(), theirs.own());
        if (known != null
                        && (known.isOpen() && nowMs - known.receivedMs < WELL_KNOWN_MS
                                || !known.isOpen() && !known.isLabelled())
                || flows.isFull()
                || pending >= pendingMost) {
            return Optional.empty();
        }
        if (known != null) {
            forget(known);
        }
        Flow flow = new Flow(
                theirs.peer(),
                theirs.own(),
                false,
                tokens.get(),
                new LabelState.Echoed(nowMs + LabelMachine.SET_UP_MS));
        flow.secret = FlowSecret.of(theirs.token(), flow.token, realmKey);
        flow.isKeyed = true;
        flow.usedMs = nowMs;
        flow.places(flow.own, theirs.place());
        flow.places(place(flow, at, flow.own.port()), theirs.place());
        if (flows.at(flow.ownPlace, flow.peerPlace) != null) {
            return Optional.empty();
        }
        pending++;
        flows.add(flow);
        return Optional.of(new Introduction(flow.own, flow.peer, flow.ownPlace, flow.token));
    }

    /** The answer to an introduction of ours. */
    public void accepted(Introduction ours, Introduction theirs, long nowMs) {
        Flow known = flows.between(ours.own(), ours.peer());
        if (known != null && known.isOpen() && nowMs - known.receivedMs < WELL_KNOWN_MS
                || flows.isFull()
                || flows.at(ours.place(), theirs.place()) != null) {
            return;
        }
        if (known != null) {
            forget(known);
        }
        Flow flow = new Flow(
                ours.own(), ours.peer(), true, ours.token(), new LabelState.Offered(1, nowMs + LabelMachine.SET_UP_MS));
        flow.secret = FlowSecret.of(ours.token(), theirs.token(), realmKey);
        flow.isKeyed = true;
        flow.usedMs = nowMs;
        flow.places(ours.place(), theirs.place());
        flows.add(flow);
        pending++;
        labelled++;
        apply(flow, new LabelEvent.EchoCame(), nowMs);
    }
}

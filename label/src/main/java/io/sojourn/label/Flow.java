// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.wire.Tcp;
import java.util.ArrayDeque;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * One connection as the boundary of one of its ends sees it: how both hosts call each other, where both are found on the underlay, and how far the stream is. A connection between two hosts of one
 * boundary is two of these. The boundary's thread only.
 */
public final class Flow {
    static final int HELD_MOST_BYTES = 512 << 10;

    /** As our host calls itself, and the other. */
    final Place own;

    final Place peer;
    final boolean isInitiator;
    final Token token;
    Place ownPlace;
    Place peerPlace;
    boolean remapped;

    @Nullable
    FlowSecret secret;

    /** Of a realm's key. */
    boolean isKeyed;

    LabelState state;
    /** Of our last request, and of the last that was done for the other side. */
    long number;

    long heard;
    /** Of the last RESUME that was for the boundary to which our host has gone. */
    long overheard;

    ControlMessage.Kind answered = ControlMessage.Kind.DONE;
    /** Who is answered. */
    IpAddress asker;

    /** The next octet of each, and what each waits for, as TCP counts. */
    int ownNext;

    int ownExpects;
    int peerNext;
    int peerExpects;
    private boolean ownSpoke;
    private boolean peerSpoke;
    private boolean ownFin;
    private boolean peerFin;
    /** The sequence number behind our SYN/ACK. */
    int greeting;

    long usedMs;
    long receivedMs;

    /** Segments of our host, as frames, while the other side cannot take them. */
    final ArrayDeque<byte[]> held = new ArrayDeque<>();

    int heldBytes;
    private int heldUpTo;

    Flow(Place own, Place peer, boolean isInitiator, Token token, LabelState state) {
        this.own = own;
        this.peer = peer;
        this.isInitiator = isInitiator;
        this.token = token;
        this.ownPlace = own;
        this.peerPlace = peer;
        this.asker = peer.address();
        this.state = state;
    }

    public Place own() {
        return own;
    }

    public Place peer() {
        return peer;
    }

    public Place ownPlace() {
        return ownPlace;
    }

    public Place peerPlace() {
        return peerPlace;
    }

    public LabelState state() {
        return state;
    }

    public long label() {
        FlowSecret known = secret;
        return known == null ? 0 : known.label();
    }

    public boolean isOpen() {
        return state instanceof LabelState.Open;
    }

    /** Whether both boundaries know its label: it is open, or has just ended. */
    public boolean isLabelled() {
        return state instanceof LabelState.Open || state instanceof LabelState.Closed;
    }

    void places(Place ours, Place theirs) {
        ownPlace = ours;
        peerPlace = theirs;
        remapped = !ours.equals(own) || !theirs.equals(peer);
    }

    /** Whether its segments have other ends on the underlay than on the LAN. */
    public boolean isRemapped() {
        return remapped;
    }

    // --- how far the stream is

    /** Whether it has come to its end with this segment. */
    boolean sent(Segment s) {
        if ((s.flags & Tcp.RST) != 0) {
            return !peerSpoke || s.sequence() == ownNext || s.sequence() == peerExpects;
        }
        if (!ownSpoke || s.end() - ownNext > 0) {
            ownNext = s.end();
            ownSpoke = true;
        }
        if (s.isAnswer()) {
            ownExpects = s.acknowledgment();
        }
        ownFin |= (s.flags & Tcp.FIN) != 0;
        return ownFin && peerFin;
    }

    boolean received(Segment s) {
        if ((s.flags & Tcp.RST) != 0) {
            return !ownSpoke || s.sequence() == peerNext || s.sequence() == ownExpects;
        }
        if (!peerSpoke || s.end() - peerNext > 0) {
            peerNext = s.end();
            peerSpoke = true;
        }
        if (s.isAnswer()) {
            peerExpects = s.acknowledgment();
        }
        peerFin |= (s.flags & Tcp.FIN) != 0;
        return ownFin && peerFin;
    }

    void offsets(int next, int expects) {
        ownNext = next;
        ownExpects = expects;
        ownSpoke = true;
    }

    /** What the other boundary says of its own end. */
    void peerOffsets(int next, int expects) {
        if (!peerSpoke || next - peerNext > 0) {
            peerNext = next;
            peerSpoke = true;
        }
        if (expects - peerExpects > 0) {
            peerExpects = expects;
        }
    }

    // --- while the other side cannot take anything

    /** Whether what our host sends has to wait. */
    public boolean isWaiting(long nowMs) {
        if (!(state instanceof LabelState.Open open)) {
            return false;
        }
        if (open.suspendedUntilMs() != LabelState.NEVER) {
            return true;
        }
        Optional<LabelState.Request> request = open.request();
        return request.isPresent()
                && request.get().kind() == ControlMessage.Kind.RESUME
                && nowMs - request.get().sinceMs() > Boundary.UNANSWERED_MS;
    }

    /** Keeps a frame unless it says nothing that one does not say that is kept already; how many octets more are held. */
    int hold(Segment s, byte[] frame) {
        boolean again = !held.isEmpty() && s.end() - heldUpTo <= 0;
        if (again && s.payloadBytes() > 0 || heldBytes + frame.length > HELD_MOST_BYTES) {
            return 0;
        }
        if (again && held.size() > 1 && s.payloadBytes() == 0) {
            return 0; // an acknowledgement more; the stream's own are repeated when it goes on
        }
        heldUpTo = s.end();
        held.add(frame);
        heldBytes += frame.length;
        return frame.length;
    }

    @Override
    public String toString() {
        return own + " > " + peer + (remapped ? " as " + ownPlace + " > " + peerPlace : "");
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.flow;

import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Tcp;

/**
 * How far a flow is. TCP follows its segments' flags (RFC 9293, figure 5, as one sees it from the way); of any other protocol one knows whether it has been answered.
 *
 * <pre>
 *   NEW ── SYN,ACK of the other ──&gt; OPENING ── ACK ──&gt; ANSWERED ── FIN ──&gt; HALF_CLOSED_* ── FIN of the other ──&gt; CLOSED
 *    └─── anything else of the other ───────────────────^                RST, from anywhere ──────────────────────^
 * </pre>
 */
public enum FlowState {
    INVALID,
    /** One end has spoken. */
    NEW,
    /** TCP: the second of three steps has been seen. */
    OPENING,
    /** Both ends have spoken. */
    ANSWERED,
    /** TCP: the local end sends no more. */
    HALF_CLOSED_LOCAL,
    /** TCP: the remote end sends no more. */
    HALF_CLOSED_REMOTE,
    /** TCP: both send no more, or one has broken it off. */
    CLOSED;

    private static final FlowState[] STATES = values();

    static FlowState of(int number) {
        return number > 0 && number < STATES.length ? STATES[number] : NEW;
    }

    /** Whether it must not make room for others while its time lasts. */
    public boolean isLive() {
        return this == ANSWERED || this == HALF_CLOSED_LOCAL || this == HALF_CLOSED_REMOTE;
    }

    /**
     * The state after a packet.
     *
     * @param fromFirst it is from the end that spoke first
     * @param tcpFlags 0 of any other protocol
     */
    public FlowState after(int protocol, boolean fromLocal, boolean fromFirst, int tcpFlags) {
        if (protocol != IpProtocol.TCP) {
            return this == NEW && !fromFirst ? ANSWERED : this;
        }
        if ((tcpFlags & Tcp.RST) != 0) {
            return CLOSED;
        }
        if (this == CLOSED) {
            return (tcpFlags & (Tcp.SYN | Tcp.ACK)) == Tcp.SYN ? NEW : CLOSED; // the ports are used again
        }
        FlowState open = opened(fromFirst, tcpFlags);
        return (tcpFlags & Tcp.FIN) == 0 ? open : open.afterFin(fromLocal);
    }

    private FlowState opened(boolean fromFirst, int tcpFlags) {
        if (this == NEW && !fromFirst) {
            return (tcpFlags & Tcp.SYN) != 0 ? OPENING : ANSWERED;
        }
        return this == OPENING && fromFirst && (tcpFlags & (Tcp.SYN | Tcp.ACK)) == Tcp.ACK ? ANSWERED : this;
    }

    private FlowState afterFin(boolean fromLocal) {
        return switch (this) {
            case HALF_CLOSED_LOCAL -> fromLocal ? this : CLOSED;
            case HALF_CLOSED_REMOTE -> fromLocal ? CLOSED : this;
            case ANSWERED -> fromLocal ? HALF_CLOSED_LOCAL : HALF_CLOSED_REMOTE;
            case INVALID, NEW, OPENING, CLOSED -> this; // what was never opened needs no closing
        };
    }
}

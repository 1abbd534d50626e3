// SPDX-License-Identifier: Apache-2.0
package io.sojourn.flow;

import static io.sojourn.flow.FlowState.ANSWERED;
import static io.sojourn.flow.FlowState.CLOSED;
import static io.sojourn.flow.FlowState.HALF_CLOSED_LOCAL;
import static io.sojourn.flow.FlowState.HALF_CLOSED_REMOTE;
import static io.sojourn.flow.FlowState.NEW;
import static io.sojourn.flow.FlowState.OPENING;
import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.wire.IpProtocol;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FlowStateTest {
    /** Flags: 1 FIN, 2 SYN, 4 RST, 16 ACK. The local end speaks first. */
    @ParameterizedTest
    @CsvSource({
        "NEW, local, 2, NEW", // SYN again
        "NEW, local, 16, NEW",
        "NEW, remote, 18, OPENING",
        "NEW, remote, 2, OPENING", // both at once
        "NEW, remote, 16, ANSWERED", // we came in in the middle
        "NEW, remote, 20, CLOSED", // refused
        "NEW, local, 17, NEW",
        "OPENING, remote, 18, OPENING",
        "OPENING, local, 16, ANSWERED",
        "OPENING, local, 2, OPENING",
        "OPENING, local, 4, CLOSED",
        "OPENING, local, 17, HALF_CLOSED_LOCAL",
        "ANSWERED, local, 16, ANSWERED",
        "ANSWERED, local, 17, HALF_CLOSED_LOCAL",
        "ANSWERED, remote, 17, HALF_CLOSED_REMOTE",
        "ANSWERED, remote, 4, CLOSED",
        "ANSWERED, local, 2, ANSWERED",
        "HALF_CLOSED_LOCAL, local, 17, HALF_CLOSED_LOCAL",
        "HALF_CLOSED_LOCAL, remote, 16, HALF_CLOSED_LOCAL",
        "HALF_CLOSED_LOCAL, remote, 17, CLOSED",
        "HALF_CLOSED_LOCAL, remote, 4, CLOSED",
        "HALF_CLOSED_REMOTE, remote, 17, HALF_CLOSED_REMOTE",
        "HALF_CLOSED_REMOTE, local, 16, HALF_CLOSED_REMOTE",
        "HALF_CLOSED_REMOTE, local, 17, CLOSED",
        "HALF_CLOSED_REMOTE, local, 4, CLOSED",
        "CLOSED, local, 16, CLOSED",
        "CLOSED, remote, 18, CLOSED",
        "CLOSED, local, 2, NEW",
        "CLOSED, remote, 2, NEW",
        "CLOSED, remote, 4, CLOSED",
    })
    void tcp(FlowState before, String from, int flags, FlowState after) {
        boolean local = from.equals("local");
        assertThat(before.after(IpProtocol.TCP, local, local, flags)).isEqualTo(after);
    }

    @Test
    void othersAreAnsweredOrNot() {
        assertThat(NEW.after(IpProtocol.UDP, true, true, 0)).isEqualTo(NEW);
        assertThat(NEW.after(IpProtocol.UDP, false, false, 0)).isEqualTo(ANSWERED);
        assertThat(ANSWERED.after(IpProtocol.UDP, true, true, 0)).isEqualTo(ANSWERED);
    }

    @Test
    void halfClosedLivesAsLongAsOpen() {
        FlowTiming t = FlowTiming.DEFAULT;
        assertThat(t.seconds(IpProtocol.TCP, HALF_CLOSED_LOCAL)).isEqualTo(t.seconds(IpProtocol.TCP, ANSWERED));
        assertThat(t.seconds(IpProtocol.TCP, HALF_CLOSED_REMOTE)).isGreaterThanOrEqualTo(7_440);
        assertThat(t.seconds(IpProtocol.TCP, OPENING)).isGreaterThanOrEqualTo(240);
        assertThat(t.seconds(IpProtocol.TCP, CLOSED)).isGreaterThanOrEqualTo(240);
    }
}

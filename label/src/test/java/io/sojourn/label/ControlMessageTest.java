// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.label.ControlMessage.Kind;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ControlMessageTest {
    private static final FlowSecret SECRET = FlowSecret.of(new Token(1, 2), new Token(3, 4), new byte[0]);

    private static ControlMessage resume(String address) {
        return new ControlMessage(
                Kind.RESUME, true, SECRET.label(), 9, -5, 7, Optional.of(Packets.place(address, 2222)));
    }

    @Test
    void isReadAsItWasWritten() {
        for (ControlMessage message : new ControlMessage[] {
            resume("10.1.2.3"),
            resume("fd00::1"),
            new ControlMessage(Kind.DONE, false, SECRET.label(), 1L << 40, 0, 0, Optional.empty())
        }) {
            byte[] octets = message.write(SECRET);
            assertThat(octets).hasSize(ControlMessage.BYTES);
            assertThat(ControlMessage.isOne(octets)).isTrue();
            assertThat(ControlMessage.label(octets)).isEqualTo(SECRET.label());
            assertThat(ControlMessage.fromInitiator(octets)).isEqualTo(message.fromInitiator());
            assertThat(ControlMessage.read(octets, SECRET)).contains(message);
        }
    }

    @Test
    void anyBitThatIsNotAsItWasMakesItNobodys() {
        byte[] octets = resume("10.1.2.3").write(SECRET);
        for (int bit = 0; bit < 8 * octets.length; bit++) {
            byte[] other = octets.clone();
            other[bit / 8] ^= (byte) (1 << bit % 8);
            assertThat(ControlMessage.read(other, SECRET)).as("bit " + bit).isEmpty();
        }
    }

    @Test
    void anotherSecretIsNotBelieved() {
        byte[] octets = resume("10.1.2.3").write(SECRET);
        assertThat(ControlMessage.read(octets, FlowSecret.of(new Token(1, 2), new Token(3, 5), new byte[0])))
                .isEmpty();
        assertThat(ControlMessage.read(octets, FlowSecret.of(new Token(1, 2), new Token(3, 4), new byte[32])))
                .isEmpty();
    }

    @Test
    void bothEndsHaveTheSameSecretAndOneLabel() {
        FlowSecret same = FlowSecret.of(new Token(1, 2), new Token(3, 4), new byte[0]);
        assertThat(same).isEqualTo(SECRET).hasToString(SECRET.toString());
        assertThat(FlowSecret.of(new Token(3, 4), new Token(1, 2), new byte[0]).label())
                .isNotEqualTo(SECRET.label());
        assertThat(FlowSecret.keyName(new byte[0])).isZero();
        assertThat(FlowSecret.keyName(new byte[32])).isBetween(1, 0xFF_FFFF);
    }

    @Test
    void whatIsAuthenticAndMakesNoSenseIsNothing() {
        for (int at : new int[] {4, 5, 32}) {
            for (int value = 0; value < 256; value++) {
                byte[] octets = resume("10.1.2.3").write(SECRET);
                octets[at] = (byte) value;
                byte[] tag = SECRET.tag(octets, ControlMessage.BYTES - 32);
                System.arraycopy(tag, 0, octets, octets.length - 32, 32);
                ControlMessage.read(octets, SECRET)
                        .ifPresent(m -> assertThat(m.place().isPresent()).isEqualTo(m.kind() == Kind.RESUME));
            }
        }
    }
}

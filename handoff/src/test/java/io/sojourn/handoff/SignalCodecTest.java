// SPDX-License-Identifier: Apache-2.0
package io.sojourn.handoff;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sojourn.handoff.SignalCodec.Accepted;
import io.sojourn.handoff.SignalCodec.Decoded;
import io.sojourn.handoff.SignalCodec.Reason;
import io.sojourn.handoff.SignalCodec.Rejected;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;

class SignalCodecTest {
    private static final byte[] KEY = new byte[SignalCodec.KEY_BYTES];
    private final SignalCodec codec = new SignalCodec(KEY);

    private static List<Signal> everyKind() {
        return Samples.events().values().stream()
                .filter(HandoffEvent.SignalReceived.class::isInstance)
                .map(e -> ((HandoffEvent.SignalReceived) e).signal())
                .toList();
    }

    @Test
    void whatIsWrittenIsRead() {
        long number = 41;
        for (Signal signal : everyKind()) {
            assertThat(codec.decode(codec.encode(signal, ++number))).isEqualTo(new Accepted(signal, number));
        }
    }

    @Test
    void theLayoutIsWhatTheDocumentSays() {
        byte[] datagram = codec.encode(Samples.signal(Samples.D, new Signal.AbortAck(3)), 9);
        assertThat(HexFormat.of().formatHex(datagram, 0, datagram.length - 16))
                .isEqualTo("53010106" + "00000000000000010000000000000002" + "0000000000000007" + "0000000000000009"
                        + "0477656231" + "0164" + "0000000000000003");
    }

    @Test
    void longestNamesAndLongReasonsFit() {
        GatewayId longest = new GatewayId("g".repeat(63));
        Signal signal = new Signal(
                Samples.PLAN.migration(),
                new VmId("v".repeat(63)),
                Samples.PLAN.epoch(),
                longest,
                new Signal.Failed("x" + "é".repeat(1000)));
        byte[] datagram = codec.encode(signal, Long.MAX_VALUE);
        assertThat(datagram).hasSizeLessThanOrEqualTo(SignalCodec.MAX_BYTES);
        Decoded decoded = codec.decode(datagram);
        assertThat(decoded).isInstanceOf(Accepted.class);
        assertThat(((Accepted) decoded).signal().body()).isEqualTo(new Signal.Failed("x" + "é".repeat(199)));
    }

    @Test
    void aBitFlippedAnywhereIsNotAccepted() {
        byte[] datagram = codec.encode(Samples.announce(), 1);
        for (int bit = 0; bit < datagram.length * 8; bit++) {
            byte[] forged = datagram.clone();
            forged[bit / 8] ^= (byte) (1 << bit % 8);
            assertThat(codec.decode(forged)).isInstanceOf(Rejected.class);
        }
    }

    @Test
    void anotherKeyIsNotAccepted() {
        byte[] other = new byte[SignalCodec.KEY_BYTES];
        other[31] = 1;
        assertThat(new SignalCodec(other).decode(codec.encode(Samples.announce(), 1)))
                .isEqualTo(new Rejected(Reason.NOT_AUTHENTIC));
        assertThatThrownBy(() -> new SignalCodec(new byte[16])).hasMessageContaining("16 octets");
    }

    @Test
    void everyCutIsRejected() {
        for (Signal signal : everyKind()) {
            byte[] datagram = codec.encode(signal, 1);
            for (int length = 0; length < datagram.length; length++) {
                assertThat(codec.decode(datagram, length)).isInstanceOf(Rejected.class);
            }
        }
        assertThat(codec.decode(new byte[60], 61)).isEqualTo(new Rejected(Reason.TOO_SHORT));
    }

    @Test
    void hostileOctetsUnderTheRightKeyNeverThrow() throws GeneralSecurityException {
        SplittableRandom random = new SplittableRandom(7);
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(KEY, "HmacSHA256"));
        List<Signal> kinds = everyKind();
        for (int i = 0; i < 20_000; i++) {
            byte[] datagram = codec.encode(kinds.get(random.nextInt(kinds.size())), 1);
            int end = datagram.length - 16 - random.nextInt(4);
            for (int changes = random.nextInt(4); changes > 0; changes--) {
                datagram[3 + random.nextInt(end - 3)] = (byte) random.nextInt();
            }
            mac.update(datagram, 0, end);
            System.arraycopy(mac.doFinal(), 0, datagram, end, 16);
            assertThat(codec.decode(Arrays.copyOf(datagram, end + 16))).isNotNull();
        }
    }

    @Test
    void noiseNeverThrows() {
        SplittableRandom random = new SplittableRandom(8);
        for (int i = 0; i < 20_000; i++) {
            byte[] noise = new byte[random.nextInt(SignalCodec.MAX_BYTES + 100)];
            random.nextBytes(noise);
            if (noise.length > 3 && random.nextBoolean()) {
                noise[0] = SignalCodec.MAGIC;
                noise[1] = SignalCodec.TYPE_SIGNAL;
                noise[2] = SignalCodec.VERSION;
            }
            assertThat(codec.decode(noise)).isInstanceOf(Rejected.class);
        }
    }
}

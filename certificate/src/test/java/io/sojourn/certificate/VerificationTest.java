// SPDX-License-Identifier: Apache-2.0
package io.sojourn.certificate;

import static org.assertj.core.api.Assertions.assertThat;

import io.sojourn.certificate.Samples.Draft;
import io.sojourn.certificate.Statement.Outcome;
import io.sojourn.certificate.Statement.Role;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class VerificationTest {
    private final Draft source = new Draft(Role.SOURCE);
    private final Draft destination = new Draft(Role.DESTINATION);

    private Verification verify() {
        return Verification.of(Samples.of(source, destination), Samples.keys());
    }

    @Test
    void whatOneSentTheOtherReceived() {
        Verification verification = verify();

        assertThat(verification.problems()).isEmpty();
        assertThat(verification.losses()).isEmpty();
        assertThat(verification.facts())
                .contains("a to b: 57 frames sent, 57 received, up to the end-marker-inbound of c")
                .contains("b: 31 frames kept for the guest, all given to it in order")
                .anyMatch(fact -> fact.contains("key that is known as its"))
                .anyMatch(fact -> fact.startsWith("clocks: b's is 500 us from a's"));
    }

    @Test
    void framesThatWereLostBetweenTheTwoAreCounted() {
        destination.marks.set(1, new Mark(false, "end-marker-inbound", "c", 55));

        assertThat(verify().isVerified()).isTrue();
        assertThat(verify().losses())
                .containsExactly(
                        "a to b: 57 frames sent, 55 received, up to the end-marker-inbound of c: 2 lost between them");
    }

    @Test
    void framesThatNobodySentAreCounted() {
        destination.marks.set(1, new Mark(false, "end-marker-inbound", "c", 58));

        assertThat(verify().losses()).singleElement().asString().contains("1 more than there should be");
    }

    @Test
    void ofAMarkThatWasSentAgainAnyMayBeTheOneThatCame() {
        source.marks.add(new Mark(true, "end-marker-inbound", "c", 59));

        assertThat(verify().losses()).isEmpty();
    }

    /** Those behind a signal may be seen before it, those before it never after it. */
    @Test
    void ofFramesThatWentNativelyAsManyAtLeastMustHaveCome() {
        source.frames = Map.of("redirected", 40L, Statement.NATIVELY, 57L);
        source.marks.add(new Mark(true, "end-marker-inbound", "c", 99)); // sent again
        destination.marks.set(1, new Mark(false, "end-marker-inbound", "c", 61));

        assertThat(verify().losses()).isEmpty();
        assertThat(verify().facts())
                .anyMatch(fact -> fact.startsWith(
                        "a to b: 57 frames sent up to the end-marker-inbound of c, and no fewer received (61)"));

        destination.marks.set(1, new Mark(false, "end-marker-inbound", "c", 56));
        assertThat(verify().losses()).singleElement().asString().contains("lost between them");
    }

    @Test
    void framesWithoutACommonMarkCannotBeCompared() {
        destination.marks.clear();

        assertThat(verify().problems()).singleElement().asString().contains("no mark that both know");
    }

    @Test
    void whatWasKeptMustHaveBeenGiven() {
        destination.frames = Map.of("buffered", 31L, "flushed", 30L);

        assertThat(verify().losses()).containsExactly("b: 31 frames kept for the guest, 30 given to it");
    }

    @Test
    void aMissingHalfIsSaidPlainly() {
        Certificate half = new Certificate(Samples.MIGRATION, Optional.of(source.signed()), Optional.empty());

        assertThat(Verification.of(half, Samples.keys()).problems())
                .containsExactly("the half of the destination is missing (gateway b)");
        assertThat(Verification.of(new Certificate("m", Optional.empty(), Optional.empty()), Map.of())
                        .problems())
                .hasSize(2);
    }

    @Test
    void anotherKeyThanThePinnedOneIsNoProof() {
        Certificate forged = new Certificate(
                Samples.MIGRATION,
                Optional.of(SigningKey.generate().sign(source.statement())),
                Optional.of(destination.signed()));

        assertThat(Verification.of(forged, Samples.keys()).problems())
                .containsExactly("the source's half is signed with another key than the one that is known of a");
        assertThat(Verification.of(forged, Map.of("b", Samples.KEY_B.publicKey()))
                        .problems())
                .containsExactly("no key of gateway a is known");
        assertThat(Verification.of(forged, Map.of()).facts())
                .anyMatch(fact -> fact.contains("not compared with anything"));
    }

    @Test
    void aSignatureOfAnotherStatementDoesNotHold() {
        SignedStatement genuine = source.signed();
        source.frames = Map.of("redirected", 41L);
        SignedStatement changed = new SignedStatement(source.statement(), genuine.key(), genuine.signature());
        Certificate certificate =
                new Certificate(Samples.MIGRATION, Optional.of(changed), Optional.of(destination.signed()));

        assertThat(Verification.of(certificate, Samples.keys()).problems())
                .containsExactly(
                        "the source's half is not what its key signed: it was changed, or signed with another key");
    }

    @Test
    void aHalfOfAnotherMoveOrOfAnotherRoleIsRefused() {
        Subject other = new Subject("another", "web1", List.of(), "a", "b", 1, 2, "strict");
        refused(d -> d.subject = other, "about another migration, another");
        refused(d -> d.gateway = "x", "is a statement of x as destination");
        refused(d -> d.outcome = Outcome.ROLLED_BACK, "the source says moved, the destination rolled-back");
        refused(d -> d.whole = false, "is not whole: gateway b was restarted");
    }

    private void refused(Consumer<Draft> change, String why) {
        Draft changed = new Draft(Role.DESTINATION);
        change.accept(changed);
        Map<String, PublicSigningKey> keys =
                Map.of("a", Samples.KEY_A.publicKey(), "b", Samples.KEY_B.publicKey(), "x", Samples.KEY_B.publicKey());
        assertThat(Verification.of(Samples.of(source, changed), keys).problems())
                .anyMatch(p -> p.contains(why));
    }

    @Test
    void ofAMoveThatWasUndoneTheReturnedFramesAreCompared() {
        source.outcome = Outcome.ROLLED_BACK;
        destination.outcome = Outcome.ROLLED_BACK;
        source.frames = Map.of("buffered", 3L, "flushed", 3L);
        source.marks.add(new Mark(false, "return-end", "b", 31));
        destination.marks.add(new Mark(true, "return-end", "b", 31));
        assertThat(verify().problems()).isEmpty();
        assertThat(verify().facts()).contains("b to a: 31 frames sent, 31 received, up to the return-end of b");

        destination.marks.set(2, new Mark(true, "return-end", "b", 32));
        assertThat(verify().losses()).singleElement().asString().contains("1 lost between them");
    }

    @Test
    void thePauseIsTakenByOneClock() {
        assertThat(Verification.pause(Samples.good())).contains(new ClockOffset(131_000, 300));
    }
}

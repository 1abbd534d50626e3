// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.rpc.Command.CommandCase;
import io.sojourn.rpc.Phase;
import io.sojourn.rpc.Progress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whole moves, from REST to the gateways and back, with gateways that do as a test says. */
class MoveStoryTest {
    private static final String MOVE = "{\"vm\":\"web1\",\"to\":\"b\",\"bandwidthMbit\":800}";

    @TempDir
    Path dir;

    private World world;
    private FakeGateway a;
    private FakeGateway b;
    private FakeGateway c;

    @BeforeEach
    void begin() throws Exception {
        world = new World(dir);
        use(world.threeSitesWithVm());
    }

    @AfterEach
    void end() throws Exception {
        world.close();
    }

    private void use(List<FakeGateway> sites) {
        a = sites.get(0);
        b = sites.get(1);
        c = sites.get(2);
    }

    private String begun() throws Exception {
        Resource.Migration migration = Json.read(world.post("/v1/migrations", MOVE, 201), Resource.Migration.class);
        assertThat(world.migration("web1-e" + migration.epoch()).id()).isEqualTo(migration.id());
        assertThat(world.migration(migration.id().substring(0, 8)).id()).isEqualTo(migration.id());
        return migration.id();
    }

    private String copying() throws Exception {
        String id = begun();
        a.awaitCommand(CommandCase.START);
        a.tell(id, Phase.COPYING);
        world.awaitState(id, "COPYING");
        return id;
    }

    private String switching() throws Exception {
        String id = copying();
        a.tell(id, Phase.HELD);
        world.awaitState(id, "SWITCHING");
        return id;
    }

    private long boundEpoch() {
        return world.store().binding(new VmId("web1")).orElseThrow().epoch().number();
    }

    private String boundTo() {
        return world.store().binding(new VmId("web1")).orElseThrow().gateway().name();
    }

    @Test
    void aMoveGoesFromPlanToDone() throws Exception {
        String id = begun();
        var armDestination = b.awaitCommand(CommandCase.ARM_DESTINATION).getArmDestination();
        assertThat(armDestination.getEpoch()).isEqualTo(2);
        assertThat(armDestination.getVm().getNics(0).getTap()).isEmpty();
        assertThat(armDestination.getVm().getParametersMap()).containsEntry("memory", "256M");
        var armSource = a.awaitCommand(CommandCase.ARM_SOURCE).getArmSource();
        assertThat(armSource.getStreamToken()).isEqualTo("cafe");
        assertThat(armSource.getVm().getQmp()).isEqualTo("/run/web1.qmp");
        assertThat(armSource.getLimits().getBandwidthBytesPerS()).isEqualTo(100_000_000);
        assertThat(armSource.getCorrespondentsList()).containsExactly("gw-c");
        c.awaitCommand(CommandCase.ARM_CORRESPONDENT);
        a.awaitCommand(CommandCase.START);

        a.tell(a.report(id, Phase.COPYING)
                .setProgress(Progress.newBuilder()
                        .setBytesTotal(100)
                        .setBytesRemaining(60)
                        .setBytesSent(40)
                        .setPass(1)));
        world.awaitState(id, "COPYING");
        await().until(() -> world.migration(id).progress().bytesSent() == 40);
        a.tell(id, Phase.HELD);
        a.tell(a.report(id, Phase.PAUSED).addTimeline(FakeGateway.at(1_000_000_005_000_000L, "pause")));
        world.awaitState(id, "SWITCHING");
        assertThat(boundTo()).isEqualTo("gw-a");
        b.tell(b.report(id, Phase.ACTIVATED)
                .addTimeline(FakeGateway.at(1_000_000_005_130_500L, "resume"))
                .putCounts("buffered", 12));
        world.awaitState(id, "DRAINING");
        assertThat(boundTo()).isEqualTo("gw-b");
        c.tell(c.report(id, Phase.FLIPPED).putCounts("flipped", 1));
        a.tell(a.report(id, Phase.RELEASED).putCounts("redirected", 12).putCounts("wan_bytes", 4096));
        Resource.Migration done = world.awaitState(id, "DONE");

        assertThat(boundEpoch()).isEqualTo(2);
        assertThat(done.pauseMs()).isCloseTo(130.5, org.assertj.core.data.Offset.offset(100.0)); // two clock estimates
        assertThat(done.wanBytes()).isEqualTo(4096);
        assertThat(done.finishedAt()).isNotNull();
        assertThat(done.counts().source()).containsEntry("redirected", 12L);
        assertThat(done.counts().destination()).containsEntry("buffered", 12L);
        assertThat(done.counts().correspondents()).containsKey("gw-c");
        assertThat(done.timeline()).anySatisfy(e -> {
            assertThat(e.event()).isEqualTo("pause");
            assertThat(e.offsetUs()).isCloseTo(5_000_000, org.assertj.core.data.Offset.offset(300_000L));
            assertThat(e.atUs()).isEqualTo(1_000_000_005_000_000L - e.offsetUs());
        });
        for (FakeGateway gateway : List.of(a, b, c)) {
            gateway.awaitCommand(CommandCase.RELEASE);
            await().until(() -> gateway.whereIs("web1").equals("gw-b e2"));
        }
        Resource.Vm moved = world.vm("web1");
        assertThat(moved.hypervisor()).isEqualTo("qemu+unix:///run/incoming-gw-b.qmp");
        assertThat(moved.nics().getFirst().tap()).isNull();
        assertThat(moved.site()).isEqualTo("b");
        assertThat(moved.state()).isEqualTo("RUNNING");
        assertThat(world.get("/v1/vms/web1/history")).contains("\"cause\":\"registered\"", "\"cause\":\"" + id + "\"");
    }

    @Test
    void aMoveKeepsOrderAsItIsAskedTo() throws Exception {
        String asked = MOVE.replace("}", ",\"ordering\":\"relaxed\"}");
        Resource.Migration relaxed = Json.read(world.post("/v1/migrations", asked, 201), Resource.Migration.class);
        assertThat(relaxed.ordering()).isEqualTo("relaxed");
    }

    @Test
    void aMoveKeepsOrderAsItsNetworkSays() throws Exception {
        assertThat(world.migration(begun()).ordering()).isEqualTo("strict");
        world.close();
        world = new World(dir.resolve("relaxed"));
        use(world.threeSites());
        world.post("/v1/networks", World.NETWORK.replaceFirst("\\{", "{\"ordering\":\"relaxed\","), 201);
        world.post("/v1/vms", World.VM, 201);
        assertThat(world.migration(begun()).ordering()).isEqualTo("relaxed");
        assertThat(b.awaitCommand(CommandCase.ARM_DESTINATION)
                        .getArmDestination()
                        .getOrdering())
                .isEqualTo("relaxed");
        assertThat(a.awaitCommand(CommandCase.ARM_SOURCE).getArmSource().getOrdering())
                .isEqualTo("relaxed");
    }

    @Test
    void aReportIsAcknowledgedOnceStoredAndTakenOnce() throws Exception {
        String id = copying();
        var report = a.report(id, Phase.COPYING).addTimeline(FakeGateway.at(1, "pass"));
        a.tell(report);
        a.awaitAck(report.getSequence());
        int entries = world.migration(id).timeline().size();
        a.acks.clear();
        a.tell(report);
        a.awaitAck(report.getSequence());
        assertThat(world.migration(id).timeline()).hasSize(entries);
    }

    @Test
    void aDestinationThatCannotArmLeavesTheGuestAlone() throws Exception {
        b.refusals.put(CommandCase.ARM_DESTINATION, "launch template 'default' fails: no such file");
        String id = begun();
        Resource.Migration over = world.awaitState(id, "ROLLED_BACK");
        assertThat(over.error()).isEqualTo("gw-b: launch template 'default' fails: no such file");
        assertThat(a.find(CommandCase.ARM_SOURCE)).isEmpty();
        b.awaitCommand(CommandCase.ABORT);
        assertThat(boundEpoch()).isEqualTo(1);
        assertThat(world.store().reserveEpoch(new VmId("web1"))).isEqualTo(new Epoch(3));
    }

    @Test
    void aSourceThatCannotArmIsUndoneEverywhere() throws Exception {
        a.refusals.put(CommandCase.ARM_SOURCE, "QMP socket gone");
        String id = begun();
        assertThat(world.awaitState(id, "ROLLED_BACK").error()).isEqualTo("gw-a: QMP socket gone");
        a.awaitCommand(CommandCase.ABORT);
        b.awaitCommand(CommandCase.ABORT);
    }

    @Test
    void aCorrespondentThatCannotArmDoesNotStopTheMove() throws Exception {
        c.refusals.put(CommandCase.ARM_CORRESPONDENT, "busy");
        String id = begun();
        a.awaitCommand(CommandCase.START);
        await().until(() ->
                world.migration(id).timeline().stream().anyMatch(e -> e.event().equals("not-armed")));
    }

    @Test
    void aSilentDestinationIsGivenUpAfterItsTime() throws Exception {
        b.silent.add(CommandCase.ARM_DESTINATION);
        String id = begun();
        assertThat(world.awaitState(id, "ROLLED_BACK").error()).contains("gw-b").contains("no answer");
    }

    @Test
    void cancelTakesTheGuestBack() throws Exception {
        String id = copying();
        world.post("/v1/migrations/" + id + "/cancel", "", 202);
        assertThat(world.awaitState(id, "ROLLED_BACK").error()).isEqualTo("cancelled");
        a.awaitCommand(CommandCase.ABORT);
        b.awaitCommand(CommandCase.ABORT);
        assertThat(boundTo()).isEqualTo("gw-a");
        assertThat(world.vm("web1").state()).isNotEqualTo("MIGRATING");
    }

    @Test
    void cancelDuringTheSwitchIsTooLate() throws Exception {
        String id = switching();
        assertThat(world.post("/v1/migrations/" + id + "/cancel", "", 409)).contains("too-late");
    }

    @Test
    void anAbortOfTheSourceRollsBackWithItsReason() throws Exception {
        String id = copying();
        a.tell(a.report(id, Phase.ABORTED).setError("QEMU: stream broken"));
        assertThat(world.awaitState(id, "ROLLED_BACK").error()).isEqualTo("gw-a: QEMU: stream broken");
        b.awaitCommand(CommandCase.ABORT);
        assertThat(a.find(CommandCase.ABORT)).isEmpty();
    }

    @Test
    void anAbortOfTheDestinationAsksTheSourceFirst() throws Exception {
        String id = copying();
        b.tell(b.report(id, Phase.ABORTED).setError("QEMU refused the stream"));
        world.awaitState(id, "ROLLED_BACK");
        a.awaitCommand(CommandCase.ABORT);
    }

    @Test
    void anActivationWinsOverAnAbort() throws Exception {
        a.silent.add(CommandCase.ABORT);
        String id = copying();
        world.post("/v1/migrations/" + id + "/cancel", "", 202);
        b.tell(id, Phase.ACTIVATED);
        world.awaitState(id, "DRAINING");
        assertThat(boundTo()).isEqualTo("gw-b");
    }

    @Test
    void aSourceThatSaysTooLateIsBelieved() throws Exception {
        a.refusals.put(CommandCase.ABORT, "the destination has the guest");
        String id = copying();
        b.tell(b.report(id, Phase.ABORTED).setError("confused"));
        world.awaitState(id, "SWITCHING");
        a.tell(id, Phase.RELEASED);
        world.awaitState(id, "DONE");
        assertThat(boundTo()).isEqualTo("gw-b");
    }

    @Test
    void aDestinationAwayForLongEndsTheCopy() throws Exception {
        String id = copying();
        b.close();
        Resource.Migration over = world.awaitState(id, "ABORTING");
        a.awaitCommand(CommandCase.ABORT);
        assertThat(world.awaitState(id, "ROLLED_BACK").error()).contains("gw-b is not connected");
        assertThat(over.state()).isEqualTo("ABORTING");
    }

    @Test
    void aSourceAwayIsDecidedByTheDestination() throws Exception {
        String id = copying();
        a.close();
        world.awaitState(id, "ROLLED_BACK");
        b.awaitCommand(CommandCase.ABORT);
    }

    @Test
    void aShortAbsenceChangesNothing() throws Exception {
        String id = copying();
        b.close();
        b = world.gateway("gw-b", "b").awaitWelcome();
        a.tell(id, Phase.HELD);
        b.tell(id, Phase.ACTIVATED);
        a.tell(id, Phase.RELEASED);
        world.awaitState(id, "DONE");
    }

    @Test
    void aMoveDuringTheSwitchOutlivesEveryAbsence() throws Exception {
        String id = switching();
        a.close();
        b.close();
        await().pollDelay(Duration.ofMillis(500))
                .until(() -> world.migration(id).state().equals("SWITCHING"));
        b = world.gateway("gw-b", "b").awaitWelcome();
        b.tell(id, Phase.ACTIVATED);
        world.awaitState(id, "DRAINING");
        a = world.gateway("gw-a", "a").awaitWelcome();
        a.sequence.set(50); // the same process, which goes on counting
        a.tell(id, Phase.RELEASED);
        world.awaitState(id, "DONE");
    }

    @Test
    void aDestinationGatewayRestartedUnderARunningGuestHasActivated() throws Exception {
        String id = switching();
        b.close();
        b = world.gateway("gw-b", "b", h -> h.setBootId(8).addHosted(FakeGateway.hosted("web1", "running")))
                .awaitWelcome();
        world.awaitState(id, "DRAINING");
        assertThat(boundTo()).isEqualTo("gw-b");
    }

    @Test
    void aControllerThatDiedBeforeStartRollsBack() throws Exception {
        a.silent.add(CommandCase.ARM_SOURCE);
        String id = begun();
        a.awaitCommand(CommandCase.ARM_SOURCE);
        world.restartController();
        use(world.threeSites());
        Resource.Migration over = world.awaitState(id, "ROLLED_BACK");
        assertThat(over.error()).contains("controller was restarted");
        a.awaitCommand(CommandCase.ABORT);
        b.awaitCommand(CommandCase.ABORT);
    }

    @Test
    void aControllerThatDiedInTheCopyCompletesIt() throws Exception {
        String id = copying();
        world.restartController();
        use(world.threeSites());
        a.sequence.set(50);
        assertThat(world.migration(id).state()).isEqualTo("COPYING");
        b.tell(id, Phase.ACTIVATED); // meanwhile the gateways have finished by themselves
        a.tell(id, Phase.RELEASED);
        world.awaitState(id, "DONE");
        assertThat(boundTo()).isEqualTo("gw-b");
        assertThat(boundEpoch()).isEqualTo(2);
    }

    @Test
    void aControllerThatDiedWhileAbortingGoesOnAborting() throws Exception {
        a.silent.add(CommandCase.ABORT);
        String id = copying();
        world.post("/v1/migrations/" + id + "/cancel", "", 202);
        a.awaitCommand(CommandCase.ABORT);
        world.restartController();
        use(world.threeSites());
        assertThat(world.awaitState(id, "ROLLED_BACK").error()).isEqualTo("cancelled");
    }

    @Test
    void aLateReportOfADoneMoveIsAnsweredWithRelease() throws Exception {
        String id = switching();
        b.tell(id, Phase.ACTIVATED);
        a.tell(id, Phase.RELEASED);
        world.awaitState(id, "DONE");
        c.awaitCommand(CommandCase.RELEASE);
        c.commands.clear();
        c.tell(c.report(id, Phase.FLIPPED).putCounts("late", 3));
        c.awaitCommand(CommandCase.RELEASE);
        await().until(() -> world.migration(id).counts().correspondents().containsKey("gw-c"));
        assertThat(world.migration(id).state()).isEqualTo("DONE");
    }

    @Test
    void aMoveThatNobodyKnowsIsUndone() {
        b.tell("other-e9", Phase.ARMED);
        assertThat(b.awaitCommand(CommandCase.ABORT).getAbort().getMigration()).isEqualTo("other-e9");
    }

    @Test
    void aLandingPlaceIsUsedAndUsedUp() throws Exception {
        world.post("/v1/vms/web1/landings", "{\"site\":\"b\",\"qmp\":\"/run/mine.qmp\"}", 201);
        String id = begun();
        assertThat(b.awaitCommand(CommandCase.ARM_DESTINATION)
                        .getArmDestination()
                        .getLandingQmp())
                .isEqualTo("/run/mine.qmp");
        a.awaitCommand(CommandCase.START);
        b.tell(id, Phase.ACTIVATED);
        a.tell(id, Phase.RELEASED);
        world.awaitState(id, "DONE");
        assertThat(world.get("/v1/vms/web1/landings")).contains("\"items\":[]");
    }

    @Test
    void aSourceThatTakesTheAbortButIsBeyondHoldIsWaitedFor() throws Exception {
        String id = copying();
        a.armed.clear(); // takes the command, and nothing comes of it
        world.post("/v1/migrations/" + id + "/cancel", "", 202);
        a.tell(id, Phase.HELD); // sent before the cancel arrived
        await().pollDelay(Duration.ofMillis(1500))
                .until(() -> world.migration(id).state().equals("ABORTING"));
        a.tell(id, Phase.DRAINING);
        world.awaitState(id, "DRAINING");
        assertThat(boundTo()).isEqualTo("gw-b");
    }

    @Test
    void theBindingsEpochIsToldEvenAfterBurntOnes() throws Exception {
        b.refusals.put(CommandCase.ARM_DESTINATION, "no");
        world.awaitState(begun(), "ROLLED_BACK");
        b.refusals.clear();
        b.commands.clear();
        begun();
        var arm = b.awaitCommand(CommandCase.ARM_DESTINATION).getArmDestination();
        assertThat(arm.getEpoch()).isEqualTo(3);
        assertThat(arm.getVm().getEpoch()).isEqualTo(1);
    }

    @Test
    void thereAndBackAgain() throws Exception {
        String id = switching();
        b.tell(id, Phase.ACTIVATED);
        a.tell(id, Phase.RELEASED);
        world.awaitState(id, "DONE");
        String back = Json.read(
                        world.post("/v1/migrations", "{\"vm\":\"web1\",\"to\":\"gw-a\"}", 201),
                        Resource.Migration.class)
                .id();
        assertThat(world.migration("web1-e3").id()).isEqualTo(back);
        await().until(() -> b.find(CommandCase.START).isPresent());
        a.tell(back, Phase.ACTIVATED);
        b.tell(back, Phase.RELEASED);
        world.awaitState(back, "DONE");
        assertThat(boundTo()).isEqualTo("gw-a");
        assertThat(boundEpoch()).isEqualTo(3);
    }
}

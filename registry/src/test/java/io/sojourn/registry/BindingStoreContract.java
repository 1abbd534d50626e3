// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every engine must do. */
abstract class BindingStoreContract {
    static final VmId WEB1 = new VmId("web1");
    static final GatewayId A = new GatewayId("gw-a");
    static final GatewayId B = new GatewayId("gw-b");

    BindingStore store;

    abstract BindingStore open() throws Exception;

    @BeforeEach
    void openStore() throws Exception {
        store = open();
    }

    @AfterEach
    void closeStore() {
        store.close();
    }

    @Test
    void aNewStoreIsEmptyAtRevisionZero() {
        assertThat(store.revision()).isZero();
        assertThat(store.list(Kind.VM)).isEmpty();
        assertThat(store.bindings()).isEmpty();
        assertThat(store.get(Kind.VM, "web1")).isEmpty();
    }

    @Test
    void versionsCountPerKeyAndRevisionsGlobally() {
        assertThat(store.commit(List.of(Write.create(Kind.VM, "web1", "a")))).isEqualTo(1);
        assertThat(store.commit(List.of(Write.create(Kind.VM, "web2", "b")))).isEqualTo(2);
        assertThat(store.commit(List.of(Write.put(Kind.VM, "web1", "c")))).isEqualTo(3);
        assertThat(store.get(Kind.VM, "web1")).contains(new Entry(Kind.VM, "web1", "c", 2, 1, 3));
        assertThat(store.list(Kind.VM)).extracting(Entry::key).containsExactly("web1", "web2");
        assertThat(store.newest(Kind.VM, 1)).extracting(Entry::key).containsExactly("web2");
        assertThat(store.list(Kind.NETWORK)).isEmpty();
    }

    @Test
    void compareAndSetHoldsAndAFailedCommitChangesNothing() {
        store.commit(List.of(Write.create(Kind.VM, "web1", "a")));
        assertThatThrownBy(() ->
                        store.commit(List.of(Write.put(Kind.NETWORK, "blue", "n"), Write.create(Kind.VM, "web1", "b"))))
                .isInstanceOf(ConflictException.class)
                .hasMessageContaining("web1");
        assertThatThrownBy(() -> store.commit(List.of(new Write.Put(Kind.VM, "web1", "b", 2))))
                .isInstanceOf(ConflictException.class);
        assertThat(store.revision()).isEqualTo(1);
        assertThat(store.get(Kind.NETWORK, "blue")).isEmpty();
        store.commit(List.of(new Write.Put(Kind.VM, "web1", "b", 1)));
        assertThat(store.get(Kind.VM, "web1").orElseThrow().version()).isEqualTo(2);
    }

    @Test
    void aDeletedKeyStartsAgainAtVersionOneAndDeletingNothingIsNoChange() {
        store.commit(List.of(Write.create(Kind.VM, "web1", "a")));
        store.commit(List.of(new Write.Delete(Kind.VM, "web1")));
        assertThat(store.commit(List.of(new Write.Delete(Kind.VM, "web1")))).isEqualTo(2);
        store.commit(List.of(Write.create(Kind.VM, "web1", "b")));
        assertThat(store.get(Kind.VM, "web1")).contains(new Entry(Kind.VM, "web1", "b", 1, 3, 3));
    }

    @Test
    void epochsGrowFromOneAndAreNeverReusedEvenAfterTheVmIsGone() {
        assertThat(store.reserveEpoch(WEB1)).isEqualTo(new Epoch(1));
        store.commitBinding(WEB1, A, new Epoch(1), "registered");
        assertThat(store.reserveEpoch(WEB1)).isEqualTo(new Epoch(2)); // burnt
        store.commit(List.of(new Write.Unbind(WEB1)));
        assertThat(store.binding(WEB1)).isEmpty();
        assertThat(store.reserveEpoch(WEB1)).isEqualTo(new Epoch(3));
        assertThat(store.reserveEpoch(new VmId("web2"))).isEqualTo(new Epoch(1));
    }

    @Test
    void aBindingMovesOnlyForwardInEpochs() {
        for (int i = 0; i < 3; i++) {
            store.reserveEpoch(WEB1);
        }
        store.commitBinding(WEB1, A, new Epoch(1), "registered");
        store.commitBinding(WEB1, B, new Epoch(3), "m-1");
        assertThatThrownBy(() -> store.commitBinding(WEB1, A, new Epoch(2), "m-0"))
                .isInstanceOf(ConflictException.class)
                .hasMessageContaining("too late");
        assertThatThrownBy(() -> store.commitBinding(WEB1, A, new Epoch(3), "m-1"))
                .isInstanceOf(ConflictException.class);
        assertThatThrownBy(() -> store.commitBinding(WEB1, A, new Epoch(4), "m-2"))
                .isInstanceOf(ConflictException.class)
                .hasMessageContaining("never reserved");
        assertThat(store.binding(WEB1)).contains(new Binding(WEB1, B, new Epoch(3)));
        assertThat(store.bindings()).containsExactly(new Binding(WEB1, B, new Epoch(3)));
    }

    @Test
    void theSameBindingTwiceIsOneChange() {
        store.reserveEpoch(WEB1);
        long first = store.commitBinding(WEB1, A, new Epoch(1), "registered");
        assertThat(store.commitBinding(WEB1, A, new Epoch(1), "registered")).isEqualTo(first);
        assertThat(store.history(WEB1)).hasSize(1);
    }

    @Test
    void historyTellsEachBindingOldestFirstWithItsCause() {
        store.reserveEpoch(WEB1);
        store.reserveEpoch(WEB1);
        store.commitBinding(WEB1, A, new Epoch(1), "registered");
        store.commitBinding(WEB1, B, new Epoch(2), "web1-e2");
        assertThat(store.history(WEB1)).extracting(BoundSince::cause).containsExactly("registered", "web1-e2");
        assertThat(store.history(WEB1)).extracting(BoundSince::revision).containsExactly(1L, 2L);
        assertThat(store.history(new VmId("other"))).isEmpty();
    }

    @Test
    void bindingsCannotBeWrittenAroundTheEpochs() {
        assertThatThrownBy(() -> Write.put(Kind.BINDING, "web1", "9 gw-x"))
                .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new Write.Delete(Kind.BINDING, "web1")).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aWatchTellsThePastAndThePresentInOrderWithoutGaps() throws Exception {
        store.commit(List.of(Write.create(Kind.VM, "web1", "a")));
        store.commit(List.of(Write.create(Kind.VM, "web2", "b"), Write.create(Kind.NETWORK, "blue", "n")));
        Recorder recorder = new Recorder();
        try (BindingStore.Watch watch = store.watch(1, recorder)) {
            assertThat(recorder.next().changes()).extracting(Change::key).containsExactly("web2", "blue");
            store.commit(List.of(new Write.Delete(Kind.VM, "web2")));
            Commit gone = recorder.next();
            assertThat(gone.revision()).isEqualTo(3);
            assertThat(gone.changes().getFirst().value()).isEmpty();
        }
        store.commit(List.of(Write.create(Kind.VM, "web3", "c")));
        assertThat(recorder.commits).isEmpty();
    }

    @Test
    void aWatchFromAFutureRevisionIsToldToReadAgain() throws Exception {
        store.commit(List.of(Write.create(Kind.VM, "web1", "a")));
        Recorder recorder = new Recorder();
        try (BindingStore.Watch watch = store.watch(99, recorder)) {
            assertThat(recorder.compacted.poll(5, TimeUnit.SECONDS)).isEqualTo(1);
            store.commit(List.of(Write.put(Kind.VM, "web1", "b")));
            assertThat(recorder.next().revision()).isEqualTo(2);
        }
    }

    @Test
    void manyWritersGetDistinctRevisionsAndEpochs() throws Exception {
        Set<Long> revisions = new HashSet<>();
        Set<Epoch> epochs = new HashSet<>();
        ConcurrentLinkedQueue<Long> allRevisions = new ConcurrentLinkedQueue<>();
        ConcurrentLinkedQueue<Epoch> allEpochs = new ConcurrentLinkedQueue<>();
        AtomicInteger name = new AtomicInteger();
        List<Thread> threads = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
            threads.add(Thread.ofVirtual().start(() -> {
                for (int i = 0; i < 25; i++) {
                    allRevisions.add(store.commit(List.of(Write.create(Kind.VM, "vm" + name.incrementAndGet(), "x"))));
                    allEpochs.add(store.reserveEpoch(WEB1));
                }
            }));
        }
        for (Thread thread : threads) {
            thread.join();
        }
        revisions.addAll(allRevisions);
        epochs.addAll(allEpochs);
        assertThat(revisions).hasSize(100);
        assertThat(epochs).hasSize(100);
        assertThat(store.revision()).isEqualTo(100);
    }

    @Test
    void aClosedStoreSaysSo() {
        store.close();
        assertThatThrownBy(() -> store.commit(List.of(Write.put(Kind.VM, "a", "b"))))
                .isInstanceOf(RegistryException.class)
                .hasMessageContaining("closed");
        assertThatThrownBy(() -> store.list(Kind.VM)).isInstanceOf(RegistryException.class);
    }

    static final class Recorder implements BindingStore.Listener {
        final BlockingQueue<Commit> commits = new LinkedBlockingQueue<>();
        final BlockingQueue<Long> compacted = new LinkedBlockingQueue<>();

        Commit next() throws InterruptedException {
            Commit commit = commits.poll(5, TimeUnit.SECONDS);
            if (commit == null) {
                throw new AssertionError("no commit was told within 5 s");
            }
            return commit;
        }

        @Override
        public void committed(Commit commit) {
            commits.add(commit);
        }

        @Override
        public void compacted(long nowAt) {
            compacted.add(nowAt);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import java.util.List;
import java.util.Optional;

/**
 * The memory of a controller.
 *
 * <ul>
 *   <li>Order: commits are serialised; each that changes something has the next revision. Revisions never repeat.
 *   <li>Durability: when {@link #commit} and {@link #reserveEpoch} return, the change survives a power cut.
 *   <li>Visibility: what a commit wrote is seen by every read that starts after it returned.
 *   <li>Epochs of a VM only grow and are never handed out twice, not even after the VM was deleted.
 * </ul>
 *
 * Thread-safe. Every method throws {@link RegistryException} if the store is broken or closed.
 */
public interface BindingStore extends AutoCloseable {
    /** Of the last commit; 0 for an empty store. */
    long revision();

    Optional<Entry> get(Kind kind, String key);

    /** All of a kind, ordered by key. */
    List<Entry> list(Kind kind);

    /** The last created ones of a kind, newest first. */
    List<Entry> newest(Kind kind, int limit);

    /**
     * Does all the writes or none.
     *
     * @return the revision it made, or the current one if the writes changed nothing
     * @throws ConflictException if an expected version or an epoch does not hold
     */
    long commit(List<Write> writes);

    /** The next epoch of a VM, 1 at first. Used up by this call, whatever becomes of it. */
    Epoch reserveEpoch(VmId vm);

    Optional<Binding> binding(VmId vm);

    /** Ordered by VM. */
    List<Binding> bindings();

    /** Oldest first; kept when the VM is deleted. */
    List<BoundSince> history(VmId vm);

    /** Compare-and-set on the epoch; see {@link Write.Bind}. */
    default long commitBinding(VmId vm, GatewayId gateway, Epoch epoch, String cause) {
        return commit(List.of(new Write.Bind(new Binding(vm, gateway, epoch), cause)));
    }

    /**
     * Tells every commit after a revision, in order, without gaps, on one thread of its own. A slow listener slows nobody down.
     *
     * @param afterRevision the last one that the listener has seen
     */
    Watch watch(long afterRevision, Listener listener);

    @Override
    void close();

    /** Ends a watch. No call to the listener begins after it returned. */
    interface Watch extends AutoCloseable {
        @Override
        void close();
    }

    interface Listener {
        void committed(Commit commit);

        /**
         * The revision asked for is no longer kept. Read everything again; commits after {@code nowAt} follow.
         */
        void compacted(long nowAt);
    }
}

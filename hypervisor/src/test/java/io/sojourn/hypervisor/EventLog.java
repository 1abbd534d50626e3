// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.awaitility.Awaitility;

/** Records a guest's events for a test. */
final class EventLog implements Consumer<GuestEvent> {
    private final List<GuestEvent> events = new CopyOnWriteArrayList<>();
    private volatile Consumer<GuestEvent> reaction = event -> {};

    @Override
    public void accept(GuestEvent event) {
        events.add(event);
        reaction.accept(event);
    }

    void react(Consumer<GuestEvent> reaction) {
        this.reaction = reaction;
    }

    List<GuestEvent> all() {
        return events;
    }

    <E extends GuestEvent> Optional<E> last(Class<E> type) {
        return events.stream().filter(type::isInstance).map(type::cast).reduce((a, b) -> b);
    }

    void await(Predicate<GuestEvent> predicate) {
        Awaitility.await()
                .pollDelay(0, TimeUnit.MILLISECONDS)
                .pollInterval(1, TimeUnit.MILLISECONDS)
                .atMost(30, TimeUnit.SECONDS)
                .until(() -> events.stream().anyMatch(predicate));
    }

    void awaitPhase(MigrationPhase phase) {
        await(event -> event instanceof GuestEvent.MigrationStatus status && status.phase() == phase);
    }

    void clear() {
        events.clear();
    }
}

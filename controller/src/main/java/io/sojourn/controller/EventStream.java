// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.helidon.http.HeaderNames;
import io.helidon.http.sse.SseEvent;
import io.helidon.webserver.http.ServerRequest;
import io.helidon.webserver.http.ServerResponse;
import io.helidon.webserver.sse.SseSink;
import io.sojourn.registry.BindingStore;
import io.sojourn.registry.Change;
import io.sojourn.registry.Commit;
import io.sojourn.registry.Kind;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The registry's changes as server-sent events (WHATWG HTML, 9.2). The id of an event is its revision, so a client that comes back
 * with Last-Event-ID misses nothing. Of a commit with several changes only the last event has the id: a client cut in between gets all of it again.
 */
final class EventStream implements AutoCloseable {
    /** Not shown to anybody, or only to who asks for it. */
    private static final Set<Kind> UNTOLD = EnumSet.of(Kind.SECRET, Kind.CERTIFICATE, Kind.SIGNING_KEY, Kind.POLICY);

    private static final int KEEP_ALIVE_S = 5;
    private static final int QUEUE = 16;

    private final Realm realm;
    private final Views views;
    private final Set<Thread> open = ConcurrentHashMap.newKeySet();
    private volatile boolean closing;

    EventStream(Realm realm, Views views) {
        this.realm = realm;
        this.views = views;
    }

    /** A commit, or the word that some can no longer be told. */
    private record Item(@Nullable Commit commit, long nowAt) {}

    void ofEverything(ServerRequest request, ServerResponse response) throws InterruptedException {
        long after = lastEventId(request).orElseGet(views::revision);
        stream(response, after, List.of(), events -> true, commit -> {
            List<Resource.Event> events = new ArrayList<>();
            for (Change change : commit.changes()) {
                event(commit, change).ifPresent(events::add);
            }
            return events;
        });
    }

    void ofMigration(String name, ServerRequest request, ServerResponse response) throws InterruptedException {
        long now = views.revision();
        Resource.Migration migration = views.migration(name);
        String id = migration.id();
        Optional<Long> last = lastEventId(request);
        List<Resource.Event> first = new ArrayList<>();
        boolean isOver = migration.finishedAt() != null;
        if (last.isEmpty() || isOver) {
            first.add(new Resource.Event(now, null, "migration", id, "put", migration));
        }
        stream(response, isOver ? Long.MIN_VALUE : last.orElse(now), first, EventStream::isUnfinished, commit -> {
            List<Resource.Event> events = new ArrayList<>();
            for (Change change : commit.changes()) {
                if (change.kind() == Kind.MIGRATION && change.key().equals(id)) {
                    event(commit, change).ifPresent(events::add);
                }
            }
            return events;
        });
    }

    private static boolean isUnfinished(List<Resource.Event> events) {
        return events.stream()
                .noneMatch(e -> e.value() instanceof Resource.Migration migration && migration.finishedAt() != null);
    }

    private static Optional<Long> lastEventId(ServerRequest request) {
        Optional<String> text = request.headers().first(HeaderNames.create("Last-Event-ID"));
        try {
            return text.map(Long::parseLong);
        } catch (NumberFormatException e) {
            throw RefusalException.invalid("Last-Event-ID '" + text.orElse("") + "' is not a revision");
        }
    }

    private interface Rendering {
        List<Resource.Event> render(Commit commit);
    }

    private interface Going {
        boolean on(List<Resource.Event> sent);
    }

    private void stream(
            ServerResponse response, long after, List<Resource.Event> first, Going going, Rendering rendering)
            throws InterruptedException {
        BlockingQueue<Item> queue = new ArrayBlockingQueue<>(QUEUE);
        open.add(Thread.currentThread());
        response.header("Cache-Control", "no-store");
        try (SseSink sink = response.sink(SseSink.TYPE)) {
            emit(sink, first);
            if (!going.on(first) || after == Long.MIN_VALUE) {
                return;
            }
            try (BindingStore.Watch _ = realm.store().watch(after, into(queue))) {
                while (!closing) {
                    Item item = queue.poll(KEEP_ALIVE_S, TimeUnit.SECONDS);
                    if (item == null) {
                        sink.emit(SseEvent.builder()
                                .comment("keep-alive")
                                .data(SseEvent.NO_DATA)
                                .build());
                        continue;
                    }
                    Commit commit = item.commit();
                    List<Resource.Event> events = commit == null
                            ? List.of(new Resource.Event(item.nowAt(), null, "resync", "", "put", null))
                            : rendering.render(commit);
                    emit(sink, events);
                    if (!going.on(events)) {
                        return;
                    }
                }
            }
        } catch (java.io.UncheckedIOException e) {
            // the client has gone: that is how such a stream usually ends
        } catch (InterruptedException e) {
            if (!closing) {
                throw e;
            }
        } finally {
            open.remove(Thread.currentThread());
        }
    }

    private static BindingStore.Listener into(BlockingQueue<Item> queue) {
        return new BindingStore.Listener() {
            @Override
            public void committed(Commit commit) {
                put(new Item(commit, commit.revision()));
            }

            @Override
            public void compacted(long nowAt) {
                put(new Item(null, nowAt));
            }

            private void put(Item item) {
                try {
                    queue.put(item); // waits for the client; the watch's thread is this stream's own
                } catch (InterruptedException e) {
                    Thread.currentThread().interrupt();
                }
            }
        };
    }

    private static void emit(SseSink sink, List<Resource.Event> events) {
        for (int i = 0; i < events.size(); i++) {
            Resource.Event event = events.get(i);
            SseEvent.Builder sse = SseEvent.builder().name(event.kind()).data(Json.write(event));
            if (i == events.size() - 1) {
                sse.id(Long.toString(event.revision()));
            }
            sink.emit(sse.build());
        }
    }

    /** Empty for what is nobody's business, and for a VM's second change in a commit (its binding shows in the VM). */
    private Optional<Resource.Event> event(Commit commit, Change change) {
        String key = change.key();
        String kind = change.kind().name().toLowerCase(Locale.ROOT);
        boolean isGone = change.value().isEmpty();
        Object value = switch (change.kind()) {
            case SECRET, CERTIFICATE, SIGNING_KEY, POLICY -> null;
            case NETWORK ->
                change.value().map(v -> Json.read(v, Resource.Network.class)).orElse(null);
            case LANDING ->
                change.value().map(v -> Json.read(v, Resource.Landing.class)).orElse(null);
            case MIGRATION ->
                change.value()
                        .map(v -> Json.read(v, MoveDocument.class).shown())
                        .orElse(null);
            case NOTICE ->
                change.value().map(v -> Json.read(v, Resource.Notice.class)).orElse(null);
            case GATEWAY -> views.gateway(key).orElse(null);
            case SITE ->
                views.sites().stream()
                        .filter(s -> s.name().equals(key))
                        .findFirst()
                        .orElse(null);
            case VM, BINDING -> realm.vm(key).isPresent() ? views.vm(key) : null;
        };
        if (UNTOLD.contains(change.kind())) {
            return Optional.empty();
        }
        if (change.kind() == Kind.BINDING) {
            boolean alsoVm = commit.changes().stream()
                    .anyMatch(c -> c.kind() == Kind.VM && c.key().equals(key));
            if (alsoVm) {
                return Optional.empty();
            }
            kind = "vm";
        }
        return Optional.of(new Resource.Event(
                commit.revision(), Time.instant(commit.atUs()), kind, key, isGone ? "delete" : "put", value));
    }

    @Override
    public void close() {
        closing = true;
        open.forEach(Thread::interrupt);
    }
}

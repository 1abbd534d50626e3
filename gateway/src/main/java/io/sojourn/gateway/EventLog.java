// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.handoff.EventText;
import io.sojourn.handoff.HandoffAction;
import io.sojourn.handoff.HandoffEvent;
import io.sojourn.handoff.JournalRecord;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What each handoff's machine was told here and what it made of it, for {@code sojourn sim --incident}: one file a move, the last few
 * only.
 *
 * <pre>
 *   us-since-1970 machine's-ns begin how gateway journal-record
 *   us-since-1970 machine's-ns event ... => State action,action
 * </pre>
 *
 * <p>Called on the forwarder's thread; words are made and written on another one.
 */
final class EventLog {
    private static final Logger LOG = LoggerFactory.getLogger(EventLog.class);
    private static final int MOST_FILES = 64;

    private final Path folder;
    private final String gateway;
    private final Executor writing;
    /** Only on the writing thread. */
    private final EventText text = new EventText();

    EventLog(Path folder, String gateway, Executor writing) {
        this.folder = folder;
        this.gateway = gateway;
        this.writing = writing;
    }

    /** One handoff's file. */
    final class Story {
        private final Path file;

        private Story(Path file) {
            this.file = file;
        }

        void told(HandoffEvent event, long nowNs, Object state, List<HandoffAction> actions) {
            long atUs = WallClock.nowUs();
            writing.execute(() -> append(
                    file,
                    atUs + " " + nowNs + " " + text.write(event) + " => "
                            + state.getClass().getSimpleName() + " " + names(actions)));
        }
    }

    /** A handoff begins: armed or taken up from the journal; one that was detected is told, and cannot be replayed. */
    Story begin(Handoff handoff) {
        String name = handoff.plan.vm() + "-e" + handoff.plan.epoch().number() + "." + gateway + ".events";
        String how = handoff.recovered ? "recover" : handoff.detected ? "claim" : "arm";
        long nowNs = System.nanoTime();
        JournalRecord record = new JournalRecord(
                switch (handoff.role) {
                    case SOURCE -> JournalRecord.Role.SOURCE;
                    case DESTINATION -> JournalRecord.Role.DESTINATION;
                    default -> JournalRecord.Role.INVALID;
                },
                handoff.began,
                handoff.plan);
        Story story = new Story(folder.resolve(name));
        long atUs = WallClock.nowUs();
        writing.execute(() -> {
            removeOldest();
            append(story.file, atUs + " " + nowNs + " begin " + how + " " + gateway + " " + record.toLine());
        });
        return story;
    }

    private static String names(List<HandoffAction> actions) {
        return actions.stream().map(action -> action.getClass().getSimpleName()).collect(Collectors.joining(","));
    }

    private void append(Path file, String line) {
        try {
            Files.writeString(file, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
        } catch (IOException e) {
            LOG.warn("cannot write {}: {}", file, e.getMessage());
        }
    }

    private void removeOldest() {
        try {
            Files.createDirectories(folder);
            try (Stream<Path> files = Files.list(folder)) {
                List<Path> all = files.sorted(
                                Comparator.comparing(file -> file.toFile().lastModified()))
                        .toList();
                for (Path file : all.subList(0, Math.max(0, all.size() - MOST_FILES + 1))) {
                    Files.deleteIfExists(file);
                }
            }
        } catch (IOException e) {
            LOG.warn("cannot use {}: {}", folder, e.getMessage());
        }
    }
}

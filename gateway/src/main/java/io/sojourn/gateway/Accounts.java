// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.certificate.Statement;
import io.sojourn.handoff.MigrationId;
import io.sojourn.rpc.Role;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The accounts of handoffs that are under way, or over and not yet closed. One is closed when the controller says that the move is
 * over, or by itself a while after its end, so that a move without a controller is certified as well. Forwarder's thread only.
 */
final class Accounts {
    private static final long CLOSED_AFTER_NS = TimeUnit.SECONDS.toNanos(5);
    /** Of a move that was undone nothing more is to come. */
    private static final long CLOSED_AFTER_ABORT_NS = TimeUnit.MILLISECONDS.toNanos(200);

    private static final int MOST_OPEN = 64;

    /**
     * What is left of a handoff.
     *
     * @param statement this gateway's half, if source or destination
     * @param captured if that was asked for
     */
    record Closed(
            MigrationId migration,
            String vm,
            long epoch,
            Role role,
            Optional<Statement> statement,
            Optional<Captures.Captured> captured) {}

    private final ForwardingTable table;
    private final Timers timers;
    private final Counters counters;
    private final Consumer<Closed> closed;
    private final List<Account> open = new ArrayList<>();

    /** @param closed told of accounts that were closed without being asked for */
    Accounts(ForwardingTable table, Timers timers, Counters counters, Consumer<Closed> closed) {
        this.table = table;
        this.timers = timers;
        this.counters = counters;
        this.closed = closed;
    }

    boolean anyOpen() {
        return !open.isEmpty();
    }

    void toWan(Peer to, long epoch, long mac, int frames, boolean beside) {
        for (int i = 0; i < open.size(); i++) {
            open.get(i).toWan(to, epoch, mac, frames, beside);
        }
    }

    void fromWan(Peer from, int epoch, long mac, int frames) {
        for (int i = 0; i < open.size(); i++) {
            open.get(i).fromWan(from, epoch, mac, frames);
        }
    }

    void keep(
            PacketRing.Way way,
            @Nullable Peer peer,
            int vni,
            long epoch,
            MemorySegment s,
            long at,
            int length,
            int frames) {
        for (int i = 0; i < open.size(); i++) {
            open.get(i).keep(way, peer, vni, epoch, s, at, length, frames);
        }
    }

    /** Before the handoff's first action, and before the VM's counts begin anew. */
    Account begin(Handoff handoff) {
        open.stream().filter(account -> account.isOf(handoff.vm)).forEach(Account::freezeFrames);
        Account account = new Account(handoff, table, drops());
        if (open.size() < MOST_OPEN) {
            open.add(account);
        }
        return account;
    }

    /** The handoff is over. */
    void finished(Handoff handoff, long nowNs) {
        for (Account account : open) {
            if (account.handoff() == handoff) {
                long afterNs = account.isRolledBack() ? CLOSED_AFTER_ABORT_NS : CLOSED_AFTER_NS;
                timers.set(account, nowNs + afterNs, () -> {
                    if (open.contains(account)) {
                        closed.accept(close(account));
                    }
                });
            }
        }
    }

    /** The controller says that the move is over. Empty if the handoff is not, or its account is closed. */
    Optional<Closed> close(MigrationId migration, boolean isActive) {
        Optional<Account> found = open.stream()
                .filter(account -> account.handoff().plan.migration().equals(migration))
                .findFirst();
        if (isActive || found.isEmpty()) {
            return Optional.empty();
        }
        timers.cancel(found.get());
        return Optional.of(close(found.get()));
    }

    private Closed close(Account account) {
        open.remove(account);
        Handoff handoff = account.handoff();
        return new Closed(
                handoff.plan.migration(),
                handoff.plan.vm().name(),
                handoff.plan.epoch().number(),
                handoff.role,
                handoff.detected
                        ? Optional.empty()
                        : account.statement(table.self().name(), table.site().name(), drops()),
                account.captured());
    }

    private Map<String, Long> drops() {
        Map<String, Long> drops = new HashMap<>();
        counters.snapshot().forEach((name, n) -> {
            if (name.startsWith("drop-")) {
                drops.put(name.substring("drop-".length()), n);
            }
        });
        return drops;
    }
}

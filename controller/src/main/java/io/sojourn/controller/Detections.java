// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.model.binding.Binding;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.model.location.GatewayId;
import io.sojourn.registry.ConflictException;
import io.sojourn.registry.Entry;
import io.sojourn.registry.Kind;
import io.sojourn.registry.Write;
import io.sojourn.rpc.MigrationReport;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Moves that nobody ordered: gateways have noticed and settled them among themselves, and the registry follows. Thread-safe. */
final class Detections {
    private static final Logger log = LoggerFactory.getLogger(Detections.class);
    /** Older ones go: a forger must not fill the registry. */
    private static final int NOTICES_KEPT = 500;

    private static final int MOST_EPOCHS_AHEAD = 1_000;
    private static final AtomicLong NUMBER = new AtomicLong();

    private final Realm realm;
    private final Time time;

    Detections(Realm realm, Time time) {
        this.realm = realm;
        this.time = time;
    }

    /** A report about a move that no controller began. */
    void take(String gateway, MigrationReport report) {
        String under = " epoch " + report.getEpoch();
        switch (report.getPhase()) {
            case ACTIVATED -> {
                bind(gateway, report);
                notice(gateway, report.getVm(), atUs(report), "claimed: seen here, not moved by us," + under);
            }
            case DRAINING ->
                notice(gateway, report.getVm(), atUs(report), "claim agreed to: the guest has left," + under);
            case FLIPPED -> notice(gateway, report.getVm(), atUs(report), "follows the claim," + under);
            case ABORTED ->
                notice(gateway, report.getVm(), atUs(report), "claim refused," + under + ": " + report.getError());
            default -> log.debug("{} of a claim at {}", report.getPhase(), gateway);
        }
    }

    /** By the gateway's own clock. */
    private long atUs(MigrationReport report) {
        return report.getTimelineCount() == 0
                ? time.nowUs()
                : report.getTimeline(report.getTimelineCount() - 1).getAtUs();
    }

    private void bind(String gateway, MigrationReport report) {
        String name = report.getVm();
        VmId vm = new VmId(name);
        Binding now = new Binding(vm, new GatewayId(gateway), new Epoch(report.getEpoch()));
        if (realm.vm(name).isEmpty() || realm.binding(name).filter(now::equals).isPresent()) {
            return; // deleted meanwhile, or said before
        }
        long known = realm.binding(name).map(b -> b.epoch().number()).orElse(0L);
        if (report.getEpoch() - known > MOST_EPOCHS_AHEAD) {
            notice(gateway, name, "an epoch far from any in use was not accepted: " + report.getEpoch());
            return;
        }
        try {
            commit(now);
        } catch (ConflictException neverReserved) {
            // The gateways took the next one without asking: used up here as well, so that no move gets it.
            Epoch reserved = realm.store().reserveEpoch(vm);
            while (now.epoch().isAfter(reserved)) {
                reserved = realm.store().reserveEpoch(vm);
            }
            try {
                commit(now);
            } catch (ConflictException e) {
                notice(gateway, name, "its claim came too late: " + e.getMessage());
                return;
            }
        }
        log.warn("VM {}: moved behind our back from {} to {}; bound as {}", vm, report.getClaimedFrom(), gateway, now);
    }

    /** The hypervisor of before is not where the VM is now; only a landing place tells which one is. */
    private void commit(Binding now) {
        String vm = now.vm().name();
        String gateway = now.gateway().name();
        List<Write> writes = new ArrayList<>();
        writes.add(new Write.Bind(now, "claimed"));
        realm.vm(vm).ifPresent(stored -> {
            Resource.Vm landed =
                    Inventory.landed(stored.value(), realm.landing(vm, gateway).map(Resource.Landing::qmp));
            boolean known = realm.landing(vm, gateway).isPresent();
            writes.add(Write.put(Kind.VM, vm, Json.write(known ? landed : landed.withoutHypervisor())));
        });
        writes.add(new Write.Delete(Kind.LANDING, Realm.landingKey(vm, gateway)));
        realm.store().commit(writes);
    }

    /** Kept for the VM's history. */
    void notice(String gateway, String vm, String text) {
        notice(gateway, vm, time.nowUs(), text);
    }

    private void notice(String gateway, String vm, long atUs, String text) {
        log.warn("VM {}: gateway {}: {}", vm, gateway, text);
        if (realm.vm(vm).isEmpty()) {
            return;
        }
        String key = String.format(Locale.ROOT, "%020d-%06d", time.nowUs(), NUMBER.incrementAndGet() % 1_000_000);
        List<Write> writes = new ArrayList<>();
        List<Entry> kept = realm.store().list(Kind.NOTICE);
        for (int i = 0; i <= kept.size() - NOTICES_KEPT; i++) {
            writes.add(new Write.Delete(Kind.NOTICE, kept.get(i).key()));
        }
        writes.add(
                Write.create(Kind.NOTICE, key, Json.write(new Resource.Notice(vm, gateway, Time.instant(atUs), text))));
        realm.store().commit(writes);
    }
}

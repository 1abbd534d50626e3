// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.wire.DropReason;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLongArray;

/** What the forwarder counts. One thread writes, without a fence; anyone reads, a little late. */
final class Counters {
    /** What is counted apart from drops; the text name is the constant in kebab case. */
    enum Kind {
        LAN_IN,
        LAN_OUT,
        WAN_IN,
        WAN_OUT,
        NATIVE_IN,
        NATIVE_OUT,
        RELAYED,
        HAIRPINNED,
        ARP_ANSWERED,
        ND_ANSWERED,
        FRAGMENTED,
        SPLIT,
        HANDED_ON,
        TOO_BIG_ANSWERED,
        MSS_CLAMPED,
        BUFFERED,
        FLUSHED,
        HELD,
        RESCUED,
        SIGNALS_IN,
        SIGNALS_OUT,
        SIGNALS_REJECTED,
        SIGNALS_IMPERSONATED,
        SIGNALS_REPLAYED,
        SEND_STALLED,
        STALLED,
        ROAMED,
        REKEYED,
        DAMAGE_SEEN,
        DAMAGE_REPORTED,
        DAMAGE_HEARD,
        OFFLOAD_DEMOTED,
        OFFLOAD_RESTORED,
        CLAIMS_MADE,
        CLAIMS_DELAYED,
        CLAIMS_AGREED,
        CLAIMS_REFUSED,
        SIGHTINGS_UNAUTHORISED,
        MAPPINGS_ASKED,
        MAPPINGS_LEARNT,
        MAPPINGS_UPDATED,
        MAPPINGS_REFUSED,
        LOCATOR_UPDATES_SENT,
        LOCATOR_UPDATES_TAKEN,
        LOCATOR_UPDATES_CONFIRMED,
        NONCES_SENT,
        LABEL_MESSAGES_IN,
        LABEL_MESSAGES_OUT,
        LABEL_MESSAGES_REFUSED,
        LABEL_TUNNELLED,
        DHCP_ANSWERED,
        ROUTERS_ADVERTISED,
        WORLD_IN,
        WORLD_OUT,
        FLOWS_BEGUN,
        FLOWS_SENT,
        FLOWS_TAKEN,
        SIGNAL_OCTETS,
        NODE_STATE_OCTETS,
        LOCATOR_MESSAGE_OCTETS,
        /** What a mechanism knew of a VM could not go with it. */
        MOVED_STATE_FAILED
    }

    private static final Kind[] KINDS = Kind.values();
    private static final DropReason[] REASONS = DropReason.values();

    private final AtomicLongArray kinds = new AtomicLongArray(KINDS.length);
    private final AtomicLongArray drops = new AtomicLongArray(REASONS.length);

    void add(Kind kind) {
        add(kind, 1);
    }

    void add(Kind kind, long n) {
        int i = kind.ordinal();
        kinds.setPlain(i, kinds.getPlain(i) + n);
    }

    void drop(DropReason reason) {
        int i = reason.ordinal();
        drops.setPlain(i, drops.getPlain(i) + 1);
    }

    long get(Kind kind) {
        return kinds.get(kind.ordinal());
    }

    long get(DropReason reason) {
        return drops.get(reason.ordinal());
    }

    /** Every counter that is not zero, by name. */
    Map<String, Long> snapshot() {
        Map<String, Long> out = new LinkedHashMap<>();
        for (Kind kind : KINDS) {
            put(out, kind.name(), kinds.get(kind.ordinal()));
        }
        for (DropReason reason : REASONS) {
            put(out, "drop-" + reason.name(), drops.get(reason.ordinal()));
        }
        return out;
    }

    private static void put(Map<String, Long> out, String name, long value) {
        if (value != 0) {
            out.put(name.toLowerCase(Locale.ROOT).replace('_', '-'), value);
        }
    }
}

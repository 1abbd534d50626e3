// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** The answer to {@code {"op":"stats"}}: counters since the start, per link and per place. */
final class WanStats {
    private WanStats() {}

    static ObjectNode describe(Forwarder forwarder, JsonMapper mapper) {
        ObjectNode stats = mapper.createObjectNode()
                .put("in_flight", forwarder.inFlight())
                .put("slots_used", forwarder.poolUsed())
                .put("slots", forwarder.poolCapacity())
                .put("late_over_200us", forwarder.lateOver200Us())
                .put("worst_late_us", forwarder.worstLateNs() / 1_000);
        ArrayNode links = stats.putArray("links");
        for (Link[] row : forwarder.links()) {
            for (Link link : row) {
                if (link != null) {
                    links.add(describe(link));
                }
            }
        }
        ArrayNode places = stats.putArray("places");
        for (Place place : forwarder.places()) {
            places.addObject()
                    .put("name", place.name)
                    .put("down", place.down)
                    .put("malformed", place.malformed)
                    .put("no_route", place.noRoute)
                    .put("not_unicast", place.notUnicast)
                    .put("ttl_expired", place.ttlExpired)
                    .put("too_long", place.tooLong)
                    .put("memory_exhausted", place.memoryExhausted)
                    .put("icmp_sent", place.icmpSent);
        }
        return stats;
    }

    private static ObjectNode describe(Link link) {
        LinkCounters counters = link.counters;
        ObjectNode json = WanConfig.describe(link.profile());
        return json.put("from", link.from.name)
                .put("to", link.to.name)
                .put("packets", counters.packets)
                .put("bytes", counters.bytes)
                .put("delivered", counters.delivered)
                .put("delivered_bytes", counters.deliveredBytes)
                .put("lost", counters.lost)
                .put("duplicated", counters.duplicated)
                .put("reordered", counters.reordered)
                .put("corrupted", counters.corrupted)
                .put("dropped_queue", counters.droppedQueue)
                .put("dropped_down", counters.droppedDown)
                .put("dropped_too_big", counters.droppedTooBig)
                .put("dropped_memory", counters.droppedMemory)
                .put("dropped_device", counters.droppedDevice);
    }
}

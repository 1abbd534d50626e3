// SPDX-License-Identifier: Apache-2.0
package io.sojourn.label;

import it.unimi.dsi.fastutil.longs.Long2ObjectOpenHashMap;
import it.unimi.dsi.fastutil.objects.Object2ObjectOpenHashMap;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Connections by what their hosts call each other, by where they are on the underlay, and by label. Bounded; looking up allocates nothing. */
final class FlowTable {
    private final int most;
    private final Object2ObjectOpenHashMap<Ends, Flow> byEnds = new Object2ObjectOpenHashMap<>();
    private final Object2ObjectOpenHashMap<Ends, Flow> byPlaces = new Object2ObjectOpenHashMap<>();
    private final Long2ObjectOpenHashMap<Flow> ofInitiators = new Long2ObjectOpenHashMap<>();
    private final Long2ObjectOpenHashMap<Flow> ofResponders = new Long2ObjectOpenHashMap<>();
    private final Ends probe = new Ends();

    FlowTable(int most) {
        this.most = most;
    }

    int size() {
        return byEnds.size();
    }

    boolean isFull() {
        return byEnds.size() >= most;
    }

    @Nullable
    Flow outbound(Segment s) {
        return byEnds.get(probe.outbound(s));
    }

    @Nullable
    Flow inbound(Segment s) {
        return byPlaces.get(probe.inbound(s));
    }

    /** What went out with those ends to the underlay. */
    @Nullable
    Flow departed(Segment s) {
        return byPlaces.get(probe.outbound(s));
    }

    /** The end of our side. @param isInitiator which of a label's two */
    @Nullable
    Flow labelled(long label, boolean isInitiator) {
        return (isInitiator ? ofInitiators : ofResponders).get(label);
    }

    @Nullable
    Flow between(Place own, Place peer) {
        return byEnds.get(Ends.of(own, peer));
    }

    /** Whose those places are. */
    @Nullable
    Flow at(Place ownPlace, Place peerPlace) {
        return byPlaces.get(Ends.of(ownPlace, peerPlace));
    }

    void add(Flow flow) {
        byEnds.put(Ends.of(flow.own, flow.peer), flow);
        byPlaces.put(Ends.of(flow.ownPlace, flow.peerPlace), flow);
        labelled(flow);
    }

    /** It has its secret. */
    void labelled(Flow flow) {
        if (flow.secret != null) {
            (flow.isInitiator ? ofInitiators : ofResponders).put(flow.label(), flow);
        }
    }

    void move(Flow flow, Place ownPlace, Place peerPlace) {
        byPlaces.remove(Ends.of(flow.ownPlace, flow.peerPlace), flow);
        flow.places(ownPlace, peerPlace);
        byPlaces.put(Ends.of(ownPlace, peerPlace), flow);
    }

    void remove(Flow flow) {
        byEnds.remove(Ends.of(flow.own, flow.peer), flow);
        byPlaces.remove(Ends.of(flow.ownPlace, flow.peerPlace), flow);
        if (flow.secret != null) {
            (flow.isInitiator ? ofInitiators : ofResponders).remove(flow.label(), flow);
        }
    }

    List<Flow> all() {
        return new ArrayList<>(byEnds.values());
    }

    Collection<Flow> view() {
        return byEnds.values();
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A move as it is stored, complete enough for a restarted controller to go on.
 *
 * @param shown what REST shows
 * @param vm as it was registered when the move was planned
 * @param boundEpoch of the binding that the VM had then
 * @param landingQmp the operator's own incoming QEMU; null: the gateway starts one
 * @param destinationQmp the QMP socket of the incoming QEMU, told by the destination
 * @param acknowledged the last sequence number taken from each gateway, by {@code gateway#boot-id}
 */
record MoveDocument(
        Resource.Migration shown,
        MoveState state,
        List<String> correspondents,
        Resource.Vm vm,
        long boundEpoch,
        @Nullable String landingQmp,
        @Nullable String streamToken,
        @Nullable String destinationQmp,
        Map<String, Long> acknowledged) {
    MoveDocument {
        correspondents = List.copyOf(correspondents);
        acknowledged = new TreeMap<>(acknowledged);
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.rpc.Command;
import io.sojourn.rpc.FlowInfo;
import io.sojourn.rpc.Flows;
import io.sojourn.rpc.ListFlows;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import org.jspecify.annotations.Nullable;

/** A VM's flows, as the gateway that it is at knows them. */
final class FlowLists {
    private static final Duration QUICK = Duration.ofSeconds(5);
    private static final int MOST = 1_000;

    private final Realm realm;
    private final Gateways gateways;

    FlowLists(Realm realm, Gateways gateways) {
        this.realm = realm;
        this.gateways = gateways;
    }

    /** @param most null: 1,000 */
    Resource.Flows of(String vm, @Nullable String most) {
        realm.knownVm(vm);
        String gateway = realm.binding(vm).map(b -> b.gateway().name()).orElse("");
        Command.Builder command = Command.newBuilder()
                .setListFlows(ListFlows.newBuilder().setVm(vm).setMost(number(most)));
        try {
            return shown(
                    vm, gateway, gateways.ask(gateway, command, QUICK).get().getFlows());
        } catch (ExecutionException e) {
            String why = e.getCause() == null ? null : e.getCause().getMessage();
            throw new RefusalException(
                    503,
                    "gateway-silent",
                    "gateway '" + gateway + "' does not say: " + (why == null ? "no answer" : why));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new RefusalException(503, "gateway-silent", "interrupted");
        }
    }

    private static int number(@Nullable String most) {
        try {
            return most == null ? MOST : Integer.parseInt(most);
        } catch (NumberFormatException e) {
            throw RefusalException.invalid("most: '" + most + "' is not a number");
        }
    }

    private static Resource.Flows shown(String vm, String gateway, Flows told) {
        int draining = told.getByEgressMap().entrySet().stream()
                .filter(e -> !e.getKey().equals(gateway))
                .mapToInt(java.util.Map.Entry::getValue)
                .sum();
        return new Resource.Flows(
                vm,
                gateway,
                told.getOfVm(),
                told.getByEgressMap(),
                draining,
                told.getInTable(),
                told.getCapacity(),
                told.getFlowsList().stream().map(FlowLists::shown).toList());
    }

    private static Resource.Flows.Flow shown(FlowInfo flow) {
        return new Resource.Flows.Flow(
                flow.getProtocol(),
                flow.getLocal(),
                flow.getRemote(),
                flow.getOuter().isEmpty() ? null : flow.getOuter(),
                flow.getEgress().isEmpty() ? null : flow.getEgress(),
                flow.getState(),
                flow.getIdleS(),
                flow.getEndsInS(),
                flow.getAgeS());
    }
}

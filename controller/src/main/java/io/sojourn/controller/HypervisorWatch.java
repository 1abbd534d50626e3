// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.rpc.CheckHypervisor;
import io.sojourn.rpc.Command;
import java.time.Duration;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Asks now and then whether the hypervisors of our VMs answer, where the gateway does not tell it in its heartbeats. Never waits. */
final class HypervisorWatch implements Runnable {
    private static final Logger log = LoggerFactory.getLogger(HypervisorWatch.class);
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private final Realm realm;
    private final Gateways gateways;
    private final Orchestrator orchestrator;

    HypervisorWatch(Realm realm, Gateways gateways, Orchestrator orchestrator) {
        this.realm = realm;
        this.gateways = gateways;
        this.orchestrator = orchestrator;
    }

    @Override
    public void run() {
        try {
            Map<String, String> moving = orchestrator.movesByVm();
            for (Resource.Vm vm : realm.vms()) {
                String gateway =
                        realm.binding(vm.name()).map(b -> b.gateway().name()).orElse("");
                boolean isQuestion = !vm.qmp().isEmpty() && !moving.containsKey(vm.name());
                if (isQuestion && gateways.isConnected(gateway) && !gateways.tellsHosted(gateway)) {
                    ask(vm, gateway);
                }
            }
        } catch (RuntimeException e) {
            log.debug("hypervisors not looked at", e);
        }
    }

    private void ask(Resource.Vm vm, String gateway) {
        CheckHypervisor check =
                CheckHypervisor.newBuilder().setVm(vm.name()).setQmp(vm.qmp()).build();
        var _ = gateways.ask(gateway, Command.newBuilder().setCheckHypervisor(check), PATIENCE)
                .whenComplete(
                        (reply, _) -> gateways.hostedSeen(gateway, vm.name(), reply == null ? "unknown" : "running"));
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/** Several VMs of one site move together, by one request, there and back. */
final class Gang extends Scenario {
    private static final int VMS = 4;
    private static final int MOST_VMS = 9;

    Gang() {
        super("gang", "several VMs (--vms, 4) move together by one request, once round the sites", 3, 100);
    }

    @Override
    List<GuestPlan> guests(Topology topology, ScenarioOptions options) {
        int vms = options.vms() == 0 ? VMS : options.vms();
        if (vms < 1 || vms > MOST_VMS) {
            throw new LabException("scenario 'gang' takes 1 to " + MOST_VMS + " VMs, not " + vms);
        }
        return IntStream.rangeClosed(1, vms)
                .mapToObj(number -> GuestPlan.web(number, topology.sites().getFirst()))
                .toList();
    }

    @Override
    Traffic.Load load() {
        return Traffic.Load.SPARSE;
    }

    @Override
    Play begin(Topology topology, ScenarioOptions options) {
        List<String> destinations = Tour.destinations(topology, count(options));
        int of = destinations.size() * guests(topology, options).size();
        return (stage, findings) -> {
            for (String destination : destinations) {
                List<String> to = new ArrayList<>();
                stage.movers().forEach(mover -> to.add(destination));
                Mover.together(stage.movers(), to).forEach(move -> stage.note(move, of, findings));
                if (stage.movers().stream().anyMatch(mover -> !mover.at().equals(destination))) {
                    findings.problems.add("stopped, as not every VM came to " + destination);
                    break;
                }
            }
            return false;
        };
    }
}

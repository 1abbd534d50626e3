// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.flow.Rule;
import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.registry.Entry;
import io.sojourn.registry.Kind;
import io.sojourn.registry.Write;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Rules of VMs and networks, and VMs' floating addresses: looked at before they are stored. Thread-safe. */
final class Policies {
    private final Realm realm;

    Policies(Realm realm) {
        this.realm = realm;
    }

    static String ofVm(String name) {
        return "vm/" + name;
    }

    static String ofNetwork(String name) {
        return "network/" + name;
    }

    static Resource.Policy read(Optional<String> stored) {
        return stored.map(json -> Json.read(json, Resource.Policy.class)).orElse(Resource.Policy.NONE);
    }

    List<Resource.Policy> all() {
        return realm.store().list(Kind.POLICY).stream()
                .map(entry -> Json.read(entry.value(), Resource.Policy.class))
                .toList();
    }

    Resource.Policy vm(String name) {
        realm.knownVm(name);
        return of(ofVm(name));
    }

    Resource.Policy network(String name) {
        if (realm.network(name).isEmpty()) {
            throw RefusalException.unknown("network", name);
        }
        return of(ofNetwork(name));
    }

    private Resource.Policy of(String key) {
        Resource.Policy stored = read(realm.store().get(Kind.POLICY, key).map(Entry::value));
        return new Resource.Policy(key, stored.lines(), stored.addresses());
    }

    /** What the change does not name stays. */
    synchronized Resource.Policy changeVm(String name, Resource.Policy change) {
        Resource.Vm vm = realm.knownVm(name).value();
        Resource.Policy old = vm(name);
        List<Resource.Floating> floating = new ArrayList<>();
        for (Resource.Floating wanted : change.floating() == null ? List.<Resource.Floating>of() : change.addresses()) {
            floating.add(floating(vm, wanted));
        }
        return store(new Resource.Policy(
                ofVm(name), rules(change, old), change.floating() == null ? old.addresses() : floating));
    }

    synchronized Resource.Policy changeNetwork(String name, Resource.Policy change) {
        Resource.Policy old = network(name);
        if (!change.addresses().isEmpty()) {
            throw RefusalException.invalid("floating: an address leads to a VM, not to a network");
        }
        return store(new Resource.Policy(ofNetwork(name), rules(change, old), List.of()));
    }

    private Resource.Policy store(Resource.Policy policy) {
        realm.store().commit(List.of(Write.put(Kind.POLICY, String.valueOf(policy.of()), Json.write(policy))));
        return policy;
    }

    /** It is gone. */
    synchronized void forget(String key) {
        if (realm.store().get(Kind.POLICY, key).isPresent()) {
            realm.store().commit(List.of(new Write.Delete(Kind.POLICY, key)));
        }
    }

    private static List<String> rules(Resource.Policy change, Resource.Policy old) {
        if (change.rules() == null) {
            return old.lines();
        }
        List<String> rules = new ArrayList<>();
        for (String line : change.lines()) {
            try {
                rules.add(Rule.parse(line).toString());
            } catch (IllegalArgumentException e) {
                throw RefusalException.invalid("rules: " + e.getMessage());
            }
        }
        return rules;
    }

    private Resource.Floating floating(Resource.Vm vm, Resource.Floating wanted) {
        IpAddress address = parsed(wanted.address());
        boolean routed = realm.gateways().stream()
                .flatMap(g -> (g.floating() == null ? List.<String>of() : g.floating()).stream())
                .anyMatch(prefix -> IpPrefix.parse(prefix).contains(address));
        if (!routed) {
            throw RefusalException.invalid("floating: " + address
                    + " is in no gateway's egress.floating; add its prefix to gateway.yaml where it is routed to");
        }
        wanted.ports().forEach(Policies::port);
        for (Resource.Policy other : all()) {
            for (Resource.Floating taken : other.addresses()) {
                boolean whole = taken.ports().isEmpty() || wanted.ports().isEmpty();
                boolean clashes = !ofVm(vm.name()).equals(other.of())
                        && taken.address().equals(address.toString())
                        && (whole || taken.ports().stream().anyMatch(p -> sameOuter(p, wanted.ports())));
                if (clashes) {
                    throw new RefusalException(
                            409, "floating-taken", address + " leads to " + other.of() + ": remove it there first");
                }
            }
        }
        for (Resource.Nic nic : vm.nics()) {
            for (String own : nic.addresses()) {
                IpAddress candidate = IpAddress.parse(own);
                boolean fits = wanted.to() == null
                        ? candidate.isV6() == address.isV6()
                        : candidate.equals(parsed(wanted.to()));
                if (fits && (wanted.network() == null || wanted.network().equals(nic.network()))) {
                    return new Resource.Floating(
                            address.toString(), nic.network(), candidate.toString(), wanted.ports());
                }
            }
        }
        throw RefusalException.invalid(
                "floating: VM '" + vm.name() + "' has no address of its own that " + address + " could lead to");
    }

    private static boolean sameOuter(String port, List<String> others) {
        return others.stream().anyMatch(o -> o.split("=", 2)[0].equals(port.split("=", 2)[0]));
    }

    private static void port(String text) {
        if (!text.matches("(tcp|udp)/\\d{1,5}(=\\d{1,5})?")) {
            throw RefusalException.invalid("ports: '" + text + "' is no port such as tcp/443 or tcp/443=8443");
        }
    }

    private static IpAddress parsed(String text) {
        try {
            return IpAddress.parse(text);
        } catch (IllegalArgumentException e) {
            throw RefusalException.invalid("floating: " + e.getMessage());
        }
    }
}

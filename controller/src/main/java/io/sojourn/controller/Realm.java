// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.model.binding.Binding;
import io.sojourn.model.identity.VmId;
import io.sojourn.registry.BindingStore;
import io.sojourn.registry.Entry;
import io.sojourn.registry.Kind;
import io.sojourn.registry.Write;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;

/** The registry with types: everything that this controller is responsible for. */
final class Realm {
    /** A stored thing together with what compare-and-set needs. */
    record Stored<T>(T value, long version) {}

    private static final String SIGNAL_KEY = "signal-key";
    private static final int SHORTEST_PREFIX = 4;
    private static final int MIGRATIONS_SHOWN = 1000;

    private final BindingStore store;

    Realm(BindingStore store) {
        this.store = store;
    }

    BindingStore store() {
        return store;
    }

    private <T> List<T> all(Kind kind, Class<T> type) {
        return store.list(kind).stream().map(e -> Json.read(e.value(), type)).toList();
    }

    private <T> Optional<Stored<T>> one(Kind kind, String key, Class<T> type) {
        return store.get(kind, key).map(e -> new Stored<>(Json.read(e.value(), type), e.version()));
    }

    List<Resource.Network> networks() {
        return all(Kind.NETWORK, Resource.Network.class);
    }

    Optional<Resource.Network> network(String name) {
        return one(Kind.NETWORK, name, Resource.Network.class).map(Stored::value);
    }

    List<GatewayDocument> gateways() {
        return all(Kind.GATEWAY, GatewayDocument.class);
    }

    Optional<GatewayDocument> gateway(String name) {
        return one(Kind.GATEWAY, name, GatewayDocument.class).map(Stored::value);
    }

    Map<String, GatewayDocument> gatewaysByName() {
        return gateways().stream().collect(Collectors.toMap(GatewayDocument::name, Function.identity()));
    }

    /** As registered: without what is only known at the moment of asking. */
    List<Resource.Vm> vms() {
        return all(Kind.VM, Resource.Vm.class);
    }

    Optional<Stored<Resource.Vm>> vm(String name) {
        return one(Kind.VM, name, Resource.Vm.class);
    }

    Stored<Resource.Vm> knownVm(String name) {
        return vm(name).orElseThrow(() -> RefusalException.unknown("vm", name));
    }

    Optional<Binding> binding(String vm) {
        return store.binding(new VmId(vm));
    }

    List<Resource.Landing> landings(String vm) {
        return all(Kind.LANDING, Resource.Landing.class).stream()
                .filter(landing -> vm.equals(landing.vm()))
                .toList();
    }

    Optional<Resource.Landing> landing(String vm, String gateway) {
        return one(Kind.LANDING, landingKey(vm, gateway), Resource.Landing.class)
                .map(Stored::value);
    }

    /** What gateways said about a VM, oldest first. */
    List<Resource.Notice> notices(String vm) {
        return all(Kind.NOTICE, Resource.Notice.class).stream()
                .filter(notice -> notice.vm().equals(vm))
                .toList();
    }

    static String landingKey(String vm, String gateway) {
        return vm + "/" + gateway;
    }

    List<MoveDocument> moves() {
        return store.newest(Kind.MIGRATION, MIGRATIONS_SHOWN).stream()
                .map(Entry::value)
                .map(json -> Json.read(json, MoveDocument.class))
                .toList();
    }

    Optional<MoveDocument> move(String id) {
        return one(Kind.MIGRATION, id, MoveDocument.class).map(Stored::value);
    }

    /**
     * By its id, by the id's first four or more characters, or by VM and epoch as in {@code web1-e2}.
     *
     * @throws RefusalException if there is none, or several
     */
    MoveDocument findMove(String name) {
        Optional<MoveDocument> exact = move(name);
        if (exact.isPresent()) {
            return exact.get();
        }
        List<MoveDocument> found = moves().stream()
                .filter(m -> name.length() >= SHORTEST_PREFIX && m.shown().id().startsWith(name)
                        || name.equals(m.shown().vm() + "-e" + m.shown().epoch()))
                .toList();
        if (found.size() > 1) {
            throw RefusalException.invalid("several migrations begin with '" + name + "': write more of the id");
        }
        return found.stream().findFirst().orElseThrow(() -> RefusalException.unknown("migration", name, "migrations"));
    }

    /** 32 octets, made once and kept: gateways authenticate their signals to each other with it (HMAC-SHA256). */
    byte[] signalKey() {
        Optional<Entry> kept = store.get(Kind.SECRET, SIGNAL_KEY);
        if (kept.isPresent()) {
            return HexFormat.of().parseHex(kept.get().value());
        }
        byte[] key = new byte[32];
        new SecureRandom().nextBytes(key);
        store.commit(
                List.of(Write.create(Kind.SECRET, SIGNAL_KEY, HexFormat.of().formatHex(key))));
        return key;
    }
}

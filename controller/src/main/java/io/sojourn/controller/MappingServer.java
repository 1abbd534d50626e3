// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.model.identity.IpAddress;
import io.sojourn.model.identity.IpPrefix;
import io.sojourn.rpc.Mat;
import io.sojourn.rpc.MatMapping;
import io.sojourn.rpc.MatMobile;
import io.sojourn.rpc.MatQuery;
import io.sojourn.rpc.MatRefusal;
import io.sojourn.rpc.MatRegistered;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * MAT's mapping server (IMS, docs/protocol/mat.md): which mobile addresses a home address is reached by, as the gateways register it, and who has asked. What it knows ends with
 * its lifetime and is not stored: after a restart gateways register again within 20 s, and what they have in their caches lasts longer.
 *
 * <p>A gateway may register a VM that is bound to it, or is on a move to it, and the hosts that are at home at its site; mobile addresses are in its own page. Who speaks is
 * known by the certificate of its stream. Thread-safe.
 */
final class MappingServer {
    private static final int LIFETIME_MAX_S = 3_600;
    private static final int MOBILES_MAX = 8;
    private static final long US_PER_S = 1_000_000;

    private record Registered(List<MatMobile> mobiles, long sequence, long revision, long endsUs) {}

    private static final class Home {
        /** By gateway. */
        final Map<String, Registered> mobiles = new TreeMap<>();
        /** Gateways that asked, and until when they go by the answer. */
        final Map<String, Long> correspondents = new TreeMap<>();

        long sequence = -1;
    }

    private final Realm realm;
    private final Time time;
    private final Map<String, Home> homes = new HashMap<>();

    MappingServer(Realm realm, Time time) {
        this.realm = realm;
        this.time = time;
    }

    /** What is to be said to a gateway. */
    record Said(String gateway, Mat message) {}

    /**
     * The answer first, then what others have to know.
     *
     * @param gateway who speaks
     */
    synchronized List<Said> heard(String gateway, Mat message) {
        return switch (message.getMessageCase()) {
            case REGISTER -> List.of(new Said(gateway, register(gateway, message.getRegister())));
            case QUERY -> query(gateway, message.getQuery());
            case REGISTERED, ANSWER, REFUSE, MESSAGE_NOT_SET -> List.of();
        };
    }

    private static String key(String network, String home) {
        return network + " " + home;
    }

    private Mat register(String gateway, MatMapping wanted) {
        String wrong = wrong(gateway, wanted);
        Home home = homes.getOrDefault(key(wanted.getNetwork(), wanted.getHome()), new Home());
        if (wrong.isEmpty() && wanted.getSequence() < home.sequence) {
            wrong = "sequence " + wanted.getSequence() + " is older than " + home.sequence;
        }
        Registered before = home.mobiles.get(gateway);
        if (wrong.isEmpty()
                && before != null
                && before.sequence() == wanted.getSequence()
                && before.revision() > wanted.getRevision()) {
            wrong = "revision " + wanted.getRevision() + " is older than " + before.revision();
        }
        if (!wrong.isEmpty()) {
            return refusal(wanted.getNetwork(), wanted.getHome(), wrong);
        }
        homes.put(key(wanted.getNetwork(), wanted.getHome()), home);
        int lifetimeS = Math.clamp(wanted.getLifetimeS(), 1, LIFETIME_MAX_S);
        long nowUs = time.nowUs();
        if (wanted.getMobileList().stream().anyMatch(mobile -> mobile.getPreference() > 0)) {
            home.sequence = wanted.getSequence();
            home.mobiles.values().removeIf(other -> other.sequence() < wanted.getSequence());
        }
        home.mobiles.put(
                gateway,
                new Registered(
                        wanted.getMobileList(),
                        wanted.getSequence(),
                        wanted.getRevision(),
                        nowUs + lifetimeS * US_PER_S));
        home.correspondents.values().removeIf(endsUs -> endsUs < nowUs);
        return registered(gateway, wanted.getNetwork(), wanted.getHome(), wanted.getSequence(), lifetimeS, home);
    }

    private static Mat registered(
            String gateway, String network, String address, long sequence, int lifetimeS, Home home) {
        return Mat.newBuilder()
                .setRegistered(MatRegistered.newBuilder()
                        .setNetwork(network)
                        .setHome(address)
                        .setSequence(sequence)
                        .setLifetimeS(lifetimeS)
                        .addAllCorrespondents(home.correspondents.keySet().stream()
                                .filter(asker -> !asker.equals(gateway))
                                .toList()))
                .build();
    }

    /** Who asks for the first time is made known to those who registered: they may have to tell him something before they next register. */
    private List<Said> query(String gateway, MatQuery asked) {
        long nowUs = time.nowUs();
        Home home = homes.get(key(asked.getNetwork(), asked.getHome()));
        if (home != null) {
            home.mobiles.values().removeIf(mobile -> mobile.endsUs() < nowUs);
        }
        if (home == null || home.mobiles.isEmpty()) {
            return List.of(new Said(gateway, refusal(asked.getNetwork(), asked.getHome(), "nobody has registered it")));
        }
        List<Said> said = new ArrayList<>();
        long endsUs = home.mobiles.values().stream()
                .mapToLong(Registered::endsUs)
                .min()
                .orElse(nowUs);
        int lifetimeS = (int) Math.max(1, (endsUs - nowUs) / US_PER_S);
        boolean isNew = home.correspondents.put(gateway, nowUs + LIFETIME_MAX_S * US_PER_S) == null;
        said.add(new Said(gateway, answer(asked, home, lifetimeS)));
        Home known = home;
        home.mobiles.forEach((registrant, each) -> {
            if (isNew && !registrant.equals(gateway)) {
                said.add(new Said(
                        registrant,
                        registered(
                                registrant,
                                asked.getNetwork(),
                                asked.getHome(),
                                each.sequence(),
                                (int) Math.max(1, (each.endsUs() - nowUs) / US_PER_S),
                                known)));
            }
        });
        return said;
    }

    private static Mat answer(MatQuery asked, Home home, int lifetimeS) {
        return Mat.newBuilder()
                .setAnswer(MatMapping.newBuilder()
                        .setNetwork(asked.getNetwork())
                        .setHome(asked.getHome())
                        .setSequence(Math.max(0, home.sequence))
                        .setLifetimeS(lifetimeS)
                        .setRevision(home.mobiles.values().stream()
                                .mapToLong(Registered::revision)
                                .max()
                                .orElse(0))
                        .addAllMobile(home.mobiles.values().stream()
                                .flatMap(registered -> registered.mobiles().stream())
                                .toList()))
                .build();
    }

    private static Mat refusal(String network, String home, String reason) {
        return Mat.newBuilder()
                .setRefuse(MatRefusal.newBuilder()
                        .setNetwork(network)
                        .setHome(home)
                        .setReason(reason))
                .build();
    }

    /** Empty: it may. */
    private String wrong(String gateway, MatMapping wanted) {
        Optional<GatewayDocument> document = realm.gateway(gateway);
        List<MatMobile> mobiles = wanted.getMobileList();
        if (document.isEmpty()
                || mobiles.isEmpty()
                || mobiles.size() > MOBILES_MAX
                || !mobiles.stream().allMatch(mobile -> mobile.getGateway().equals(gateway))) {
            return "a gateway registers mobile addresses of its own, one an uplink";
        }
        try {
            for (MatMobile each : mobiles) {
                IpAddress mobile = IpAddress.parse(each.getAddress());
                if (document.get().pages().stream()
                        .noneMatch(page -> IpPrefix.parse(page).contains(mobile))) {
                    return mobile + " is not in the page of gateway " + gateway;
                }
            }
        } catch (IllegalArgumentException e) {
            return String.valueOf(e.getMessage());
        }
        return wanted.getHome().indexOf('/') < 0
                ? wrongVm(gateway, wanted)
                : wrongHosts(document.get().site(), wanted);
    }

    private String wrongVm(String gateway, MatMapping wanted) {
        Optional<Resource.Vm> vm = realm.vms().stream()
                .filter(candidate -> candidate.nics().stream()
                        .anyMatch(nic -> nic.network().equals(wanted.getNetwork())
                                && nic.addresses().contains(wanted.getHome())))
                .findFirst();
        if (vm.isEmpty()) {
            return "no VM has that address";
        }
        String name = vm.get().name();
        boolean bound = realm.binding(name)
                .map(binding -> binding.gateway().name().equals(gateway))
                .orElse(false);
        return bound || isComing(name, gateway) ? "" : "VM " + name + " is not bound to gateway " + gateway;
    }

    private boolean isComing(String vm, String gateway) {
        return realm.moves().stream()
                .map(MoveDocument::shown)
                .anyMatch(
                        move -> move.vm().equals(vm) && move.toGateway().equals(gateway) && move.finishedAt() == null);
    }

    private String wrongHosts(String site, MatMapping wanted) {
        boolean own = realm.network(wanted.getNetwork()).map(Resource.Network::subnets).orElse(List.of()).stream()
                .anyMatch(subnet -> subnet.prefix().equals(wanted.getHome())
                        && (site.equals(subnet.homeSite()) || site.equals(subnet.nextSite())));
        return own ? "" : "it is not at home at site " + site;
    }
}

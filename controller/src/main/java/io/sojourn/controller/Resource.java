// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What crosses the REST interface, field for field as in openapi.yaml, where each is described. Null is absent; lists and maps
 * that are absent read as empty, except where an absent one means something ({@link VmChange}).
 */
public sealed interface Resource {
    record ErrorBody(Problem error) implements Resource {
        public record Problem(String code, String message) {}
    }

    record ItemList<T>(long revision, List<T> items) implements Resource {}

    String STRICT = "strict";
    String RELAXED = "relaxed";

    /** Null if it is a word for how a move keeps the order of packets, or none; else what is wrong with it. */
    static @Nullable String wrongOrdering(@Nullable String ordering) {
        return ordering == null || ordering.equals(STRICT) || ordering.equals(RELAXED)
                ? null
                : "ordering '" + ordering + "': must be strict or relaxed";
    }

    /**
     * @param pageNumber of its hosts in a page, assigned; null or 0: none
     * @param homeEpoch how often its home has changed; null: never
     * @param nextSite becoming its home; null: nowhere
     */
    record Subnet(
            String prefix,
            @Nullable String gateway,
            @Nullable String homeSite,
            @Nullable Integer pageNumber,
            @Nullable Long homeEpoch,
            @Nullable String nextSite) {
        Subnet(String prefix, @Nullable String gateway, @Nullable String homeSite, @Nullable Integer pageNumber) {
            this(prefix, gateway, homeSite, pageNumber, null, null);
        }

        /** Its hosts may be there, and are still where they were. */
        Subnet onTheWayTo(String site) {
            return new Subnet(prefix, gateway, homeSite, pageNumber, homeEpoch, site);
        }

        Subnet at(String site) {
            return new Subnet(prefix, gateway, site, pageNumber, homeEpoch == null ? 1L : homeEpoch + 1, null);
        }
    }

    /**
     * What is to be another from now on.
     *
     * @param subnets whose home changes; the rest of each is as it was
     * @param locatorRules instead of all there were; null: as they were
     * @param withdrawn instead of all there were; null: as they were
     */
    record NetworkChange(
            List<Subnet> subnets,
            @Nullable List<LocatorRule> locatorRules,
            @Nullable List<String> withdrawn) implements Resource {
        public NetworkChange {
            subnets = list(subnets);
        }
    }

    /**
     * Which of its site's locators a session uses (RFC 6748 section 5).
     *
     * @param node by its IPv6 address; null: any
     * @param correspondent by its IPv6 address; null: any
     */
    record LocatorRule(@Nullable String node, @Nullable String correspondent, String use) {}

    record Network(
            String name,
            @Nullable Integer vni,
            @Nullable String mechanism,
            @Nullable Integer mtu,
            @Nullable String ordering,
            @Nullable String transparency,
            List<Subnet> subnets,
            @Nullable List<LocatorRule> locatorRules,
            @Nullable List<String> withdrawn)
            implements Resource {
        List<LocatorRule> rules() {
            return locatorRules == null ? List.of() : locatorRules;
        }

        boolean isWithdrawn(String prefix) {
            return withdrawn != null && withdrawn.contains(prefix);
        }

        /** Of a move of its VMs: strict unless it is to be relaxed. */
        boolean isRelaxed() {
            return RELAXED.equals(ordering);
        }

        public Network {
            subnets = list(subnets);
        }
    }

    record Site(String name, List<String> gateways, List<String> vms, boolean connected) implements Resource {
        public Site {
            gateways = list(gateways);
            vms = list(vms);
        }
    }

    record Host(boolean canLaunch, String acceleration, long memoryFreeBytes, String cpuModel, String qemuVersion) {
        static final Host UNKNOWN = new Host(false, "", 0, "", "");
    }

    record Path(
            String from,
            String to,
            boolean reachable,
            long rttUs,
            long clockOffsetUs,
            int mtu,
            @Nullable Instant reportedAt) {}

    /** @param validMinutes null: an hour */
    record GatewayTokenRequest(
            @Nullable String site,
            @Nullable String gateway,
            @Nullable Integer validMinutes) implements Resource {}

    /**
     * @param token for {@code enrolment-token} in gateway.yaml; shown this once
     * @param enrolled the gateway is enrolled already; with this token it can enrol anew, with other keys
     */
    record GatewayToken(String site, String gateway, String token, Instant validUntil, boolean enrolled)
            implements Resource {}

    record Gateway(
            String name,
            String site,
            String locator,
            boolean connected,
            String software,
            long appliedVersion,
            long tableVersion,
            List<String> networks,
            Host host,
            Map<String, String> hosted,
            Map<String, Long> counters,
            @Nullable Long clockOffsetUs,
            @Nullable Long clockUncertaintyUs,
            @Nullable Instant lastSeenAt,
            @Nullable Instant certifiedUntil)
            implements Resource {
        public Gateway {
            networks = list(networks);
            hosted = map(hosted);
            counters = map(counters);
        }
    }

    record Nic(
            String mac,
            String network,
            List<String> addresses,
            @Nullable String tap,
            @Nullable List<Integer> pageNumbers) {
        public Nic {
            addresses = list(addresses);
            pageNumbers = list(pageNumbers);
        }

        List<Integer> numbers() {
            return pageNumbers == null ? List.of() : pageNumbers;
        }
    }

    record Vm(
            String name,
            List<Nic> nics,
            @Nullable String site,
            @Nullable String gateway,
            @Nullable String hypervisor,
            @Nullable String template,
            @Nullable Map<String, String> parameters,
            @Nullable String mechanism,
            @Nullable String transparency,
            @Nullable Long epoch,
            @Nullable String state,
            @Nullable String migration,
            @Nullable List<String> warnings)
            implements Resource {
        public Vm {
            nics = list(nics);
            parameters = map(parameters);
        }

        /** The path of the QMP socket; empty if the hypervisor is not ours to talk to. */
        String qmp() {
            return hypervisor == null ? "" : HypervisorUri.qmpPath(hypervisor);
        }

        Vm withoutHypervisor() {
            return new Vm(
                    name,
                    nics,
                    site,
                    gateway,
                    null,
                    template,
                    parameters,
                    mechanism,
                    transparency,
                    epoch,
                    state,
                    migration,
                    warnings);
        }

        Map<String, String> filling() {
            return parameters == null ? Map.of() : parameters;
        }
    }

    record VmChange(
            @Nullable List<Nic> nics,
            @Nullable String site,
            @Nullable String gateway,
            @Nullable String hypervisor,
            @Nullable String template,
            @Nullable Map<String, String> parameters,
            @Nullable String mechanism,
            @Nullable String transparency)
            implements Resource {}

    record History(String vm, List<Line> items, List<Notice> notices) implements Resource {
        public record Line(
                String gateway, @Nullable String site, long epoch, Instant since, long revision, String cause) {}
    }

    /** How packets get to a VM: one way for each of its addresses that the sender can speak to. */
    record Explanation(String vm, String from, List<Way> ways) implements Resource {
        public record Way(String network, String source, String destination, List<Hop> hops, int addedBytes) {}

        /** @param addedBytes on the way to the next hop */
        public record Hop(String gateway, List<String> lines, int addedBytes) {}
    }

    /** @param to the VM's own address; null: its first of the family @param ports {@code tcp/443=8443}; none: one to one */
    record Floating(
            String address,
            @Nullable String network,
            @Nullable String to,
            List<String> ports) {
        public Floating {
            ports = list(ports);
        }
    }

    /**
     * Rules and floating addresses.
     *
     * @param of {@code vm/NAME} or {@code network/NAME}
     */
    record Policy(
            @Nullable String of,
            @Nullable List<String> rules,
            @Nullable List<Floating> floating) implements Resource {
        static final Policy NONE = new Policy(null, List.of(), List.of());

        List<String> lines() {
            return rules == null ? List.of() : rules;
        }

        List<Floating> addresses() {
            return floating == null ? List.of() : floating;
        }
    }

    /**
     * What the VM's gateway knows of its flows.
     *
     * @param gateway where the VM is
     * @param count all of them
     * @param byEgress how many leave by which gateway
     * @param draining of these, how many leave where the VM is no longer
     * @param inTable of all VMs
     */
    record Flows(
            String vm,
            String gateway,
            int count,
            Map<String, Integer> byEgress,
            int draining,
            int inTable,
            int capacity,
            List<Flow> items)
            implements Resource {
        /** @param outer what the world sees, if it leaves there @param egress null: it stays in the network */
        public record Flow(
                String protocol,
                String local,
                String remote,
                @Nullable String outer,
                @Nullable String egress,
                String state,
                int idleS,
                int endsInS,
                int ageS) {}
    }

    /** What a gateway had to say about a VM: a claim refused, somebody using its address. */
    record Notice(String vm, String gateway, Instant at, String text) implements Resource {}

    record Landing(
            @Nullable String vm,
            @Nullable String site,
            @Nullable String gateway,
            String qmp,
            @Nullable Instant createdAt)
            implements Resource {}

    record MigrationRequest(
            String vm,
            String to,
            @Nullable Integer bandwidthMbit,
            @Nullable Integer maxPauseMs,
            @Nullable Integer maxTotalS,
            @Nullable String ordering,
            @Nullable Boolean capture)
            implements Resource {}

    /** Several moves to one destination, asked for at once. */
    record GangRequest(
            List<String> vms,
            String to,
            @Nullable Integer bandwidthMbit,
            @Nullable Integer maxPauseMs,
            @Nullable Integer maxTotalS,
            @Nullable String ordering,
            @Nullable Boolean capture)
            implements Resource {
        MigrationRequest of(String vm) {
            return new MigrationRequest(vm, to, bandwidthMbit, maxPauseMs, maxTotalS, ordering, capture);
        }
    }

    record Progress(
            long bytesTotal,
            long bytesRemaining,
            long bytesSent,
            long bytesPerS,
            long dirtyBytesPerS,
            int pass,
            long etaMs) {
        static final Progress NONE = new Progress(0, 0, 0, 0, 0, 0, -1);
    }

    record TimelineEntry(long atUs, String where, String event, String detail, long offsetUs) {}

    record Counts(
            Map<String, Long> source, Map<String, Long> destination, Map<String, Map<String, Long>> correspondents) {
        static final Counts NONE = new Counts(Map.of(), Map.of(), Map.of());

        public Counts {
            source = map(source);
            destination = map(destination);
            correspondents = map(correspondents);
        }
    }

    record Migration(
            String id,
            String vm,
            String from,
            String to,
            String fromGateway,
            String toGateway,
            long epoch,
            String state,
            @Nullable String error,
            @Nullable Integer bandwidthMbit,
            @Nullable Integer maxPauseMs,
            @Nullable Integer maxTotalS,
            String ordering,
            @Nullable Boolean capture,
            Progress progress,
            List<TimelineEntry> timeline,
            Counts counts,
            @Nullable Double pauseMs,
            @Nullable Long totalMs,
            @Nullable Long wanBytes,
            Instant createdAt,
            @Nullable Instant finishedAt)
            implements Resource {
        public Migration {
            timeline = list(timeline);
        }
    }

    record Event(
            long revision,
            @Nullable Instant at,
            String kind,
            String name,
            String change,
            @Nullable Object value) implements Resource {}

    /** @param key Ed25519, in hexadecimal @param since when the gateway first presented it */
    record SigningKey(String gateway, String key, Instant since) implements Resource {}

    record Status(
            String software,
            Instant startedAt,
            long nowUs,
            long revision,
            long tableVersion,
            int networks,
            int vms,
            List<Gateway> gateways,
            List<Path> paths,
            List<Migration> migrations,
            List<String> warnings)
            implements Resource {}

    private static <T> List<T> list(@Nullable List<T> given) {
        return given == null ? List.of() : List.copyOf(given);
    }

    private static <T> Map<String, T> map(@Nullable Map<String, T> given) {
        return given == null ? Map.of() : Collections.unmodifiableMap(new TreeMap<>(given));
    }
}

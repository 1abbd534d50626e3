// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.rpc.Hello;
import io.sojourn.rpc.HostFacts;
import io.sojourn.rpc.NetworkLocators;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What is stored of a gateway: its last Hello, without the secret, and whether it is connected. */
record GatewayDocument(
        String name,
        String site,
        String locator,
        boolean connected,
        String software,
        long bootId,
        List<String> networks,
        Resource.Host host,
        @Nullable String sealKey,
        @Nullable String page4,
        @Nullable String page6,
        @Nullable Map<String, Integer> segments,
        @Nullable Map<String, List<String>> locators,
        @Nullable Map<String, String> borders,
        @Nullable List<UplinkPage> otherPages,
        @Nullable List<String> locatorsDown,
        @Nullable List<String> snat,
        @Nullable List<String> floating,
        @Nullable Map<String, List<String>> routed) {

    /** The page of an uplink; empty text: none of that family. */
    record UplinkPage(String v4, String v6) {}

    GatewayDocument {
        networks = List.copyOf(networks);
        segments = segments == null ? Map.of() : Map.copyOf(segments);
        snat = snat == null ? List.of() : List.copyOf(snat);
        floating = floating == null ? List.of() : List.copyOf(floating);
        otherPages = otherPages == null ? List.of() : List.copyOf(otherPages);
        locators = locators == null ? Map.of() : Map.copyOf(locators);
        routed = routed == null ? Map.of() : Map.copyOf(routed);
        locatorsDown = locatorsDown == null ? List.of() : List.copyOf(locatorsDown);
        borders = borders == null ? Map.of() : Map.copyOf(borders);
    }

    static GatewayDocument of(Hello hello) {
        return new GatewayDocument(
                hello.getGateway(),
                hello.getSite(),
                hello.getLocator(),
                true,
                hello.getSoftware(),
                hello.getBootId(),
                hello.getNetworksList().stream().sorted().toList(),
                host(hello.getHost()),
                hello.getSealKey(),
                hello.getPage4(),
                hello.getPage6(),
                hello.getSegmentsMap(),
                prefixes(hello.getLocatorsList()),
                hello.getLocatorsList().stream()
                        .filter(l -> !l.getBorder().isEmpty())
                        .collect(
                                Collectors.toMap(NetworkLocators::getNetwork, NetworkLocators::getBorder, (a, b) -> a)),
                hello.getOtherPagesList().stream()
                        .map(page -> new UplinkPage(page.getV4(), page.getV6()))
                        .toList(),
                List.of(),
                List.copyOf(hello.getSnatList()),
                List.copyOf(hello.getFloatingList()),
                prefixes(hello.getRoutedList()));
    }

    private static Map<String, List<String>> prefixes(List<NetworkLocators> ofNetworks) {
        return ofNetworks.stream()
                .collect(Collectors.toMap(
                        NetworkLocators::getNetwork, l -> List.copyOf(l.getPrefixesList()), (a, b) -> a));
    }

    static Resource.Host host(HostFacts facts) {
        return new Resource.Host(
                facts.getCanLaunch(),
                facts.getAcceleration(),
                facts.getMemoryFreeBytes(),
                facts.getCpuModel(),
                facts.getQemuVersion());
    }

    boolean hasPage() {
        return page4 != null && !page4.isEmpty() || page6 != null && !page6.isEmpty();
    }

    /** Of all its uplinks, in text. */
    List<String> pages() {
        List<String> pages = new ArrayList<>();
        pages.add(page4 == null ? "" : page4);
        pages.add(page6 == null ? "" : page6);
        if (otherPages != null) {
            otherPages.forEach(page -> pages.addAll(List.of(page.v4(), page.v6())));
        }
        pages.removeIf(String::isEmpty);
        return pages;
    }

    /** Whether flows to the world outside may leave there. */
    boolean hasEgress() {
        return snat != null && !snat.isEmpty() || floating != null && !floating.isEmpty();
    }

    boolean hasSegment(String network) {
        return segments != null && segments.containsKey(network);
    }

    /** By which members of the network are reached there by ILNP, the preferred first. */
    List<String> locatorsIn(String network) {
        return locators == null ? List.of() : locators.getOrDefault(network, List.of());
    }

    /** Which prefixes of the network the underlay routes there. */
    List<String> routedIn(String network) {
        return routed == null ? List.of() : routed.getOrDefault(network, List.of());
    }

    /** The gateway that those locators are routed to: itself, or the border of the ILNP site that it is a place of. */
    String borderIn(String network) {
        return borders == null ? name : borders.getOrDefault(network, name);
    }

    /** Whether the uplink of that locator has failed. */
    boolean isDown(String prefix) {
        return locatorsDown != null && locatorsDown.contains(prefix);
    }

    GatewayDocument withLocatorsDown(List<String> down) {
        return with(connected, sealKey, down);
    }

    GatewayDocument withoutKey() {
        return with(connected, "", locatorsDown);
    }

    GatewayDocument withConnected(boolean now) {
        return with(now, sealKey, locatorsDown);
    }

    private GatewayDocument with(boolean nowConnected, @Nullable String key, @Nullable List<String> down) {
        return new GatewayDocument(
                name,
                site,
                locator,
                nowConnected,
                software,
                bootId,
                networks,
                host,
                key,
                page4,
                page6,
                segments,
                locators,
                borders,
                otherPages,
                down,
                snat,
                floating,
                routed);
    }
}

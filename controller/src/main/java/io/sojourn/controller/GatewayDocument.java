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
        @Nullable List<UplinkPage> otherPages) {

    /** The page of an uplink; empty text: none of that family. */
    record UplinkPage(String v4, String v6) {}

    GatewayDocument {
        networks = List.copyOf(networks);
        segments = segments == null ? Map.of() : Map.copyOf(segments);
        otherPages = otherPages == null ? List.of() : List.copyOf(otherPages);
        locators = locators == null ? Map.of() : Map.copyOf(locators);
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
                hello.getLocatorsList().stream()
                        .collect(Collectors.toMap(
                                NetworkLocators::getNetwork, l -> List.copyOf(l.getPrefixesList()), (a, b) -> a)),
                hello.getOtherPagesList().stream()
                        .map(page -> new UplinkPage(page.getV4(), page.getV6()))
                        .toList());
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

    boolean hasSegment(String network) {
        return segments != null && segments.containsKey(network);
    }

    /** By which members of the network are reached there by ILNP, the preferred first. */
    List<String> locatorsIn(String network) {
        return locators == null ? List.of() : locators.getOrDefault(network, List.of());
    }

    GatewayDocument withoutKey() {
        return new GatewayDocument(
                name,
                site,
                locator,
                connected,
                software,
                bootId,
                networks,
                host,
                "",
                page4,
                page6,
                segments,
                locators,
                otherPages);
    }

    GatewayDocument withConnected(boolean now) {
        return new GatewayDocument(
                name,
                site,
                locator,
                now,
                software,
                bootId,
                networks,
                host,
                sealKey,
                page4,
                page6,
                segments,
                locators,
                otherPages);
    }
}

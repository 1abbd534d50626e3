// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Round trips of the underlay between the site hosts, measured by ping before anything else runs: what the overlay's paths are held against. */
final class DirectPaths {
    private static final Pattern REPLY = Pattern.compile("time=([0-9.]+) ms");

    private final Map<String, Double> rttMs = new HashMap<>();

    static DirectPaths measure(Lab lab) {
        DirectPaths paths = new DirectPaths();
        List<Topology.Site> sites = lab.topology().sites();
        for (Topology.Site a : sites) {
            for (Topology.Site b : sites) {
                if (a.number() < b.number()) {
                    double ms = ping(lab.place(a.name()), b.wan4());
                    paths.rttMs.put(a.name() + " " + b.name(), ms);
                    paths.rttMs.put(b.name() + " " + a.name(), ms);
                }
            }
        }
        return paths;
    }

    /** 0 within a site. */
    double rttMs(String from, String to) {
        return rttMs.getOrDefault(from + " " + to, 0.0);
    }

    /** The median of five. */
    private static double ping(Place from, String address) {
        String out = from.run("ping", "-n", "-c", "5", "-i", "0.05", "-W", "3", address);
        List<Double> times = out.lines()
                .map(REPLY::matcher)
                .filter(Matcher::find)
                .map(matcher -> Double.parseDouble(matcher.group(1)))
                .sorted()
                .toList();
        if (times.isEmpty()) {
            throw new LabException("no underlay from " + from.name() + " to " + address);
        }
        return times.get(times.size() / 2);
    }
}

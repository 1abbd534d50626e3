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
    private final Map<String, Double> setMs = new HashMap<>();

    static DirectPaths measure(Lab lab) {
        DirectPaths paths = new DirectPaths();
        for (Topology.Link link : lab.topology().links()) {
            paths.setMs.put(link.a() + " " + link.b(), link.rttMs());
            paths.setMs.put(link.b() + " " + link.a(), link.rttMs());
        }
        paths.measureAll(lab);
        return paths;
    }

    /** Half of what the link between two sites is set to; 0 within a site. */
    double oneWayMs(String from, String to) {
        return setMs.getOrDefault(from + " " + to, 0.0) / 2;
    }

    /** The link between two sites was set to another round trip time, and is measured again. */
    void changed(Lab lab, Topology.Site a, Topology.Site b, double linkRttMs) {
        double ms = ping(lab.place(a.name()), b.wan4());
        for (String way : List.of(a.name() + " " + b.name(), b.name() + " " + a.name())) {
            setMs.put(way, linkRttMs);
            rttMs.put(way, ms);
        }
    }

    private void measureAll(Lab lab) {
        List<Topology.Site> sites = lab.topology().sites();
        for (Topology.Site a : sites) {
            for (Topology.Site b : sites) {
                if (a.number() < b.number()) {
                    double ms = ping(lab.place(a.name()), b.wan4());
                    rttMs.put(a.name() + " " + b.name(), ms);
                    rttMs.put(b.name() + " " + a.name(), ms);
                }
            }
        }
    }

    /** 0 within a site. */
    double rttMs(String from, String to) {
        return rttMs.getOrDefault(from + " " + to, 0.0);
    }

    /** The median of five. */
    static double ping(Place from, String address) {
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

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** A bar for each path: SVG, readable on light and on dark ground. */
final class Plot {
    private static final int WIDTH = 720;
    private static final int LABEL = 150;
    private static final int ROW = 34;
    private static final int TOP = 56;

    private record Bar(String name, double value, String text) {}

    private Plot() {}

    static String of(JsonNode report) {
        String kind = report.path("benchmark").asString();
        String field = switch (kind) {
            case "latency" -> "idle.rtt_p50_us";
            case "pps" -> "median_pps";
            case "idle" -> "median_idle_percent";
            case "bindings" -> "ns_per_packet";
            case "flows" -> "ns_per_packet_out";
            default -> "median_gbit";
        };
        String title = switch (kind) {
            case "latency" -> "Round trip of a UDP packet, idle path, median (us; less is better)";
            case "pps" -> "64-byte UDP packets a second, one flow (more is better)";
            case "idle" -> "The busier gateway while no packet comes (% of a processor; less is better)";
            case "flows" -> "Cost of a packet to the world by number of flows (ns; less is better)";
            case "bindings" -> "Forwarding cost by number of bindings (ns a packet; less is better)";
            default -> "One TCP stream, both hosts and both gateways on the same 2 processors (Gbit/s; more is better)";
        };
        List<Bar> bars = new ArrayList<>();
        for (JsonNode path : report.path("paths")) {
            String text = Columns.value(path, field);
            if (!text.equals("-")) {
                bars.add(new Bar(path.path("path").asString(), Double.parseDouble(text), text));
            }
        }
        return svg(
                title.replace(
                        "on the same 2",
                        "on the same "
                                + report.path("machine").path("processors").asInt()),
                bars);
    }

    private static String svg(String title, List<Bar> bars) {
        double longest = bars.stream().mapToDouble(Bar::value).max().orElse(1);
        int height = TOP + bars.size() * ROW + 12;
        StringBuilder out = new StringBuilder();
        out.append(String.format(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"14\">%n",
                WIDTH, height, WIDTH, height));
        out.append(String.format("<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>%n", WIDTH, height));
        out.append(String.format("<text x=\"12\" y=\"28\" fill=\"#222\">%s</text>%n", title));
        for (int i = 0; i < bars.size(); i++) {
            Bar bar = bars.get(i);
            int y = TOP + i * ROW;
            double length = bar.value() / longest * (WIDTH - LABEL - 100);
            String colour = bar.name().startsWith("sojourn") ? "#0a7d5a" : "#8a94a6";
            out.append(String.format(
                    "<text x=\"%d\" y=\"%d\" text-anchor=\"end\" fill=\"#222\">%s</text>",
                    LABEL - 10, y + 17, bar.name()));
            out.append(String.format(
                    "<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"22\" fill=\"%s\"/>",
                    LABEL, y, Math.max(1, length), colour));
            out.append(String.format(
                    "<text x=\"%.1f\" y=\"%d\" fill=\"#222\">%s</text>%n", LABEL + length + 8, y + 17, bar.text()));
        }
        return out.append("</svg>\n").toString();
    }
}

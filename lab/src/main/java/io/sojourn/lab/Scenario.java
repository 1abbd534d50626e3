// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.List;
import java.util.Map;

/** One thing that the lab can show, under the name by which a person runs it. */
public abstract class Scenario {
    private final String id;
    private final String description;
    private final int moves;
    private final int mostMoves;

    /**
     * @param moves how many unless told otherwise
     * @param mostMoves how many at most
     */
    Scenario(String id, String description, int moves, int mostMoves) {
        this.id = id;
        this.description = description;
        this.moves = moves;
        this.mostMoves = mostMoves;
    }

    /** All there are, the simplest first. */
    public static List<Scenario> all() {
        return Scenarios.ALL;
    }

    public static Scenario named(String id) {
        return all().stream()
                .filter(scenario -> scenario.id.equals(id))
                .findFirst()
                .orElseThrow(() -> new LabException("no scenario '" + id + "': see 'sojourn lab list'"));
    }

    public String id() {
        return id;
    }

    /** One line. */
    public String description() {
        return description;
    }

    public int moves() {
        return moves;
    }

    /** How many are wanted. @throws LabException if that is more than the scenario takes */
    int count(ScenarioOptions options) {
        int wanted = options.moves() == 0 ? moves : options.moves();
        if (wanted < 1 || wanted > mostMoves) {
            throw new LabException("scenario '" + id + "' takes 1 to " + mostMoves + " moves, not " + wanted);
        }
        return wanted;
    }

    Topology topology() {
        return Topology.threeContinents();
    }

    /** The VMs that are booted for it. */
    List<GuestPlan> guests(Topology topology, ScenarioOptions options) {
        return List.of(GuestPlan.web1(topology));
    }

    /** That are at every site, with the same subnets. */
    List<String> networks() {
        return List.of(Lab.NETWORK);
    }

    /** The site's gateway stands behind a NAT of its own. */
    boolean isBehindNat(Topology.Site site) {
        return false;
    }

    /** How packets of all VMs are carried. */
    String mechanism(ScenarioOptions options) {
        return options.mechanism();
    }

    /** Who may notice moves of all VMs by ilnp. */
    String transparency(ScenarioOptions options) {
        return options.transparency();
    }

    /** Prefixes of hosts on the WAN that may speak with VMs by ilnp, though they have no gateway. */
    List<String> speakingByIlnp() {
        return List.of();
    }

    /** Places that are behind another's border, to which their locators are routed: one ILNP site of several places. */
    Map<String, String> borders() {
        return Map.of();
    }

    /** A filter of tshark's for packets that the scenario itself makes malformed. */
    String malformedByUs() {
        return "frame.number==0";
    }

    /** Looks at what was captured while VMs moved by ilnp. */
    void judgeWire(IlnpWire wire, Stage stage, Findings findings) {}

    /** Nobody who goes by labels gets one: somebody on the way takes the option out. */
    boolean stripsLabels() {
        return false;
    }

    /** Mechanisms that the sites are furnished for beside that. */
    List<String> alsoBy() {
        return List.of();
    }

    /** Hosts on the WAN beside the sites' and the controller's, each with a number as a site has one. */
    Map<String, Integer> outsiders() {
        return Map.of();
    }

    /** Of every network, beside the sites'; as REST has them. */
    List<Object> subnets() {
        return List.of();
    }

    /** Ways of sites to the WAN beside the first. */
    List<Uplink> uplinks() {
        return List.of();
    }

    /** Prefixes of the WAN that are routed to a site beside its own and its pages. */
    List<String> routedTo(Topology.Site site) {
        return List.of();
    }

    /** Hosts that are on the WAN by right, under addresses of members. */
    List<String> inTheOpen() {
        return List.of();
    }

    /** Called when all places are there and nothing runs in them yet. */
    void furnish(Lab lab) {}

    /** Called when the VMs run, and nothing speaks to them yet. */
    void prepare(Lab lab) {}

    /** Keys of controller.yaml beside what it has in every lab. */
    Map<String, Object> controllerExtras() {
        return Map.of();
    }

    /** Keys of a site's gateway.yaml beside or instead of what it has in every lab. */
    Map<String, Object> gatewayExtras(Topology.Site site) {
        return Map.of();
    }

    Traffic.Load load() {
        return Traffic.Load.FULL;
    }

    /** Whether the lengths of its links can be chosen. */
    boolean takesRtts() {
        return false;
    }

    /** Looks at the options before anything is built. @throws LabException with what is wrong with them */
    abstract Play begin(Topology topology, ScenarioOptions options);
}

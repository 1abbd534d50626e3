// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

import io.sojourn.dns.OutsideServer;
import io.sojourn.dns.ZoneSettings;
import io.sojourn.model.identity.IpAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Optional;

/**
 * The section {@code dns} of controller.yaml.
 *
 * <pre>
 * dns:
 *   zone: vms.example.net
 *   listen: 0.0.0.0:53          # this server; leave it out to publish only
 *   nameserver: ns1.example.net # its name; ns.ZONE if left out
 *   nameserver-address: [192.0.2.53]
 *   nsid: controller-1          # what it tells who asks which server it is
 *   locator-ttl-s: 5            # of what a move changes
 *   identifier-ttl-s: 3600      # of what it does not
 *   publish:                    # at a primary of somebody else's
 *     server: 192.0.2.1:53
 *     key-name: sojourn-key
 *     key-algorithm: hmac-sha256
 *     key-secret: ...           # base64
 * </pre>
 */
public record DnsConfig(
        ZoneSettings zone, Optional<InetSocketAddress> listen, String nsid, Optional<OutsideServer> outside) {

    static Optional<DnsConfig> read(ConfigSection root) {
        if (!root.has("dns")) {
            return Optional.empty();
        }
        ConfigSection dns = root.section("dns");
        Optional<InetSocketAddress> listen =
                dns.has("listen") ? Optional.of(dns.socket("listen", "0.0.0.0:53")) : Optional.empty();
        Optional<OutsideServer> outside = outside(dns);
        if (listen.isEmpty() && outside.isEmpty()) {
            throw dns.complaint("listen", "is missing, and so is 'publish': say where to answer, or where to publish");
        }
        DnsConfig config = new DnsConfig(settings(dns), listen, dns.text("nsid").orElse(""), outside);
        dns.refuseUnknownKeys();
        return Optional.of(config);
    }

    private static ZoneSettings settings(ConfigSection dns) {
        String zone = dns.requiredText("zone", "vms.example.net");
        List<IpAddress> addresses = dns.words("nameserver-address").stream()
                .map(text -> {
                    try {
                        return IpAddress.parse(text);
                    } catch (IllegalArgumentException e) {
                        throw dns.complaint("nameserver-address", String.valueOf(e.getMessage()));
                    }
                })
                .toList();
        try {
            return ZoneSettings.of(
                    zone,
                    dns.text("nameserver").orElse(""),
                    addresses,
                    ttl(dns, "locator-ttl-s", 5),
                    ttl(dns, "identifier-ttl-s", 3600));
        } catch (IllegalArgumentException e) {
            throw dns.complaint("zone", String.valueOf(e.getMessage()));
        }
    }

    private static long ttl(ConfigSection dns, String key, long byDefault) {
        String text = dns.text(key).orElse(Long.toString(byDefault));
        if (!text.matches("\\d{1,6}")) {
            throw dns.complaint(key, "'" + text + "' is not a number of seconds from 0 to 999999");
        }
        return Long.parseLong(text);
    }

    private static Optional<OutsideServer> outside(ConfigSection dns) {
        if (!dns.has("publish")) {
            return Optional.empty();
        }
        ConfigSection publish = dns.section("publish");
        publish.requiredText("server", "192.0.2.1:53");
        InetSocketAddress server = publish.socket("server", "192.0.2.1:53");
        String name = publish.requiredText("key-name", "sojourn-key");
        String algorithm = publish.text("key-algorithm").orElse("hmac-sha256");
        String secret = publish.requiredText("key-secret", "what tsig-keygen printed");
        publish.refuseUnknownKeys();
        try {
            return Optional.of(new OutsideServer(server, name, algorithm, secret));
        } catch (IllegalArgumentException e) {
            throw publish.complaint(
                    "key-secret", "with key-name and key-algorithm makes no key (" + e.getMessage() + ")");
        }
    }

    @Override
    public String toString() {
        return "zone " + zone.origin(); // no secrets in logs
    }
}

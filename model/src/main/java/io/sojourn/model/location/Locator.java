// SPDX-License-Identifier: Apache-2.0
package io.sojourn.model.location;

import java.net.InetAddress;
import java.net.InetSocketAddress;

/** How a gateway is reached on the underlay: an address and a UDP port. Text: {@code 192.0.2.1:7400}, {@code [2001:db8::1]:7400}. */
public record Locator(InetAddress address, int port) {
    public Locator {
        if (port < 1 || port > 65535) {
            throw new IllegalArgumentException("port " + port + ": must be 1 to 65535");
        }
    }

    public static Locator parse(String text) {
        int colon = text.lastIndexOf(':');
        try {
            String host = text.substring(0, colon);
            if (host.startsWith("[") && host.endsWith("]")) {
                host = host.substring(1, host.length() - 1);
            }
            return new Locator(InetAddress.ofLiteral(host), Integer.parseInt(text.substring(colon + 1)));
        } catch (IllegalArgumentException | StringIndexOutOfBoundsException e) {
            throw new IllegalArgumentException(
                    "'" + text + "' is not a locator such as 192.0.2.1:7400 or [2001:db8::1]:7400", e);
        }
    }

    public InetSocketAddress toSocketAddress() {
        return new InetSocketAddress(address, port);
    }

    @Override
    public String toString() {
        String host = address.getHostAddress();
        return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.flow;

import io.sojourn.model.identity.IpPrefix;
import io.sojourn.wire.IpProtocol;
import java.util.Locale;
import java.util.Optional;

/**
 * One security rule. Written {@code in allow tcp from 198.51.100.0/24 port 443}, {@code out deny any to ::/0}, {@code in deny any}.
 *
 * @param inwards about flows that the other end begins; else about those that the VM begins
 * @param protocol {@link #ANY}, or its number
 * @param remote who the other end is; empty: anybody
 * @param firstPort of the end that did not begin
 */
public record Rule(
        boolean inwards, boolean allow, int protocol, Optional<IpPrefix> remote, int firstPort, int lastPort) {
    public static final int ANY = -1;
    private static final int LAST = 65_535;

    /** @throws IllegalArgumentException with a line for a person */
    public static Rule parse(String text) {
        String[] words = text.strip().toLowerCase(Locale.ROOT).split("\\s+");
        if (words.length < 3 || words.length % 2 == 0) {
            throw wrong(text);
        }
        boolean inwards = choose(words[0], "in", "out", text);
        boolean allow = choose(words[1], "allow", "deny", text);
        int protocol = protocol(words[2], text);
        Optional<IpPrefix> remote = Optional.empty();
        int first = 0;
        int last = LAST;
        for (int i = 3; i < words.length; i += 2) {
            if (words[i].equals(inwards ? "from" : "to")) {
                remote = Optional.of(prefix(words[i + 1]));
            } else if (words[i].equals("port") && IpProtocol.hasPorts(protocol)) {
                int dash = words[i + 1].indexOf('-');
                first = port(dash < 0 ? words[i + 1] : words[i + 1].substring(0, dash), text);
                last = dash < 0 ? first : port(words[i + 1].substring(dash + 1), text);
            } else {
                throw wrong(text);
            }
        }
        if (first > last) {
            throw wrong(text);
        }
        return new Rule(inwards, allow, protocol, remote, first, last);
    }

    private static IllegalArgumentException wrong(String text) {
        return new IllegalArgumentException("'" + text
                + "' is no rule; write: in|out allow|deny any|tcp|udp|icmp|icmp6|NUMBER [from|to PREFIX] [port N[-M]]");
    }

    private static boolean choose(String word, String yes, String no, String text) {
        if (!word.equals(yes) && !word.equals(no)) {
            throw wrong(text);
        }
        return word.equals(yes);
    }

    private static int protocol(String word, String text) {
        return switch (word) {
            case "any" -> ANY;
            case "tcp" -> IpProtocol.TCP;
            case "udp" -> IpProtocol.UDP;
            case "icmp" -> IpProtocol.ICMP;
            case "icmp6" -> IpProtocol.ICMPV6;
            default -> number(word, 255, text);
        };
    }

    private static int port(String word, String text) {
        return number(word, LAST, text);
    }

    private static int number(String word, int most, String text) {
        try {
            int number = Integer.parseInt(word);
            if (number >= 0 && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // falls through to the one message a person should see
        }
        throw wrong(text);
    }

    private static IpPrefix prefix(String word) {
        return IpPrefix.parse(word.indexOf('/') >= 0 ? word : word + (word.indexOf(':') >= 0 ? "/128" : "/32"));
    }

    boolean fits(FlowKey key, boolean begunByOther) {
        if (begunByOther != inwards || protocol != ANY && protocol != key.protocol) {
            return false;
        }
        int port = inwards ? key.localPort : key.remotePort;
        boolean anyPort = firstPort == 0 && lastPort == LAST;
        if (!anyPort && (port < firstPort || port > lastPort)) {
            return false;
        }
        return remote.isEmpty() || holds(remote.get(), key);
    }

    private static boolean holds(IpPrefix prefix, FlowKey key) {
        if (prefix.address().isV6() != key.isV6) {
            return false;
        }
        int length = prefix.length();
        if (!key.isV6) {
            return length == 0 || (prefix.address().low() ^ key.remoteLow) >>> (32 - length) == 0;
        }
        if (length <= 64) {
            return length == 0 || (prefix.address().high() ^ key.remoteHigh) >>> (64 - length) == 0;
        }
        return prefix.address().high() == key.remoteHigh
                && (prefix.address().low() ^ key.remoteLow) >>> (128 - length) == 0;
    }

    /** As {@link #parse} reads it. */
    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(inwards ? "in " : "out ").append(allow ? "allow " : "deny ");
        text.append(
                switch (protocol) {
                    case ANY -> "any";
                    case IpProtocol.TCP -> "tcp";
                    case IpProtocol.UDP -> "udp";
                    case IpProtocol.ICMP -> "icmp";
                    case IpProtocol.ICMPV6 -> "icmp6";
                    default -> Integer.toString(protocol);
                });
        remote.ifPresent(p -> text.append(inwards ? " from " : " to ").append(p));
        if (firstPort != 0 || lastPort != LAST) {
            text.append(" port ").append(firstPort);
            if (lastPort != firstPort) {
                text.append('-').append(lastPort);
            }
        }
        return text.toString();
    }
}

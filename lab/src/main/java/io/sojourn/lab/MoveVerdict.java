// SPDX-License-Identifier: Apache-2.0
package io.sojourn.lab;

import java.util.ArrayList;
import java.util.List;

/** Why a move was not as it should be: each reason in two or three words. None: it was. */
final class MoveVerdict {
    private MoveVerdict() {}

    /** Of a move that Sojourn was asked for. */
    static List<String> asked(boolean done, Certified certificate, Traffic.Window window) {
        List<String> reasons = new ArrayList<>();
        if (!done) {
            reasons.add("not done");
        }
        if (!certificate.verified()) {
            reasons.add(
                    certificate.problems().isEmpty()
                            ? "no certificate"
                            : "certificate: " + certificate.problems().getFirst());
        }
        count(window.lost(), "lost", reasons);
        noticed(window, reasons);
        return reasons;
    }

    /** Of one that it found out by itself: what is lost before is said, not judged. */
    static List<String> detected(boolean done, boolean inTime, Traffic.Window window) {
        List<String> reasons = new ArrayList<>();
        if (!done) {
            reasons.add("not done");
        }
        if (!inTime) {
            reasons.add("traffic follows too late");
        }
        noticed(window, reasons);
        return reasons;
    }

    private static void noticed(Traffic.Window window, List<String> reasons) {
        count(window.duplicated(), "twice", reasons);
        count(window.reordered(), "late", reasons);
        count(window.tcpBroken(), "sessions broken", reasons);
        count(window.bytesMismatched(), "bytes different", reasons);
    }

    private static void count(long n, String what, List<String> reasons) {
        if (n != 0) {
            reasons.add(n + " " + what);
        }
    }
}

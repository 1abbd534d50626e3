// SPDX-License-Identifier: Apache-2.0
package io.sojourn.controller;

/** Which Sojourn this is: the version of its jar, or of the source tree it runs from. */
final class Software {
    static final String VERSION = version();

    private Software() {}

    private static String version() {
        String packaged = Software.class.getPackage().getImplementationVersion();
        return packaged == null ? "0.1.0-dev" : packaged;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** In the list of commands so that help shows it; the script at the top does it, as it needs Maven. */
@Command(name = "test", description = "Run all tests: unit, contract and, as root, those with namespaces and QEMU.")
final class TestCommand implements Runnable {
    @Mixin
    HelpOption helpOption = new HelpOption();

    @Override
    public void run() {
        throw new CommandFailure("tests are run by the script at the top of the source tree: ./sojourn test");
    }
}

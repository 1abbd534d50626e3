// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(name = "wan", hidden = true, description = "Run the lab's WAN emulator. Needs root.")
final class WanCommand implements Runnable {
    @Mixin
    ProcessOptions process = new ProcessOptions();

    @Override
    public void run() {
        Processes.wan(process.prepare());
    }
}

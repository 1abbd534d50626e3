// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

@Command(name = "wan", hidden = true, description = "Run the lab's WAN emulator. Needs root.")
final class WanCommand implements Callable<Integer> {
    @Mixin
    ProcessOptions process = new ProcessOptions();

    @Override
    public Integer call() {
        return Processes.wan(process.prepare());
    }
}

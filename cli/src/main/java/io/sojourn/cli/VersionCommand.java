// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(name = "version", description = "Which Sojourn this is, and which Java runs it.")
final class VersionCommand implements Runnable, IVersionProvider {
    @Mixin
    HelpOption helpOption = new HelpOption();

    @Option(names = "--json", description = "As JSON.")
    boolean json;

    @Spec
    @SuppressWarnings("NullAway.Init") // by picocli
    CommandSpec spec;

    @Override
    public void run() {
        var out = spec.commandLine().getOut();
        if (json) {
            out.printf("{\"sojourn\":\"%s\",\"java\":\"%s\"}%n", software(), Runtime.version());
        } else {
            out.println(getVersion()[0]);
        }
    }

    @Override
    public String[] getVersion() {
        return new String[] {"sojourn " + software() + " (Java " + Runtime.version() + ")"};
    }

    private static String software() {
        String version = Sojourn.class.getPackage().getImplementationVersion();
        return version == null ? "from classes" : version;
    }
}

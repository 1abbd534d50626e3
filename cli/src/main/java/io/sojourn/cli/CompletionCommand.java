// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
        name = "completion",
        description = "A completion script for your shell.",
        footer = {"", "Examples:", "  source <(sojourn completion bash)", "  sojourn completion zsh > ~/.zfunc/_sojourn"
        })
final class CompletionCommand implements Runnable {
    enum Shell {
        bash,
        zsh
    }

    @Mixin
    HelpOption helpOption = new HelpOption();

    @Parameters(paramLabel = "bash|zsh", description = "Which shell.")
    Shell shell = Shell.bash;

    @Spec
    @SuppressWarnings("NullAway.Init") // by picocli
    CommandSpec spec;

    @Override
    public void run() {
        CommandLine top = spec.root().commandLine();
        var out = spec.commandLine().getOut();
        if (shell == Shell.zsh) {
            out.println("autoload -U +X compinit && compinit");
            out.println("autoload -U +X bashcompinit && bashcompinit");
        }
        out.println(AutoComplete.bash("sojourn", top));
    }
}

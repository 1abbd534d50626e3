// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

class HelpTest {
    @Test
    void everyCommandHasHelpAndADescription() {
        for (CommandLine command : all(Sojourn.commandLine())) {
            StringWriter text = new StringWriter();
            command.usage(new PrintWriter(text));
            String name = command.getCommandSpec().qualifiedName();
            assertThat(command.getCommandSpec().usageMessage().description())
                    .as(name)
                    .isNotEmpty();
            if (!command.getCommandSpec().usageMessage().hidden()) {
                assertThat(command.getCommandSpec().findOption("--help"))
                        .as(name + " --help")
                        .isNotNull();
            }
            assertThat(text.toString().lines()).as(name).allMatch(line -> line.length() <= 120);
        }
    }

    @Test
    void everyCommandThatAsksTheControllerTakesJson() {
        for (CommandLine command : all(Sojourn.commandLine())) {
            if (command.getCommandSpec().findOption("--controller") != null) {
                assertThat(command.getCommandSpec().findOption("--json")).isNotNull();
            }
        }
    }

    @Test
    void theTopHelpShowsEveryCommandThatIsNotHidden() {
        String help = Typed.run("--help").out();

        for (CommandLine command : Sojourn.commandLine().getSubcommands().values()) {
            if (!command.getCommandSpec().usageMessage().hidden()) {
                assertThat(help).contains("\n  " + command.getCommandName() + " ");
            }
        }
    }

    @Test
    void completionIsAScriptThatKnowsTheCommands() {
        assertThat(Typed.run("completion", "bash").out())
                .contains("migrate")
                .contains("--watch")
                .contains("complete ");
        assertThat(Typed.run("completion", "zsh").out())
                .contains("bashcompinit")
                .contains("--watch");
    }

    private static List<CommandLine> all(CommandLine top) {
        List<CommandLine> all = new ArrayList<>(List.of(top));
        top.getSubcommands().values().forEach(sub -> all.addAll(all(sub)));
        return all;
    }
}

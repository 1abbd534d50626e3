// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import java.io.PrintWriter;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The top of the command tree, and the way from an exception to one line and an exit status. */
@Command(
        name = "sojourn",
        description =
                "Moves a running virtual machine between sites and IP subnets without one of its connections noticing.",
        versionProvider = VersionCommand.class,
        synopsisSubcommandLabel = "COMMAND",
        subcommands = {
            DemoCommand.class,
            LabCommand.class,
            SimCommand.class,
            BenchCommand.class,
            TestCommand.class,
            ControllerCommand.class,
            GatewayCommand.class,
            WanCommand.class,
            IlnpHostCommand.class,
            LabelHostCommand.class,
            StatusCommand.class,
            ExplainCommand.class,
            SiteCommands.class,
            GatewaysCommand.class,
            NetworkCommands.class,
            VmCommands.class,
            LandingCommands.class,
            FloatingCommands.class,
            RuleCommands.class,
            FlowsCommand.class,
            EventsCommand.class,
            MigrateCommand.class,
            CancelCommand.class,
            MigrationCommands.All.class,
            MigrationCommands.One.class,
            CertificateCommand.class,
            CompletionCommand.class,
            VersionCommand.class,
            TrainCommand.class
        },
        footer = {
            "",
            "Clients talk to the controller named by --controller, by SOJOURN_CONTROLLER, or by 'controller:' in",
            "~/.config/sojourn/client.yaml or /etc/sojourn/client.yaml; else to http://127.0.0.1:7480.",
            "'sojourn COMMAND --help' tells more."
        })
public final class Sojourn implements Runnable {
    /** {@code SOJOURN_DEBUG=1} shows the stack of what went wrong. */
    private static final boolean DEBUG = System.getenv("SOJOURN_DEBUG") != null;

    @Spec
    @SuppressWarnings("NullAway.Init") // by picocli
    CommandSpec spec;

    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "Show this help.")
    boolean help;

    @Option(
            names = {"-V", "--version"},
            versionHelp = true,
            description = "Show the version.")
    boolean version;

    public static void main(String[] arguments) {
        System.exit(commandLine().execute(arguments));
    }

    static CommandLine commandLine() {
        CommandLine commandLine = new CommandLine(new Sojourn());
        // The plurals are the same commands as 'site list' and its like.
        commandLine.addSubcommand(new CommandLine(new SiteCommands.Sites()).setCommandName("sites"));
        commandLine.addSubcommand(new CommandLine(new NetworkCommands.Networks()).setCommandName("networks"));
        commandLine.addSubcommand(new CommandLine(new VmCommands.Vms()).setCommandName("vms"));
        commandLine.setUsageHelpWidth(110);
        commandLine.setCaseInsensitiveEnumValuesAllowed(true);
        commandLine.setParameterExceptionHandler(Sojourn::wrongUse);
        commandLine.setExecutionExceptionHandler(Sojourn::failed);
        commandLine
                .getHelpSectionMap()
                .put(CommandLine.Model.UsageMessageSpec.SECTION_KEY_COMMAND_LIST, new CommandGroups());
        commandLine.getCommandSpec().usageMessage().commandListHeading("");
        return commandLine;
    }

    @Override
    public void run() {
        spec.commandLine().usage(spec.commandLine().getOut());
    }

    private static int wrongUse(ParameterException wrong, String[] arguments) {
        CommandLine at = wrong.getCommandLine();
        String command = at.getCommandSpec().qualifiedName();
        PrintWriter err = at.getErr();
        err.println(command + ": " + whatIsWrong(wrong) + " (see '" + command + " --help')");
        if (DEBUG) {
            wrong.printStackTrace(err);
        }
        err.flush();
        return CommandLine.ExitCode.USAGE;
    }

    private static String whatIsWrong(ParameterException wrong) {
        if (wrong instanceof CommandLine.UnmatchedArgumentException unmatched) {
            String word = unmatched.getUnmatched().getFirst();
            boolean option = word.startsWith("-");
            boolean group = !wrong.getCommandLine().getSubcommands().isEmpty();
            String kind = option ? "no such option" : group ? "no such command" : "one word too many";
            String meant = unmatched.getSuggestions().stream()
                    .filter(suggestion -> suggestion.startsWith("--") == option && resembles(suggestion, word))
                    .findFirst()
                    .map(suggestion -> "; did you mean '" + suggestion + "'?")
                    .orElse("");
            return kind + ": '" + word + "'" + meant;
        }
        return CommandFailure.reason(wrong);
    }

    /** Picocli suggests whatever is nearest, however far that is. */
    private static boolean resembles(String suggestion, String word) {
        int common = 0;
        while (common < Math.min(suggestion.length(), word.length())
                && suggestion.charAt(common) == word.charAt(common)) {
            common++;
        }
        return common >= (word.startsWith("--") ? 4 : 2);
    }

    private static int failed(Exception failure, CommandLine at, CommandLine.ParseResult parsed) {
        PrintWriter err = at.getErr();
        String command = at.getCommandSpec().qualifiedName();
        boolean ours = failure.getClass().getName().startsWith("io.sojourn.");
        String message = CommandFailure.reason(failure);
        if (ours) {
            err.println(command + ": " + message);
        } else {
            err.println(command + ": " + failure.getClass().getSimpleName() + ": " + message
                    + " (SOJOURN_DEBUG=1 shows where)");
        }
        if (DEBUG) {
            failure.printStackTrace(err);
        }
        err.flush();
        return failure instanceof CommandFailure known ? known.status() : CommandLine.ExitCode.SOFTWARE;
    }
}

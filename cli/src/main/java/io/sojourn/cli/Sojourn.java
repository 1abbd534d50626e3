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
            TestCommand.class,
            ControllerCommand.class,
            GatewayCommand.class,
            WanCommand.class,
            StatusCommand.class,
            SiteCommands.class,
            GatewaysCommand.class,
            NetworkCommands.class,
            VmCommands.class,
            LandingCommands.class,
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
        commandLine.addSubcommand("sites", new SiteCommands.Sites());
        commandLine.addSubcommand("networks", new NetworkCommands.Networks());
        commandLine.addSubcommand("vms", new VmCommands.Vms());
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
        String suggestion = "";
        if (wrong instanceof CommandLine.UnmatchedArgumentException unmatched
                && !unmatched.getSuggestions().isEmpty()) {
            suggestion = "; did you mean '" + unmatched.getSuggestions().getFirst() + "'?";
        }
        at.getErr()
                .println(
                        command + ": " + CommandFailure.reason(wrong) + suggestion + " (see '" + command + " --help')");
        if (DEBUG) {
            wrong.printStackTrace(at.getErr());
        }
        at.getErr().flush();
        return CommandLine.ExitCode.USAGE;
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
        return CommandLine.ExitCode.SOFTWARE;
    }
}

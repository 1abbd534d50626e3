// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import io.sojourn.certificate.Certificate;
import io.sojourn.certificate.CertificateException;
import io.sojourn.certificate.PublicSigningKey;
import io.sojourn.certificate.Verification;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Checking certificates, and the keys that they are checked with. */
final class CertificateChecks {
    private CertificateChecks() {}

    @Command(
            name = "verify",
            description = {
                "Check a certificate's file, without controller or network: that both gateways signed it, that nothing in it",
                "was changed, and that what one sent the other received. Exit status 0 if so, else 1 and one line."
            },
            footer = {
                "",
                "Examples:",
                "  sojourn certificate verify web1-e2.certificate",
                "  sojourn certificate verify web1-e2.certificate --keys keys.txt",
                "  sojourn certificate verify web1-e2.certificate --key gw-hiroshima=d75a98…511a"
            })
    static final class Verify implements Callable<Integer> {
        @Mixin
        HelpOption helpOption = new HelpOption();

        @Spec
        @SuppressWarnings("NullAway.Init") // by picocli
        CommandSpec spec;

        @Parameters(paramLabel = "FILE", description = "As 'sojourn certificate ID --out FILE' wrote it.")
        @SuppressWarnings("NullAway.Init") // by picocli
        Path file;

        @Option(
                names = "--keys",
                paramLabel = "FILE",
                description =
                        "The gateways' keys, a line each, as 'sojourn certificate keys' writes them; kept from before the move.")
        @Nullable
        Path keys;

        @Option(
                names = "--key",
                paramLabel = "GATEWAY=KEY",
                description = "One gateway's key; may be given several times.")
        List<String> pins = new ArrayList<>();

        @Option(names = "--steps", description = "Show the steps, too.")
        boolean steps;

        @Override
        public Integer call() {
            Certificate certificate = read(file);
            Verification verification = Verification.of(certificate, pinned());
            if (!verification.isVerified()) {
                throw new CommandFailure(file + ": not verified: " + String.join("; ", verification.problems()));
            }
            List<String> lines = new ArrayList<>();
            lines.add((keys == null && pins.isEmpty() ? "intact: " : "verified: ")
                    + CertificateText.heading(certificate));
            if (keys == null && pins.isEmpty()) {
                lines.add(
                        "  whose keys these are is not known, so anybody may have signed it anew: write the gateways' keys"
                                + " to a file with 'sojourn certificate keys', and give it as --keys");
            }
            verification.losses().forEach(loss -> lines.add("  LOST  " + loss));
            verification.facts().forEach(fact -> lines.add("  " + fact));
            if (steps) {
                lines.addAll(CertificateText.steps(certificate));
            }
            lines.forEach(spec.commandLine().getOut()::println);
            spec.commandLine().getOut().flush();
            return 0;
        }

        private static Certificate read(Path file) {
            try {
                return Certificate.ofFile(Files.readAllBytes(file));
            } catch (NoSuchFileException e) {
                throw new CommandFailure("no file " + file + "; 'sojourn certificate ID --out FILE' writes one", e);
            } catch (IOException e) {
                throw new CommandFailure("cannot read " + file + ": " + CommandFailure.reason(e), e);
            } catch (CertificateException e) {
                throw new CommandFailure(file + ": not verified: " + e.getMessage(), e);
            }
        }

        private Map<String, PublicSigningKey> pinned() {
            Map<String, PublicSigningKey> pinned = new TreeMap<>();
            try {
                if (keys != null) {
                    for (String line : Files.readAllLines(keys)) {
                        pin(line.strip(), "\\s+", keys.toString(), pinned);
                    }
                }
            } catch (IOException e) {
                throw new CommandFailure("cannot read " + keys + ": " + CommandFailure.reason(e), e);
            }
            pins.forEach(pin -> pin(pin, "=", "--key", pinned));
            if (keys != null && pinned.isEmpty()) {
                throw new CommandFailure("there is no key in " + keys + "; a line is: GATEWAY KEY");
            }
            return pinned;
        }

        private static void pin(String text, String separator, String where, Map<String, PublicSigningKey> pinned) {
            if (text.isEmpty() || text.startsWith("#")) {
                return;
            }
            String[] words = text.split(separator);
            try {
                pinned.put(words[0], new PublicSigningKey(words.length == 2 ? words[1] : ""));
            } catch (CertificateException e) {
                throw new CommandFailure(where + ": '" + text + "': " + e.getMessage(), e);
            }
        }
    }

    @Command(
            name = "keys",
            description = "Show which key each gateway signs with, for 'verify --keys': a line each.",
            footer = {"", "Examples:", "  sojourn certificate keys > keys.txt"})
    static final class Keys implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Override
        public void run() {
            ControllerClient client = options.client();
            if (!options.printedAsJson(client.get("/v1/signing-keys"))) {
                CertificateCommand.keys(client).forEach((gateway, key) -> options.println(gateway + " " + key));
            }
        }
    }

    @Command(
            name = "forget-key",
            description = {
                "Have the controller forget a gateway's key, after its state directory was lost or its host replaced. The next",
                "key that the gateway presents is taken in its place."
            })
    static final class ForgetKey implements Runnable {
        @Mixin
        ControllerOptions options = new ControllerOptions();

        @Parameters(paramLabel = "GATEWAY", description = "Which gateway.")
        String gateway = "";

        @Override
        public void run() {
            options.client().delete("/v1/signing-keys/" + ControllerClient.segment(gateway));
            options.deleted("signing key of gateway", gateway);
        }
    }
}

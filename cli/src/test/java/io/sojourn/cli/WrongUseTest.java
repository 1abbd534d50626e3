// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class WrongUseTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "frob                                | 2 | no such command: 'frob'",
                "migrat web1                         | 2 | no such command: 'migrat'; did you mean 'migrate'?",
                "migrate                             | 2 | '--to=SITE', 'VM'",
                "migrate web1 --to b --wath          | 2 | no such option: '--wath'; did you mean '--watch'?",
                "cancel web1 web2                    | 2 | one word too many: 'web2'",
                "migrate web1 --to b --bandwidth ten | 2 | 'ten' is not an int",
                "vm                                  | 2 | Missing required subcommand",
                "vm add x --network blue --site a    | 2 | --mac is missing",
                "vm add x --site a                   | 2 | a VM needs an interface",
                "vm add x --nic network=b,mack=c     | 2 | 'mack=c' should be one of",
                "landing add x --qmp /run/q          | 2 | where does it wait?",
                "network create x                    | 2 | '--subnet=SUBNET'",
                "gateway                             | 2 | --config FILE is missing",
                "gateway token hiroshima             | 2 | 'hiroshima' is not SITE/NAME",
                "gateway --config /no/such           | 1 | --config /no/such: there is no such file",
                "controller --config /no/such        | 1 | --config /no/such: there is no such file",
                "status --controller foo:bar:baz     | 1 | is no URL of a controller",
                "completion fish                     | 2 | fish",
            })
    void saysInOneLineWhatIsWrong(String words, int status, String message) {
        Typed typed = Typed.run(words.split(" +"));

        assertThat(typed.status()).isEqualTo(status);
        assertThat(typed.err()).contains(message).startsWith("sojourn");
        assertThat(typed.err().lines()).hasSize(1);
        assertThat(typed.out()).isEmpty();
    }

    @Test
    void aControllerThatIsNotThereIsOneLine() {
        Typed typed = Typed.run("status", "--controller", "http://127.0.0.1:1");

        assertThat(typed.status()).isEqualTo(1);
        assertThat(typed.err())
                .isEqualToNormalizingNewlines(
                        "sojourn status: cannot reach the controller at http://127.0.0.1:1; is 'sojourn controller' running there,"
                                + " and is --controller right?\n");
    }

    @Test
    void aClientFileWithAnUnknownKeyNamesFileAndKey(@TempDir Path folder) throws Exception {
        Path file = Files.writeString(folder.resolve("client.yaml"), "controler: http://127.0.0.1:7480\n");

        org.assertj.core.api.Assertions.assertThatThrownBy(() -> ClientFile.read(file))
                .isInstanceOf(CommandFailure.class)
                .hasMessageContaining(file.toString())
                .hasMessageContaining("unknown key 'controler'");
    }

    @Test
    void aClientFileThatIsNoYamlNamesFileAndLine(@TempDir Path folder) throws Exception {
        Path file = Files.writeString(folder.resolve("client.yaml"), "controller: [http\n");

        org.assertj.core.api.Assertions.assertThatThrownBy(() -> ClientFile.read(file))
                .hasMessageContaining("client.yaml is not YAML")
                .hasMessageContaining("line 2");
    }

    @Test
    void theClientFileGivesControllerAndToken(@TempDir Path folder) throws Exception {
        Path token = Files.writeString(folder.resolve("token"), "s3cret\n");
        Path file = Files.writeString(
                folder.resolve("client.yaml"), "controller: http://192.0.2.1:7480\ntoken-file: " + token + "\n");

        assertThat(ClientFile.read(file).controller()).contains("http://192.0.2.1:7480");
        assertThat(ClientFile.read(file).token()).contains("s3cret");
    }
}

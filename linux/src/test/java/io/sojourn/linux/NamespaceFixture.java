// SPDX-License-Identifier: Apache-2.0
package io.sojourn.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;

/** A network namespace for one test. */
final class NamespaceFixture implements AutoCloseable {
    private final String name = "t-linux-" + ProcessHandle.current().pid();

    NamespaceFixture() {
        run("ip", "netns", "add", name);
        ip("link set lo up");
    }

    void ip(String arguments) {
        run(("ip -n " + name + " " + arguments).split(" "));
    }

    String bridge(String arguments) {
        return run(("bridge -n " + name + " " + arguments).split(" "));
    }

    void inside(Callable<?> task) {
        Netns.call(name, task);
    }

    static String run(String... command) {
        try {
            Process process =
                    new ProcessBuilder(command).redirectErrorStream(true).start();
            String output =
                    new String(process.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
            assertThat(process.waitFor(10, TimeUnit.SECONDS)).isTrue();
            assertThat(process.exitValue())
                    .as("%s: %s", String.join(" ", command), output)
                    .isZero();
            return output;
        } catch (IOException failure) {
            throw new AssertionError(failure);
        } catch (InterruptedException interrupted) {
            throw new AssertionError(interrupted);
        }
    }

    @Override
    public void close() {
        run("ip", "netns", "delete", name);
    }
}

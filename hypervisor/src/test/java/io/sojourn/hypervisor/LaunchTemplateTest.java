// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LaunchTemplateTest {
    @Test
    void variablesAreReplacedOnceAndWordsStayWords() {
        LaunchTemplate template = new LaunchTemplate(
                "small",
                List.of(
                        "qemu",
                        "-m",
                        "${memory-mb}",
                        "-append",
                        "${append} pid=$$ $x",
                        "ifname=${tap.0},mac=${mac.0}"));
        assertThat(template.fill(
                        "web1",
                        Map.of(
                                "memory-mb",
                                "128",
                                "append",
                                "a b ${memory-mb} \\1",
                                "tap.0",
                                "t0",
                                "mac.0",
                                "52:54:00:00:00:01")))
                .containsExactly(
                        "qemu",
                        "-m",
                        "128",
                        "-append",
                        "a b ${memory-mb} \\1 pid=$ $x",
                        "ifname=t0,mac=52:54:00:00:00:01");
    }

    @Test
    void aMissingVariableNamesTemplateVariableAndVm() {
        LaunchTemplate template = new LaunchTemplate("small", List.of("qemu", "-kernel", "${kernel}"));
        assertThatExceptionOfType(HypervisorException.class)
                .isThrownBy(() -> template.fill("web1", Map.of("vm", "web1", "accel", "tcg")))
                .withMessage(
                        "launch template 'small' needs ${kernel} (in '${kernel}') but VM web1 has no such parameter; known: accel, vm");
    }

    @Test
    void anEmptyCommandIsRefused() {
        assertThatExceptionOfType(HypervisorException.class)
                .isThrownBy(() -> new LaunchTemplate("none", List.of()))
                .withMessageContaining("'none' has no command");
    }

    @Test
    void whatTheTemplateSaysItselfIsSeen() {
        LaunchTemplate template = new LaunchTemplate(
                "own", List.of("qemu", "--incoming", "defer", "-qmp", "unix:${qmp},server=on,wait=off"));
        assertThat(template.says("-incoming")).isTrue();
        assertThat(template.says("-qmp")).isTrue();
        assertThat(template.says("-S")).isFalse();
    }
}

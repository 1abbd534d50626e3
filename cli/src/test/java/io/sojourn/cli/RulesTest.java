// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The rules of the house that a compiler does not see. ARCHITECTURE.md says why each is there. */
class RulesTest {
    private static final JavaClasses OURS = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("io.sojourn");

    private static final String[] PURE = {
        "io.sojourn.model..",
        "io.sojourn.wire..",
        "io.sojourn.seal..",
        "io.sojourn.certificate..",
        "io.sojourn.handoff..",
        "io.sojourn.ilnp..",
        "io.sojourn.flow..",
        "io.sojourn.label..",
        "io.sojourn.mechanism.."
    };
    private static final int LONGEST_FILE_LINES = 700;

    private static void check(ArchRule rule) {
        rule.allowEmptyShould(true).check(OURS);
    }

    @Test
    void importsPointDownTheListOfModules() {
        List<String> modules = SourceTree.modules();
        for (int i = 0; i < modules.size() - 1; i++) {
            String[] above = modules.subList(i + 1, modules.size()).stream()
                    .map(module -> "io.sojourn." + module + "..")
                    .toArray(String[]::new);
            check(noClasses()
                    .that()
                    .resideInAPackage("io.sojourn." + modules.get(i) + "..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(above));
        }
    }

    @Test
    void declaredDependenciesPointDownTheListOfModules() {
        List<String> modules = SourceTree.modules();
        for (String module : modules) {
            assertThat(SourceTree.declaredDependencies(module))
                    .as(module)
                    .isSubsetOf(modules.subList(0, modules.indexOf(module)));
        }
    }

    @Test
    void aModuleIsOnePackageNamedAfterItsFolder() {
        for (String module : SourceTree.modules()) {
            if (!module.equals("model")) {
                check(classes()
                        .that()
                        .resideInAPackage("io.sojourn." + module + "..")
                        .should()
                        .resideInAPackage("io.sojourn." + module));
            }
        }
    }

    @Test
    void whoAndWhereKnowNothingOfEachOther() {
        check(noClasses()
                .that()
                .resideInAPackage("io.sojourn.model.identity..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.sojourn.model.location.."));
        check(noClasses()
                .that()
                .resideInAPackage("io.sojourn.model.location..")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.sojourn.model.identity.."));
    }

    @Test
    void onlyLinuxCallsForeignFunctions() {
        check(noClasses()
                .that()
                .resideOutsideOfPackage("io.sojourn.linux..")
                .should()
                .dependOnClassesThat()
                .haveNameMatching("java\\.lang\\.foreign\\.(Linker|SymbolLookup)(\\$.*)?"));
    }

    @Test
    void pureModulesHaveNoSocketNoChannelNoThreadAndNoClock() {
        check(
                noClasses()
                        .that()
                        .resideInAnyPackage(PURE)
                        .should()
                        .dependOnClassesThat()
                        .haveNameMatching(
                                "java\\.net\\.(Socket|ServerSocket|DatagramSocket|MulticastSocket|URL|URLConnection|http\\..*)|java\\.nio\\.channels\\..*|java\\.lang\\.Thread(\\$.*)?"
                                        + "|java\\.lang\\.ThreadLocal|java\\.util\\.concurrent\\.(Executor.*|.*Executor|Timer)|java\\.time\\.Clock|java\\.util\\.Timer"));
        check(noClasses().that().resideInAnyPackage(PURE).should().callMethod(System.class, "nanoTime"));
        check(noClasses().that().resideInAnyPackage(PURE).should().callMethod(System.class, "currentTimeMillis"));
        check(noClasses().that().resideInAnyPackage(PURE).should().callMethod(java.time.Instant.class, "now"));
    }

    @Test
    void noFileIsLongerThanSevenHundredLines() {
        for (Path file : SourceTree.sources(".java", ".proto")) {
            assertThat(SourceTree.read(file).lines().count())
                    .as(file.toString())
                    .isLessThanOrEqualTo(LONGEST_FILE_LINES);
        }
    }

    @Test
    void everySourceFileNamesItsLicence() {
        List<Path> files = SourceTree.sources(".java", ".proto", ".sh", "openapi.yaml");
        assertThat(files).isNotEmpty();
        for (Path file : files) {
            assertThat(SourceTree.read(file).lines().limit(2))
                    .as(file.toString())
                    .anyMatch(line -> line.contains("SPDX-License-Identifier: Apache-2.0"));
        }
    }

    @Test
    void noTypeIsNamedUtilHelperOrManager() {
        check(noClasses().should().haveSimpleNameEndingWith("Util").orShould().haveSimpleNameEndingWith("Utils"));
        check(noClasses().should().haveSimpleNameEndingWith("Helper").orShould().haveSimpleNameEndingWith("Manager"));
    }
}

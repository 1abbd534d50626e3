// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.JsonEncoder;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.encoder.Encoder;
import ch.qos.logback.core.spi.ContextAwareBase;
import org.slf4j.bridge.SLF4JBridgeHandler;

/**
 * Where log lines go: always to stderr, so that stdout stays an answer. People get warnings as bare lines; processes get time, level and place, or JSON.
 * Found by logback as its {@link Configurator} service, and in code rather than XML because an XML parser costs a tenth of a second at each start.
 */
public final class Logging extends ContextAwareBase implements Configurator {
    private static final String FOR_PEOPLE = "sojourn: %msg%n%nopex";
    private static final String FOR_PROCESSES =
            "%d{yyyy-MM-dd'T'HH:mm:ss.SSS} %-5level %-28logger{28} %msg%n%rEx{short}";

    private enum Form {
        PEOPLE,
        PROCESS,
        JSON
    }

    private static volatile Form form = Form.PEOPLE;
    private static volatile Level level = Level.WARN;

    /** Logback makes one; see META-INF/services. */
    public Logging() {}

    /** Call before the first logger is made; also routes java.util.logging here, which some libraries use. */
    static void forProcess(boolean json, boolean verbose) {
        form = json ? Form.JSON : Form.PROCESS;
        level = verbose ? Level.DEBUG : Level.INFO;
        SLF4JBridgeHandler.removeHandlersForRootLogger();
        SLF4JBridgeHandler.install();
    }

    @Override
    public ExecutionStatus configure(LoggerContext context) {
        ConsoleAppender<ILoggingEvent> appender = new ConsoleAppender<>();
        appender.setContext(context);
        appender.setName("stderr");
        appender.setTarget("System.err");
        appender.setEncoder(encoder(context));
        appender.start();
        var root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
        root.setLevel(Level.WARN);
        root.addAppender(appender);
        context.getLogger("io.sojourn").setLevel(level);
        return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
    }

    private static Encoder<ILoggingEvent> encoder(LoggerContext context) {
        if (form == Form.JSON) {
            JsonEncoder json = new JsonEncoder();
            json.setContext(context);
            json.start();
            return json;
        }
        PatternLayoutEncoder pattern = new PatternLayoutEncoder();
        pattern.setContext(context);
        pattern.setPattern(form == Form.PROCESS ? FOR_PROCESSES : FOR_PEOPLE);
        pattern.start();
        return pattern;
    }
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.JsonEncoder;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.Appender;
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

    private static final int MOST_WAITING = 8_192;

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
        Logger root = context.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME);
        root.setLevel(Level.WARN);
        root.addAppender(form == Form.PEOPLE ? stderr(context) : deferred(context, root));
        context.getLogger("io.sojourn").setLevel(level);
        return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
    }

    private static Appender<ILoggingEvent> stderr(LoggerContext context) {
        ConsoleAppender<ILoggingEvent> stderr = new ConsoleAppender<>();
        stderr.setContext(context);
        stderr.setName("stderr");
        stderr.setTarget("System.err");
        stderr.setEncoder(encoder(context));
        stderr.start();
        return stderr;
    }

    /**
     * Written by a thread of its own. Whoever has something to say in a move stands between two packets: a line is most of a millisecond there, and a disk that stands
     * still would be an outage. When the process ends, what waits is written, and from then on each line at once.
     */
    private static Appender<ILoggingEvent> deferred(LoggerContext context, Logger root) {
        DeferredAppender deferred = new DeferredAppender(stderr(context), MOST_WAITING);
        deferred.setContext(context);
        deferred.setName("deferred");
        deferred.start();
        Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().unstarted(() -> {
            root.addAppender(stderr(context));
            root.detachAppender(deferred);
            deferred.stop();
        }));
        return deferred;
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

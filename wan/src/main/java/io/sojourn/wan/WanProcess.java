// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** The WAN emulator as a process: attaches to every place, says {@code ready} on standard output, and forwards until told to stop. */
public final class WanProcess {
    private WanProcess() {}

    /**
     * Runs until {@link WanControl#stop} or a signal.
     *
     * @return 0 after a stop, 1 if a place cannot be attached or forwarding failed, 2 if the configuration is wrong; the reason
     *     is one line on standard error
     */
    public static int run(Path config) throws InterruptedException {
        WanConfig parsed;
        try {
            parsed = WanConfig.read(config);
        } catch (IllegalArgumentException wrong) {
            System.err.println("wan: " + wrong.getMessage());
            return 2;
        }
        try (WanEmulator emulator = new WanEmulator(parsed);
                ControlServer control = new ControlServer(parsed.control(), emulator)) {
            Thread atSignal = Thread.ofPlatform().unstarted(() -> stopAtSignal(emulator));
            Runtime.getRuntime().addShutdownHook(atSignal);
            emulator.start();
            System.out.println("ready");
            System.out.flush();
            boolean clean = emulator.join();
            control.close();
            try {
                Runtime.getRuntime().removeShutdownHook(atSignal);
            } catch (IllegalStateException alreadyShuttingDown) {
                return 0;
            }
            return clean ? 0 : 1;
        } catch (IOException noControl) {
            System.err.println("wan: cannot listen at " + parsed.control() + ": " + noControl.getMessage());
            return 1;
        } catch (IllegalStateException unattached) {
            System.err.println("wan: " + unattached.getMessage());
            return 1;
        }
    }

    /** Lets captures end whole. */
    private static void stopAtSignal(WanEmulator emulator) {
        emulator.stop();
        try {
            emulator.awaitEnd(TimeUnit.SECONDS.toMillis(1));
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** {@code WanProcess CONFIG.json} */
    public static void main(String[] args) throws InterruptedException {
        if (args.length != 1) {
            System.err.println("usage: wan CONFIG.json");
            System.exit(2);
        }
        System.exit(run(Path.of(args[0])));
    }
}

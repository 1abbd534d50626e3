// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import io.sojourn.model.identity.MacAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What Sojourn needs of a hypervisor for one guest (the SPI). Methods block until the hypervisor has answered and throw {@link HypervisorException};
 * they may be called from any thread. Events go, in order, to the listener given when the guest was attached: on the connection's reading
 * thread, so a listener hands over and returns, and never calls back into the guest.
 */
public interface Guest extends AutoCloseable {
    /** {@link GuestState#GONE} when the connection has ended; never throws for that. */
    GuestState status();

    /** Stops the processors; returns when they stand. Harmless if they stand already. */
    void stop();

    /** Lets the processors run; also takes back a guest that was sent whole ({@link GuestState#POSTMIGRATE}). */
    void cont();

    /** Ends the hypervisor's process; returns when the connection has ended. Harmless if it is gone. */
    void quit(Duration patience);

    /** Interfaces in the order of the hypervisor's list. */
    List<GuestNic> nics();

    /** Names of the taps, one for each interface that has a known one. */
    default List<String> taps() {
        return nics().stream().flatMap(nic -> nic.tap().stream()).toList();
    }

    default List<MacAddress> macs() {
        return nics().stream().map(GuestNic::mac).toList();
    }

    /** For people: {@code QEMU 7.2.22}. */
    String version();

    /** Processor model as the hypervisor names it; must be equal on both sides of a move. */
    String cpuModel();

    /** Guest memory in bytes, hot-plugged included. */
    long ramBytes();

    /** Why a move may harm this guest although the hypervisor will not say so: one line with the remedy, for PLAN to refuse or warn with. */
    default Optional<String> hazard() {
        return Optional.empty();
    }

    /**
     * Begins to send the guest to a Unix-domain socket somebody listens on (the carrier). The guest runs on. Progress by {@link #progress} and by
     * {@link GuestEvent.MigrationPass}, the end by {@link GuestEvent.MigrationStatus}.
     */
    void startMigration(Path unixSocket);

    /** What the carrier writes to the hypervisor, once, as soon as the stream's connection stands; none where nothing is expected. */
    default byte[] streamGreeting() {
        return new byte[0];
    }

    /** Cheap enough to be asked every 2 ms. Not answered while the hypervisor itself finishes ({@link GuestState#FINISHING}) and the carrier does not read. */
    MigrationProgress progress();

    /** Ends the migration under way and waits until the hypervisor agrees; the guest stays as it was, running if it ran. Harmless if none is. */
    void cancelMigration(Duration patience);

    /** Makes a guest started as {@code -incoming defer} listen at this path for the stream; the end by {@link GuestEvent.MigrationStatus}. */
    void listenForMigration(Path unixSocket);

    /** True until the connection has ended. */
    boolean attached();

    /** Lets go of the guest; the guest itself goes on. */
    @Override
    void close();
}

// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;

/** A guest under QEMU, over its QMP socket. */
public final class QemuGuest implements Guest {
    private final QmpClient qmp;

    private QemuGuest(QmpClient qmp) {
        this.qmp = qmp;
    }

    /** Attaches to the QMP socket at {@code qmpSocket}; QEMU serves one client at a time, a second one waits until {@code patience} is over. */
    public static QemuGuest attach(Path qmpSocket, Duration patience, Consumer<? super GuestEvent> events) {
        return new QemuGuest(QmpClient.connect(qmpSocket, patience, event -> {}, reason -> {}));
    }

    /** The connection below, for commands that only QEMU knows. */
    public QmpClient qmp() {
        return qmp;
    }

    @Override
    public GuestState status() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void stop() {}

    @Override
    public void cont() {}

    @Override
    public void quit(Duration patience) {}

    @Override
    public List<GuestNic> nics() {
        throw new UnsupportedOperationException();
    }

    @Override
    public String version() {
        throw new UnsupportedOperationException();
    }

    @Override
    public String cpuModel() {
        throw new UnsupportedOperationException();
    }

    @Override
    public long ramBytes() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void startMigration(Path unixSocket) {}

    @Override
    public MigrationProgress progress() {
        throw new UnsupportedOperationException();
    }

    @Override
    public void cancelMigration(Duration patience) {}

    @Override
    public void listenForMigration(Path unixSocket) {}

    @Override
    public boolean attached() {
        return true;
    }

    @Override
    public void close() {
        qmp.close();
    }
}

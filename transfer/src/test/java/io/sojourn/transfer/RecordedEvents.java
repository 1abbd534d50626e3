// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;

/** Keeps what a carrier reported. */
final class RecordedEvents implements CarrierEvents {
    final CountDownLatch connected = new CountDownLatch(1);
    final Semaphore drained = new Semaphore(0);
    final CompletableFuture<Long> finished = new CompletableFuture<>();
    final CompletableFuture<String> failed = new CompletableFuture<>();

    @Override
    public void connected() {
        connected.countDown();
    }

    @Override
    public void drained() {
        drained.release();
    }

    @Override
    public void finished(long streamBytes) {
        finished.complete(streamBytes);
    }

    @Override
    public void failed(String reason) {
        failed.complete(reason);
    }
}

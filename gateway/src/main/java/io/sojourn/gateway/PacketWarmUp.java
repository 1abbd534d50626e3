// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

import io.sojourn.gateway.WarmUpFrames.Size;
import io.sojourn.linux.SyscallException;
import io.sojourn.model.binding.Epoch;
import io.sojourn.model.identity.VmId;
import io.sojourn.wire.IpProtocol;
import java.lang.foreign.Arena;
import java.lang.management.CompilationMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Frames and super-frames through two gateways that exist only here, by the code that will do it in earnest: from a tap, over
 * loopback, sealed and plain, and by pages, to another tap. What the first stream meets is then as fast as what the thousandth does.
 *
 * <p>It ends when HotSpot's compilers have nothing to do any more, or its time is over: from the moment that a gateway is ready they
 * run on idle processors only, and a host under load has none.
 */
final class PacketWarmUp {
    private static final Logger LOG = LoggerFactory.getLogger(PacketWarmUp.class);
    /** Longer than nearly all compilations. */
    private static final long QUIET_NS = TimeUnit.MILLISECONDS.toNanos(400);
    /** So many rounds in a row; then the compilers have the processor for a moment. */
    private static final int ROUNDS = 24;

    private static final long PAUSE_NS = TimeUnit.MILLISECONDS.toNanos(4);
    /**
     * So many batches to a move of a VM. HotSpot compiles no branch that was never taken: the first packet that a move holds back would have the
     * compiled path thrown away and interpreted for some milliseconds, when they count most.
     */
    private static final int MOVE_EVERY = 6;

    private static final int ROUNDS_A_STEP = 4;

    private static final int SMALL_A_ROUND = 8;
    private static final int SEGMENTS_A_ROUND = 20;
    private static final int SEGMENT_BYTES = 1_340;
    private static final int SUPER_BYTES = 46 * SEGMENT_BYTES;

    private PacketWarmUp() {}

    /**
     * @param natively by pages, too
     * @param boundNs it takes no longer, whatever else this host does
     * @param inVain true as soon as there is nothing to rehearse for
     */
    static long run(boolean natively, long boundNs, BooleanSupplier inVain) {
        try (WarmUpStage near = new WarmUpStage("near");
                WarmUpStage far = new WarmUpStage("far");
                Arena arena = Arena.ofConfined()) {
            if (natively) {
                near.openPage();
                far.openPage();
            }
            near.meet(far);
            far.meet(near);
            near.connect(far);
            WarmUpFrames there = new WarmUpFrames(arena, near, far, SUPER_BYTES, SEGMENT_BYTES);
            WarmUpFrames back = new WarmUpFrames(arena, far, near, SUPER_BYTES, SEGMENT_BYTES);
            long start = System.nanoTime();
            long busyMs = compiledMs();
            long busyNs = start;
            long now = start;
            for (int batch = 0; now - start < boundNs && now - busyNs < QUIET_NS && !inVain.getAsBoolean(); batch++) {
                boolean plain = batch % 4 == 3;
                near.plain(plain);
                far.plain(plain);
                boolean paged = natively && batch % 2 == 0;
                near.pages(paged, far);
                far.pages(paged, near);
                near.counts(batch % 4 == 1, far);
                far.counts(batch % 4 == 1, near);
                if (batch % MOVE_EVERY == MOVE_EVERY - 1) {
                    move(near, far, there, back, 2L + 2 * batch);
                }
                for (int i = 0; i < ROUNDS; i++) {
                    round(near, far, there, back, i);
                }
                LockSupport.parkNanos(PAUSE_NS);
                now = System.nanoTime();
                long ms = compiledMs();
                if (ms != busyMs) {
                    busyMs = ms;
                    busyNs = now;
                }
            }
            LOG.debug("packet path rehearsed in {} ms", (System.nanoTime() - start) / 1_000_000);
            return far.counters.get(Counters.Kind.LAN_OUT) + near.counters.get(Counters.Kind.LAN_OUT);
        } catch (SyscallException | GatewayException e) {
            LOG.info("the packet path starts cold: {}", e.getMessage());
            return 0;
        }
    }

    /** There and back, with packets in each of the states between. */
    private static void move(
            WarmUpStage near, WarmUpStage far, WarmUpFrames there, WarmUpFrames back, long firstEpoch) {
        VmId vm = near.resident();
        Epoch away = new Epoch(firstEpoch);
        Epoch home = away.next();
        Runnable packets = () -> {
            for (int i = 0; i < ROUNDS_A_STEP; i++) {
                round(near, far, there, back, i);
            }
        };
        move(near, far, vm, away, packets);
        move(far, near, vm, home, packets);
    }

    private static void move(WarmUpStage from, WarmUpStage to, VmId vm, Epoch epoch, Runnable packets) {
        from.arm(to, vm, epoch);
        packets.run();
        from.redirect(to, vm, epoch, true);
        packets.run();
        from.letGo(vm, epoch);
        packets.run();
        to.resume(vm, epoch);
        packets.run();
        from.settle(to, vm, epoch);
        packets.run();
        from.release(to, vm, epoch);
    }

    private static long compiledMs() {
        CompilationMXBean compilers = ManagementFactory.getCompilationMXBean();
        return compilers != null && compilers.isCompilationTimeMonitoringSupported()
                ? compilers.getTotalCompilationTime()
                : 0;
    }

    private static void round(WarmUpStage near, WarmUpStage far, WarmUpFrames there, WarmUpFrames back, int i) {
        boolean v6 = i % 4 == 3;
        boolean betweenVms = i % 2 == 1;
        for (int n = 0; i % 8 == 4 && n < SEGMENTS_A_ROUND; n++) {
            there.say(near, v6, IpProtocol.TCP, Size.SEGMENT, betweenVms);
        }
        there.say(near, v6, IpProtocol.TCP, Size.SUPER, betweenVms);
        there.say(near, v6, IpProtocol.TCP, Size.SUPER, betweenVms);
        if (i % 8 == 0) {
            there.say(near, v6, IpProtocol.UDP, Size.SUPER, betweenVms);
        }
        for (int n = 0; n < SMALL_A_ROUND; n++) {
            back.say(far, v6, n % 2 == 0 ? IpProtocol.TCP : IpProtocol.UDP, Size.SMALL, betweenVms);
        }
        if (i % 4 == 2) {
            seldom(near, far, back, i);
        }
        near.turn();
        near.carryTo(far);
        far.turn();
        far.carryTo(near);
        near.turn();
    }

    /** What comes now and then: pings, also of the gateway; questions who has an address; a station that nobody knows; a gateway's own datagrams. */
    private static void seldom(WarmUpStage near, WarmUpStage far, WarmUpFrames back, int i) {
        boolean v6 = i % 8 == 2;
        int icmp = v6 ? IpProtocol.ICMPV6 : IpProtocol.ICMP;
        back.say(far, v6, icmp, Size.SMALL, false);
        back.say(far, v6, icmp, Size.SMALL, false, far.prefix6(), far.gateway(v6));
        long unknown = near.host(v6) + 1 + i % 8;
        back.say(far, v6, IpProtocol.UDP, Size.SMALL, false, near.prefix6(), unknown);
        near.askFor(far, v6);
        far.sendOwn(i);
    }
}

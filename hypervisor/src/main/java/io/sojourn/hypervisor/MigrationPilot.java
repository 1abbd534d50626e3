// SPDX-License-Identifier: Apache-2.0
package io.sojourn.hypervisor;

import java.time.Duration;

/**
 * Decides when the carrier must stop reading QEMU's stream, so that QEMU blocks in its write with little left while the guest runs on (handoff.md, "How
 * the moment is ours"). A function of successive {@link MigrationProgress} samples and the path; no clock, no I/O. Not thread-safe: one thread asks.
 *
 * <p>The place to park is the beginning of a pass, right after QEMU has looked at its dirty bitmap: everything dirty is then known and
 * counted in {@code remaining}, and nothing has been dirtied since. So the carrier should stop reading by itself on each
 * {@link GuestEvent.MigrationPass} from the second on ({@link #passBegan}), take a sample and do what this class then says. Only if the next pass is likely to be so short that QEMU
 * would run through it, the place is inside this one, with little left.
 *
 * <p>What stands in the way, and what is done (QEMU 7.2; measured):
 *
 * <ul>
 *   <li>What the carrier does not read still fits QEMU's socket: {@value #IN_FLIGHT_BYTES} bytes with QEMU's own buffer. The kernel wakes a blocked writer only when
 *       the socket has drained to a quarter (unix_writable in net/unix/af_unix.c), so QEMU goes on in bursts of some 160 KB whatever is read at a time. An
 *       idle guest's second pass (65 pages after a second) is little more than one burst. Hence the tail of a pass is read in sips: QEMU is then blocked
 *       when it takes its look, and the new pass does not fit.
 *   <li>The end of a pass cannot be foretold in bytes: a zero page counts 4096 in {@code remaining} and 9 on the stream. In pass 1 the sips begin at
 *       {@value #TAIL_BYTES} bytes, as the last blocks of a PC are its ROMs, half a megabyte that is not zero.
 *   <li>A page that QEMU remembers and finds unchanged is written as nothing; so a pass can be held back only by what exceeds QEMU's memory of pages
 *       ({@code xbzrle-cache-size}). A pass that may fit into that is not begun.
 *   <li>A guest that dirties less than a burst between two looks is finished by QEMU itself, before 8.1 (see {@link QemuGuest}): {@link GuestEvent.Stopped} comes unasked. That is not
 *       an error; the carrier must then read on <em>at once</em>, before any command: QEMU holds its main lock while it finishes, and answers nothing until it is read empty.
 *   <li>A guest that dirties faster than the path carries does not converge; the passes stop shrinking. It is then parked at a pass about as short as the
 *       shortest seen, if that fits the limit.
 * </ul>
 */
public final class MigrationPilot {
    /** The verdict; valid until the next sample. */
    public sealed interface Decision {
        /** Read as fast as the path takes it. */
        record Continue() implements Decision {}

        /** Read at most this many bytes from QEMU's socket until the next decision. */
        record Throttle(long bytes) implements Decision {}

        /** Stop reading now and go on to HOLD. The estimate is what crosses the path after the stop, at most: bytes, and the pause they cost. */
        record Park(long estimatedBytes, long estimatedPauseMs) implements Decision {}

        /** It will not fit the limits; the reason is one line. Cancel the migration. */
        record GiveUp(String reason) implements Decision {}
    }

    /**
     * Bounds of a move.
     *
     * @param maxPauseMs longest pause to accept; 0: no limit
     * @param maxPasses at this pass it is now or never; at least 2
     */
    public record Limits(int maxPauseMs, int maxPasses) {
        public static final Limits NONE = new Limits(0, 30);

        public Limits {
            if (maxPauseMs < 0 || maxPasses < 2) {
                throw new IllegalArgumentException(
                        "limits: pause >= 0 ms and passes >= 2, not " + maxPauseMs + " and " + maxPasses);
            }
        }
    }

    /** Socket buffer (net.core.wmem_default, 212,992) and what QEMU has queued before it (32 pages). */
    static final long IN_FLIGHT_BYTES = 344_064;
    /** Remaining memory at which the tail of pass 1 begins. */
    static final long TAIL_BYTES = 4 << 20;

    static final long SIP_BYTES = 32 << 10;
    static final long GULP_BYTES = 256 << 10;
    /** A pass that begins with less may be over before the carrier has learnt that it began: all of it unchanged, or as deltas in the socket. */
    private static final long SAFE_PASS_BYTES = QemuGuest.DELTA_CACHE_BYTES + 2 * IN_FLIGHT_BYTES;

    private static final int ZERO_PAGE_STREAM_BYTES = 9;
    private static final long GOAL_PAUSE_MS = 4;
    private static final long MIN_GOAL_BYTES = 384 << 10;
    /** Loading the device state and the like, at the destination. */
    private static final long DEVICE_STATE_MS = 3;
    /** A pass that has not become shorter than this part of the shortest one counts as stalled. */
    private static final double SHRINKING = 0.8;

    private static final int STALLED_PASSES = 2;
    /** Over which the speed of the stream is taken: many times what is in flight. */
    private static final long WINDOW_NS = 200_000_000L;

    private static final double AS_GOOD_AS_THE_BEST = 1.15;

    private static final Decision CONTINUE = new Decision.Continue();

    private final PathFacts path;
    private final Limits limits;
    private final Duration expectedHold;
    private final long goalBytes;
    /** Of the copy: as the path was said to carry, or as the fastest of all windows was, if that is less. */
    private double bytesPerS;

    private double fastestBytesPerS;
    private long windowNs;
    private long windowBytes;

    private volatile int announcedPass;
    private int pass;
    private long passBeganNs;
    private long passStartBytes;
    private boolean lastPass;
    /** QEMU got through what was to be the last pass. */
    private boolean overrun;

    private long shortestBytes = Long.MAX_VALUE;
    private int stalledPasses;
    private boolean parked;

    /** {@code expectedHold}: how long the guest runs on between the parking and its stop; what it dirties then is reckoned in. */
    public MigrationPilot(PathFacts path, Limits limits, Duration expectedHold) {
        this.path = path;
        this.limits = limits;
        this.expectedHold = expectedHold;
        this.bytesPerS = Math.max(1, path.bytesPerS());
        this.goalBytes = Math.max(MIN_GOAL_BYTES, path.bytesPerS() / 1000 * GOAL_PAUSE_MS);
    }

    /** QEMU has announced a pass: samples from before it are stale and decide nothing. May be called from any thread. */
    public void passBegan(int announced) {
        announcedPass = announced;
    }

    /** What the carrier shall do, seen this sample. */
    public Decision decide(MigrationProgress sample) {
        if (sample.phase() != MigrationPhase.ACTIVE || sample.pass() < 1) {
            return CONTINUE; // not begun, or QEMU is finishing and must be read empty
        }
        measure(sample);
        if (parked) {
            return park(sample);
        }
        if (sample.pass() < announcedPass) {
            return new Decision.Throttle(0);
        }
        if (sample.pass() == 1) {
            passBeganNs = passBeganNs == 0 ? sample.atNs() : passBeganNs;
            return firstPass(sample);
        }
        if (sample.pass() > pass) {
            pass = sample.pass();
            overrun = lastPass && sample.remainingBytes() < SAFE_PASS_BYTES;
            lastPass = bytesAtNextPass(sample) < SAFE_PASS_BYTES;
            passBeganNs = sample.atNs();
            passStartBytes = sample.remainingBytes();
            Decision atBoundary = boundary(sample);
            shortestBytes = Math.min(shortestBytes, sample.remainingBytes());
            return atBoundary;
        }
        if (lastPass && sample.remainingBytes() <= goalBytes && fits(sample)) {
            return park(sample);
        }
        return new Decision.Throttle(laterPassBytes(sample));
    }

    /** A path that never carried as much as it was thought to, or a copy that is held below what the pause may use, makes passes longer. */
    private void measure(MigrationProgress sample) {
        long ns = sample.atNs() - windowNs;
        if (windowNs != 0 && ns < WINDOW_NS) {
            return;
        }
        if (windowNs != 0 && sample.transferredBytes() > windowBytes) {
            fastestBytesPerS = Math.max(fastestBytesPerS, (sample.transferredBytes() - windowBytes) * 1e9 / ns);
            bytesPerS = Math.max(1, Math.min(path.bytesPerS(), fastestBytesPerS));
        }
        windowNs = sample.atNs();
        windowBytes = sample.transferredBytes();
    }

    private Decision firstPass(MigrationProgress sample) {
        if (sample.remainingBytes() <= TAIL_BYTES) {
            return new Decision.Throttle(SIP_BYTES);
        }
        // even if all the rest were zero pages, half of it stays unsent
        long halfIfZero = sample.remainingBytes() / sample.pageBytes() * ZERO_PAGE_STREAM_BYTES / 2;
        return new Decision.Throttle(Math.max(GULP_BYTES, halfIfZero));
    }

    private long laterPassBytes(MigrationProgress sample) {
        long toGo = lastPass ? (sample.remainingBytes() - goalBytes) / 2 : sample.remainingBytes() / 4;
        return Math.clamp(toGo, SIP_BYTES, 4 * GULP_BYTES);
    }

    /** If the guest goes on dirtying as it did in the pass that has just ended. */
    private long bytesAtNextPass(MigrationProgress sample) {
        double lastPassS = Math.max(1e-3, (sample.atNs() - passBeganNs) / 1e9);
        double thisPassS = sample.remainingBytes() / bytesPerS;
        return (long) (sample.remainingBytes() / lastPassS * thisPassS);
    }

    /** A new pass has begun: now, or after it? */
    private Decision boundary(MigrationProgress sample) {
        long startBytes = sample.remainingBytes();
        stalledPasses = startBytes > shortestBytes * SHRINKING ? stalledPasses + 1 : 0;
        boolean shortEnough = startBytes <= goalBytes;
        boolean noBetterToCome = stalledPasses >= STALLED_PASSES && startBytes <= shortestBytes * AS_GOOD_AS_THE_BEST;
        boolean lastChance = pass >= limits.maxPasses();
        if (shortEnough || noBetterToCome || lastChance || overrun) {
            if (fits(sample)) {
                return park(sample);
            }
            if (lastChance) {
                return new Decision.GiveUp(whyNot(sample));
            }
        }
        return new Decision.Throttle(laterPassBytes(sample));
    }

    private boolean fits(MigrationProgress sample) {
        return limits.maxPauseMs() == 0 || pauseMs(bytesAfterStop(sample)) <= limits.maxPauseMs();
    }

    private Decision park(MigrationProgress sample) {
        parked = true;
        long bytes = bytesAfterStop(sample);
        return new Decision.Park(bytes, pauseMs(bytes));
    }

    /** What was dirty when the pass began may be dirty again by now, sent or not; new pages come in the hold. Not pages twice: a dirty page is sent once. */
    private long bytesAfterStop(MigrationProgress sample) {
        long dirtiedInHold = sample.dirtyPagesPerS() * sample.pageBytes() * expectedHold.toMillis() / 1000;
        long dirty = Math.max(passStartBytes, sample.remainingBytes()) + Math.min(dirtiedInHold, passStartBytes);
        return dirty + IN_FLIGHT_BYTES;
    }

    private long pauseMs(long bytes) {
        return bytes * 1000 / Math.max(1, path.bytesPerS()) + path.rtt().toMillis() / 2 + DEVICE_STATE_MS;
    }

    private String whyNot(MigrationProgress sample) {
        return "the guest does not converge: after " + pass + " passes still " + (sample.remainingBytes() >> 10)
                + " KiB dirty, a pause of about " + pauseMs(bytesAfterStop(sample)) + " ms where at most "
                + limits.maxPauseMs()
                + " ms are allowed; allow a longer pause, or move it when it is less busy (it dirties "
                + (sample.dirtyPagesPerS() * sample.pageBytes() >> 20) + " MiB/s, the path carries "
                + (path.bytesPerS() >> 20) + " MiB/s)";
    }
}

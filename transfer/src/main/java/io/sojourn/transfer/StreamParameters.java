// SPDX-License-Identifier: Apache-2.0
package io.sojourn.transfer;

/**
 * How a stream may use its path.
 *
 * @param maxPayloadBytes stream bytes per datagram (the datagram is {@link StreamFormat#DATA_HEADER_BYTES} longer); both ends
 *     may differ
 * @param ringBytes capacity of each end's ring, a power of two and at least 4 MiB; bounds rate x round trip
 * @param initialBytesPerS pace before anything is known of the path
 * @param capBytesPerS never faster than this on the wire, headers included ({@code Limits.bandwidth_bytes_per_s})
 * @param copyBytesPerS nor faster than this while the guest still runs, before {@code expedite()}: the copy has time, and the guest's own traffic and both hosts' processors
 *     are better left to others; the last pages have none
 * @param floorBytesPerS congestion never pushes the pace below this
 * @param targetQueueMs queueing delay in the path, over the smallest seen, at which the sender backs off
 * @param lossPercent loss over a round trip, sustained, at which the sender backs off
 * @param extraCopies copies of each datagram of the final burst after {@code expedite()}; 0 sends it once
 * @param extraCopiesMaxBytes bound on the bytes spent on copies
 * @param silenceMs the peer has not answered for this long while something is outstanding: the stream fails
 */
public record StreamParameters(
        int maxPayloadBytes,
        int ringBytes,
        long initialBytesPerS,
        long capBytesPerS,
        long copyBytesPerS,
        long floorBytesPerS,
        int targetQueueMs,
        double lossPercent,
        int extraCopies,
        long extraCopiesMaxBytes,
        long silenceMs) {
    /** A cap that does not bind. */
    public static final long UNCAPPED_BYTES_PER_S = Long.MAX_VALUE / 4;

    private static final int MIB = 1 << 20;
    private static final int FLOOR_OF_CAP = 50;

    public StreamParameters {
        if (maxPayloadBytes < 256 || maxPayloadBytes > 65_000) {
            throw new IllegalArgumentException("stream payload " + maxPayloadBytes + " B is not within 256..65000 B");
        }
        if (Integer.bitCount(ringBytes) != 1 || ringBytes < StreamFormat.INITIAL_WINDOW_BYTES) {
            throw new IllegalArgumentException(
                    "stream ring of " + ringBytes + " B is not a power of two of at least 4 MiB");
        }
        copyBytesPerS = Math.min(copyBytesPerS, capBytesPerS);
        if (floorBytesPerS <= 0 || copyBytesPerS < floorBytesPerS || initialBytesPerS <= 0) {
            throw new IllegalArgumentException("stream rates must satisfy 0 < floor " + floorBytesPerS + " B/s <= copy "
                    + copyBytesPerS + " B/s <= cap " + capBytesPerS + " B/s and initial " + initialBytesPerS
                    + " B/s > 0");
        }
        initialBytesPerS = Math.min(initialBytesPerS, copyBytesPerS);
    }

    /** 64 MiB rings, 8 MB/s at first, uncapped; fits a path MTU of 1500 B over IPv4 or IPv6. */
    public static StreamParameters defaults() {
        return new StreamParameters(
                1400,
                64 * MIB,
                8_000_000,
                UNCAPPED_BYTES_PER_S,
                UNCAPPED_BYTES_PER_S,
                500_000,
                25,
                2.0,
                1,
                4L * MIB,
                30_000);
    }

    /** Who says what the path may be used for has said as well that a little of it is no harm: delays of a host that is short of processors are not the path's. */
    public StreamParameters withCapBytesPerS(long bytesPerS) {
        long littleBytesPerS = bytesPerS < UNCAPPED_BYTES_PER_S ? bytesPerS / FLOOR_OF_CAP : 0;
        return new StreamParameters(
                maxPayloadBytes,
                ringBytes,
                initialBytesPerS,
                bytesPerS,
                copyBytesPerS,
                Math.min(Math.max(floorBytesPerS, littleBytesPerS), bytesPerS),
                targetQueueMs,
                lossPercent,
                extraCopies,
                extraCopiesMaxBytes,
                silenceMs);
    }

    boolean isCapped() {
        return capBytesPerS < UNCAPPED_BYTES_PER_S;
    }

    public StreamParameters withCopyBytesPerS(long bytesPerS) {
        return new StreamParameters(
                maxPayloadBytes,
                ringBytes,
                initialBytesPerS,
                capBytesPerS,
                bytesPerS,
                Math.min(floorBytesPerS, bytesPerS),
                targetQueueMs,
                lossPercent,
                extraCopies,
                extraCopiesMaxBytes,
                silenceMs);
    }

    public StreamParameters withMaxPayloadBytes(int bytes) {
        return new StreamParameters(
                bytes,
                ringBytes,
                initialBytesPerS,
                capBytesPerS,
                copyBytesPerS,
                floorBytesPerS,
                targetQueueMs,
                lossPercent,
                extraCopies,
                extraCopiesMaxBytes,
                silenceMs);
    }

    public StreamParameters withRingBytes(int bytes) {
        return new StreamParameters(
                maxPayloadBytes,
                bytes,
                initialBytesPerS,
                capBytesPerS,
                copyBytesPerS,
                floorBytesPerS,
                targetQueueMs,
                lossPercent,
                extraCopies,
                extraCopiesMaxBytes,
                silenceMs);
    }

    public StreamParameters withExtraCopies(int copies, long maxBytes) {
        return new StreamParameters(
                maxPayloadBytes,
                ringBytes,
                initialBytesPerS,
                capBytesPerS,
                copyBytesPerS,
                floorBytesPerS,
                targetQueueMs,
                lossPercent,
                copies,
                maxBytes,
                silenceMs);
    }

    public StreamParameters withSilenceMs(long ms) {
        return new StreamParameters(
                maxPayloadBytes,
                ringBytes,
                initialBytesPerS,
                capBytesPerS,
                copyBytesPerS,
                floorBytesPerS,
                targetQueueMs,
                lossPercent,
                extraCopies,
                extraCopiesMaxBytes,
                ms);
    }
}

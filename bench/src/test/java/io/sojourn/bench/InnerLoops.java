// SPDX-License-Identifier: Apache-2.0
package io.sojourn.bench;

import io.sojourn.linux.AeadContext;
import io.sojourn.linux.IpsecMbGcm;
import io.sojourn.linux.OpensslAead;
import io.sojourn.linux.OpensslAead.Algorithm;
import io.sojourn.seal.ReplayWindow;
import io.sojourn.wire.BigEndian;
import io.sojourn.wire.Checksum;
import io.sojourn.wire.DropReason;
import io.sojourn.wire.EtherType;
import io.sojourn.wire.Ethernet;
import io.sojourn.wire.FrameRun;
import io.sojourn.wire.IpProtocol;
import io.sojourn.wire.Ipv4;
import io.sojourn.wire.ParsedFrame;
import io.sojourn.wire.Tcp;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** What is done for every packet, each by itself (JMH). {@link InnerLoopsTest} runs them. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class InnerLoops {
    private static final int PACKET_BYTES = 1_400;
    private static final int SHORT_BYTES = 64;
    private static final int SUPER_FRAME_BYTES = 64_000;
    private static final int HEADERS_BYTES = Ethernet.HEADER_BYTES + Ipv4.HEADER_BYTES + Tcp.HEADER_BYTES;

    private final MemorySegment memory = Arena.ofAuto().allocate(1 << 17, 64);
    private final MemorySegment headers = Arena.ofAuto().allocate(256, 64);
    private final AeadContext sealer = gcm(true);
    private final AeadContext opener = gcm(false);
    private final MemorySegment sealed = Arena.ofAuto().allocate(PACKET_BYTES + AeadContext.TAG_BYTES, 64);
    private final MemorySegment opened = Arena.ofAuto().allocate(PACKET_BYTES, 64);
    private final ParsedFrame parsed = new ParsedFrame();
    private final FrameRun run = new FrameRun();
    private final ReplayWindow window = new ReplayWindow();
    private long number;
    private int segment;

    /** A TCP super-frame stands in {@link #memory}, as a tap hands it over. */
    public InnerLoops() {
        BigEndian.putU16(memory, 12, EtherType.IPV4);
        int ipBytes = SUPER_FRAME_BYTES - Ethernet.HEADER_BYTES;
        Ipv4.write(
                memory,
                Ethernet.HEADER_BYTES,
                0,
                ipBytes,
                Ipv4.DONT_FRAGMENT,
                64,
                IpProtocol.TCP,
                0x0A0A_0114,
                0x0A0A_0214);
        BigEndian.putU8(memory, Ethernet.HEADER_BYTES + Ipv4.HEADER_BYTES + 12, Tcp.HEADER_BYTES / 4 << 4);
        parsed.parse(memory, 0, SUPER_FRAME_BYTES);
        if (!run.whole(memory, parsed, PACKET_BYTES)) {
            throw new BenchException("the super-frame is none");
        }
        sealer.seal(0, memory, HEADERS_BYTES, PACKET_BYTES, sealed, 0);
    }

    /** As a gateway picks it. */
    private static AeadContext gcm(boolean sealing) {
        byte[] key = new byte[AeadContext.KEY_BYTES];
        return IpsecMbGcm.isAvailable() ? new IpsecMbGcm(key) : new OpensslAead(Algorithm.AES_256_GCM, key, sealing);
    }

    @Benchmark
    public DropReason parse() {
        return parsed.parse(memory, 0, SUPER_FRAME_BYTES);
    }

    @Benchmark
    public int writeSegmentHeader() {
        segment = segment + 1 == run.count() ? 0 : segment + 1;
        return run.writeHeader(segment, headers, 0);
    }

    @Benchmark
    public int checksum1400() {
        return Checksum.sum(memory, HEADERS_BYTES, PACKET_BYTES);
    }

    @Benchmark
    public int seal1400() {
        return sealer.seal(++number, memory, HEADERS_BYTES, PACKET_BYTES, sealed, 0);
    }

    @Benchmark
    public int seal64() {
        return sealer.seal(++number, memory, HEADERS_BYTES, SHORT_BYTES, opened, 0);
    }

    /** What {@link #seal1400} has left there, or not: one that is refused takes as long. */
    @Benchmark
    public int open1400() {
        return opener.open(number, sealed, 0, PACKET_BYTES + AeadContext.TAG_BYTES, opened, 0);
    }

    @Benchmark
    public boolean replayWindow() {
        long counter = ++number;
        return window.mayAccept(counter) && window.accept(counter);
    }
}

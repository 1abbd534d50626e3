// SPDX-License-Identifier: Apache-2.0
package io.sojourn.mechanism;

/** What a packet from the WAN turned out to hold: one instance per thread, filled again for each packet. */
public final class Inbound {
    private long frameAt;
    private int frameLength;
    private int vni;
    private int epoch;
    private boolean partialChecksum;
    private boolean passedOn;

    void set(long frameAt, int frameLength, int vni, int epoch, boolean partialChecksum, boolean passedOn) {
        this.frameAt = frameAt;
        this.frameLength = frameLength;
        this.vni = vni;
        this.epoch = epoch;
        this.partialChecksum = partialChecksum;
        this.passedOn = passedOn;
    }

    /** Where the Ethernet frame begins, in the segment that was given. */
    public long frameAt() {
        return frameAt;
    }

    public int frameLength() {
        return frameLength;
    }

    public int vni() {
        return vni;
    }

    /** Low 24 bits of the epoch that the sender's route had; 0 when it said none. */
    public int epoch() {
        return epoch;
    }

    /** The frame's transport checksum is partial. */
    public boolean isPartialChecksum() {
        return partialChecksum;
    }

    /** The sender has it from another gateway. */
    public boolean isPassedOn() {
        return passedOn;
    }
}

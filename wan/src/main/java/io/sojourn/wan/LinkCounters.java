// SPDX-License-Identifier: Apache-2.0
package io.sojourn.wan;

/** What a link did to packets since the start; only the forwarding thread touches it. */
final class LinkCounters {
    /** Accepted by the line, those lost on it included. */
    long packets;

    long bytes;
    long delivered;
    long deliveredBytes;
    long lost;
    long duplicated;
    long reordered;
    long corrupted;
    /** The wait for the line would have been longer than the queue. */
    long droppedQueue;
    /** The link or one of its places is down, at entry or exit. */
    long droppedDown;
    /** Longer than the link's MTU and not to be fragmented. */
    long droppedTooBig;
    /** All packet slots in use. */
    long droppedMemory;
    /** Refused by the receiving place's device. */
    long droppedDevice;
}

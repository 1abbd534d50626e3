// SPDX-License-Identifier: Apache-2.0
package io.sojourn.sim;

/** Faults planted in the protocol, to see whether the simulator finds them. Production code knows none of them. */
public enum Mutation {
    /** The protocol as it is. */
    NONE,
    /** A gateway takes any route and delivers any epoch. */
    NO_EPOCH_CHECK,
    /** What is deleted at release is found by the VM's address, whatever its epoch. */
    RELEASE_BY_ADDRESS,
}

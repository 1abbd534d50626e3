// SPDX-License-Identifier: Apache-2.0
package io.sojourn.registry;

/** What an entry is. The names are part of the stored format: never renamed, never reused. */
public enum Kind {
    SITE,
    GATEWAY,
    NETWORK,
    VM,
    /** Written by {@link Write.Bind} and {@link Write.Unbind} only. */
    BINDING,
    LANDING,
    MIGRATION,
    /** Something about a VM that an operator should know of. */
    NOTICE,
    /** A gateway's half of a certificate, as it signed it. */
    CERTIFICATE,
    /** The key that a gateway signs with. */
    SIGNING_KEY,
    /** Rules and floating addresses of a VM or a network. */
    POLICY,
    /** Key material: never shown, never streamed to anybody. */
    SECRET
}

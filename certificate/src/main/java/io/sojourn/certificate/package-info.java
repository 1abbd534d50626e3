// SPDX-License-Identifier: Apache-2.0
/**
 * What two gateways signed about a move: the statements, their canonical form, signatures, and whether the two agree. See
 * docs/protocol/certificate.md. Pure: whoever has the file and this package can check it.
 */
@org.jspecify.annotations.NullMarked
package io.sojourn.certificate;

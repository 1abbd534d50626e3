// SPDX-License-Identifier: Apache-2.0
package io.sojourn.gateway;

/**
 * The way to hosts behind an edge that is not ours, as this gateway reaches them.
 *
 * @param site where subnets say that their hosts are at home
 */
record Edge(String site, EdgeDevice device, LanPort port) {}

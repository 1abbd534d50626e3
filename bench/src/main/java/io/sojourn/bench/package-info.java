// SPDX-License-Identifier: Apache-2.0
/**
 * One harness that measures the packet path: this software, the kernel's own ways and other user-level overlays, each between two
 * hosts behind two gateways, all in the same run, in interleaved rounds.
 *
 * <pre>
 *   PREFIX-WAYha            PREFIX-WAYga                    PREFIX-WAYgb            PREFIX-WAYhb
 *   eth0 10.10.1.20 ------- lan 10.10.1.1   wan 100.64.0.1 ---- wan 100.64.0.2   lan 10.10.2.1 ------- eth0 10.10.2.20
 *        fd10:10:1::20          (or a bridge)  MTU 1500                          (or a bridge)         fd10:10:2::20
 * </pre>
 */
@org.jspecify.annotations.NullMarked
package io.sojourn.bench;

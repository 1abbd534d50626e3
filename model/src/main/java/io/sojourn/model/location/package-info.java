// SPDX-License-Identifier: Apache-2.0
/** Where: sites, the gateways at them, and how a gateway is reached. Knows nothing of who. */
@org.jspecify.annotations.NullMarked
package io.sojourn.model.location;

// SPDX-License-Identifier: Apache-2.0
/** Who: names that a virtual machine keeps wherever it runs. Knows nothing of where. */
@org.jspecify.annotations.NullMarked
package io.sojourn.model.identity;

// SPDX-License-Identifier: Apache-2.0
/** Who is where: the only package that joins identity and location, under an epoch that only grows. */
@org.jspecify.annotations.NullMarked
package io.sojourn.model.binding;
